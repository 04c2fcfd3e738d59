//! Advice about requests that are signed with AWS credentials of the gateway.

use crate::aws::{AccessKeyId, CallerIdentity, PrincipalKind, RoleArn, StsRefusal};

/// Advice about the IAM user whose key signs; `None` if the advice for roles applies.
pub(super) fn federation_advice(
    refusal: StsRefusal,
    role: &RoleArn,
    key: &AccessKeyId,
) -> Option<(String, String)> {
    let account = role.account();
    if matches!(refusal, StsRefusal::AccessDenied | StsRefusal::TagSession) {
        return Some((
            format!("The IAM user of account {account} is not allowed to issue federation tokens."),
            format!(
                "In account {account}, allow the user of the access key {key} sts:GetFederationToken and sts:TagSession on arn:{}:sts::{account}:federated-user/*.",
                role.partition()
            ),
        ));
    }
    (refusal == StsRefusal::InvalidCredentials).then(|| {
        (
            format!("AWS does not accept the access key of account {account}."),
            format!(
                "Check that the access key {key} exists and is active in account {account}, and that `credentials` of the account names the files with this key and its secret."
            ),
        )
    })
}

/// What to check if a role does not accept the gateway's credentials.
pub(super) fn caller_hint(
    role: &RoleArn,
    own: Option<&CallerIdentity>,
    external_id: bool,
    via: &[RoleArn],
) -> String {
    let principal = own.map_or_else(
        || "the principal of the gateway (see rolecalld check --online)".to_owned(),
        |own| match own.kind() {
            PrincipalKind::RoleSession => format!("the role of {own}"),
            PrincipalKind::User | PrincipalKind::FederatedUser | PrincipalKind::Root => {
                own.to_string()
            }
        },
    );
    let condition = match external_id {
        true => {
            "if it requires sts:ExternalId, the value must be external_id of the account in the access policy"
        }
        false => {
            "it must not require sts:ExternalId, since the account has no external_id in the access policy"
        }
    };
    let chain: String = via
        .iter()
        .chain([role])
        .map(RoleArn::as_str)
        .collect::<Vec<_>>()
        .join(", then ");
    let first = via.first().unwrap_or(role);
    let others = match via.is_empty() {
        true => String::new(),
        false => {
            " The trust policy of each further role must allow the role before it as Principal AWS."
                .to_owned()
        }
    };
    format!(
        "AWS's own message names the role that refused. Rolecall assumes {chain}. The trust policy of {first} must allow sts:AssumeRole, \
         sts:TagSession and sts:SetSourceIdentity to the Principal AWS of {principal}; {condition}.{others} Policies of the \
         credentials that assume a role must allow the same actions on it."
    )
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::{AdviceFacts, ProofFacts, advice};
    use super::*;
    use crate::aws::RoleSessionDuration;

    #[test]
    fn a_caller_reads_principal_external_id_and_hops() {
        let issuer = Url::parse("https://sso.example.com/").unwrap();
        let role: RoleArn = "arn:aws:iam::111122223333:role/rolecall/Developer"
            .parse()
            .unwrap();
        let hub: RoleArn = "arn:aws:iam::999988887777:role/hub".parse().unwrap();
        let own = CallerIdentity::parse("arn:aws:iam::999988887777:user/gateway").unwrap();
        let facts = |own, external_id, via| AdviceFacts {
            issuer: &issuer,
            proof: ProofFacts::Caller {
                own,
                external_id,
                via,
            },
            role: &role,
            duration: RoleSessionDuration::MAX,
            answer: "",
        };
        let hops = [hub];
        let hint = advice(StsRefusal::AccessDenied, &facts(Some(&own), true, &hops)).hint;
        for text in [
            "assumes arn:aws:iam::999988887777:role/hub, then arn:aws:iam::111122223333:role/rolecall/Developer.",
            "trust policy of arn:aws:iam::999988887777:role/hub must",
            "Principal AWS of arn:aws:iam::999988887777:user/gateway",
            "must be external_id of the account",
            "each further role",
        ] {
            assert!(hint.contains(text), "{text}: {hint}");
        }
        let hint = advice(StsRefusal::AccessDenied, &facts(None, false, &[])).hint;
        assert!(hint.contains("the account has no external_id"), "{hint}");
        assert!(!hint.contains("each further role"), "{hint}");
        for (refusal, text) in [
            (StsRefusal::TagSession, "sts:TagSession"),
            (StsRefusal::SetSourceIdentity, "sts:SetSourceIdentity"),
            (StsRefusal::ChainedDurationTooLong, "at most 1 h"),
            (StsRefusal::InvalidCredentials, "rolecalld check --online"),
        ] {
            let hint = advice(refusal, &facts(None, false, &[])).hint;
            assert!(hint.contains(text), "{hint}");
        }
    }
}
