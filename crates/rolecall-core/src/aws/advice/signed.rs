//! Advice about requests that are signed with AWS credentials of the gateway. People read what happened; the principals, the roles on
//! the way and the keys are for operators, in the log.

use super::Advice;
use crate::aws::{AccessKeyId, CallerIdentity, PrincipalKind, RefusalSubject, RoleArn, StsRefusal};

/// Facts for the advice about `AssumeRole`.
pub(super) struct CallerFacts<'a> {
    /// The requested role.
    pub(super) role: &'a RoleArn,
    /// The principal of the gateway's credentials, if it is known.
    pub(super) own: Option<&'a CallerIdentity>,
    /// Whether `ExternalId` was sent.
    pub(super) external_id: bool,
    /// The intermediate roles.
    pub(super) via: &'a [RoleArn],
    /// How many of them had been assumed.
    pub(super) assumed: usize,
}

const ASK: &str = "Contact your administrator and include the reference ID: the gateway's log names the roles and policies to check.";

impl CallerFacts<'_> {
    /// The role that refused.
    fn refusing(&self) -> &RoleArn {
        self.via.get(self.assumed).unwrap_or(self.role)
    }

    /// The principal that signed the request.
    fn principal(&self) -> String {
        let before = self.assumed.checked_sub(1).and_then(|n| self.via.get(n));
        match (before, self.own) {
            (Some(role), _) => role.to_string(),
            (None, Some(own)) => match own.kind() {
                PrincipalKind::RoleSession => format!("the role of {own}"),
                PrincipalKind::User | PrincipalKind::FederatedUser | PrincipalKind::Root => {
                    own.to_string()
                }
            },
            (None, None) => {
                "the principal of the gateway (see rolecalld check --online)".to_owned()
            }
        }
    }

    /// For the person: the requested role, or the intermediate role that refused.
    fn subject(&self) -> String {
        let (name, account) = (self.role.role().name(), self.role.account());
        match self.assumed < self.via.len() {
            true => format!("The intermediate role before the role {name} in account {account}"),
            false => format!("The role {name} in account {account}"),
        }
    }

    /// What to check about the external id, which only the first role gets.
    fn external_id(&self) -> &'static str {
        match (self.assumed, self.external_id) {
            (0, true) => {
                " If it requires sts:ExternalId, the value must be external_id of the account in the access policy."
            }
            (0, false) => {
                " It must not require sts:ExternalId, since the account has no external_id in the access policy."
            }
            _ => " It must not require sts:ExternalId, which is sent to the first role only.",
        }
    }

    /// What the trust policy must allow, and to whom.
    fn trust(&self, actions: &str) -> String {
        let (refusing, principal) = (self.refusing(), self.principal());
        format!(
            "The trust policy of {refusing} must allow {actions} to the Principal AWS of {principal}, and the policies of that principal must allow the same on the role."
        )
    }
}

/// Advice about `AssumeRole`, where it differs from that about tokens and SAML responses.
pub(super) fn caller_advice(refusal: StsRefusal, facts: &CallerFacts<'_>) -> Option<Advice> {
    let (subject, principal, role) = (facts.subject(), facts.principal(), facts.role);
    let account = role.account();
    let (explanation, operators) = match refusal.subject() {
        RefusalSubject::Policies if refusal == StsRefusal::TagSession => (
            format!("{subject} does not allow session tags."),
            facts.trust("sts:TagSession")
                + " If it does, compare its conditions on aws:RequestTag and aws:TagKeys with the tags of the permission set.",
        ),
        RefusalSubject::Policies if refusal == StsRefusal::SetSourceIdentity => (
            format!("{subject} does not allow a source identity."),
            facts.trust("sts:SetSourceIdentity")
                + " If it does, compare its condition on sts:SourceIdentity with source_identity of the permission set.",
        ),
        RefusalSubject::Policies if refusal == StsRefusal::ExternalId => (
            format!("{subject} requires another external id."),
            format!("Compare sts:ExternalId in the trust policy of {}.{}", facts.refusing(), facts.external_id()),
        ),
        RefusalSubject::Policies => (
            format!("{subject} does not trust Rolecall, or does not exist."),
            facts.trust("sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity")
                + facts.external_id(),
        ),
        RefusalSubject::Organization => (
            format!("{subject} cannot be assumed: a policy of the AWS organization denies it."),
            format!(
                "A service control policy of the account of {principal}, or a resource control policy of the account of {}, denies it. Ask the administrators of the AWS organization.",
                facts.refusing()
            ),
        ),
        RefusalSubject::Signer => (
            "AWS does not accept the gateway's own credentials.".to_owned(),
            format!(
                "The AWS credentials of {principal} are expired, deactivated or incomplete, or the gateway's clock is wrong. rolecalld check --online shows their principal."
            ),
        ),
        RefusalSubject::Service if refusal == StsRefusal::RegionDisabled => (
            format!("AWS STS is not active in this Region for account {account}, or for the gateway's own account."),
            format!(
                "Activate the Region for STS in account {account} and in the account of {principal} (IAM, Account settings), or set sts_region of the account to another one."
            ),
        ),
        RefusalSubject::Service if refusal == StsRefusal::AccountInactive => (
            "The gateway's own AWS account cannot use AWS STS: it is suspended, or its sign-up is not complete.".to_owned(),
            format!("Check the status of the account of {principal} in AWS Organizations or Billing."),
        ),
        RefusalSubject::Service if refusal == StsRefusal::Throttled => {
            return Some(Advice {
                explanation: "AWS is receiving too many requests from the gateway's own account.".to_owned(),
                hint: "Try again in a few seconds.".to_owned(),
                operators: Some(format!("STS throttles the account of {principal}: lower sts_rate in [aws], or ask AWS for a higher quota.")),
            });
        }
        RefusalSubject::Proof | RefusalSubject::Parameters | RefusalSubject::Service => return None,
    };
    Some(for_administrators(explanation, operators))
}

/// Advice about `GetFederationToken`, which involves no role.
pub(super) fn federation_advice(
    refusal: StsRefusal,
    role: &RoleArn,
    key: &AccessKeyId,
) -> Option<Advice> {
    let (account, partition) = (role.account(), role.partition());
    let (explanation, operators) = match refusal.subject() {
        RefusalSubject::Policies => (
            format!("The IAM user of account {account} is not allowed to issue federation tokens."),
            format!(
                "In account {account}, allow the user of the access key {key} sts:GetFederationToken and sts:TagSession on arn:{partition}:sts::{account}:federated-user/*."
            ),
        ),
        RefusalSubject::Organization => (
            format!(
                "A policy of the AWS organization denies federation tokens in account {account}."
            ),
            format!(
                "A service control policy of account {account} denies sts:GetFederationToken or sts:TagSession to the user of the access key {key}. Ask the administrators of the AWS organization."
            ),
        ),
        RefusalSubject::Signer => (
            format!("AWS does not accept the access key of account {account}."),
            format!(
                "Check that the access key {key} exists and is active in account {account}, that `credentials` of the account names the files with this key and its secret, and that the gateway's clock is synchronized."
            ),
        ),
        RefusalSubject::Proof | RefusalSubject::Parameters | RefusalSubject::Service => {
            return None;
        }
    };
    Some(for_administrators(explanation, operators))
}

fn for_administrators(explanation: String, operators: String) -> Advice {
    Advice {
        explanation,
        hint: ASK.to_owned(),
        operators: Some(operators),
    }
}

/// A message of AWS without ARNs and access key IDs.
pub fn without_names(message: &str) -> String {
    let words = message.split(' ').map(|word| {
        if word.contains("arn:") {
            "[ARN]"
        } else if word
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_key_id)
        {
            "[access key]"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Access key IDs begin with `AKIA` or `ASIA` (IAM User Guide, "Unique identifiers").
fn is_key_id(word: &str) -> bool {
    word.len() >= 16
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
