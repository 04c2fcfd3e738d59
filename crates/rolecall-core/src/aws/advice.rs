//! What to do when AWS says no: one explanation and one next step for every refusal that somebody can act on.

use url::Url;

use super::{RoleArn, RoleSessionDuration, StsRefusal};

/// What the advice is about.
#[derive(Clone, Copy, Debug)]
pub struct AdviceFacts<'a> {
    /// `iss` of our tokens.
    pub issuer: &'a Url,
    /// `aud` of our tokens.
    pub audience: &'a str,
    /// The role.
    pub role: &'a RoleArn,
    /// `DurationSeconds`
    pub duration: RoleSessionDuration,
}

/// An explanation for the person and a next step for whoever can take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened.
    pub explanation: String,
    /// What to do next.
    pub hint: String,
}

/// Explains a refusal.
pub fn advice(refusal: StsRefusal, facts: &AdviceFacts<'_>) -> Advice {
    let AdviceFacts {
        issuer,
        audience,
        role,
        duration,
    } = *facts;
    let issuer = issuer.as_str().trim_end_matches('/');
    let provider = issuer.split_once("://").map_or(issuer, |(_, host)| host);
    let account = role.account();
    let name = role.role().name();
    let (explanation, hint) = match refusal {
        StsRefusal::AccessDenied => (
            format!("The role {name} in account {account} does not let Rolecall in, or does not exist."),
            format!("Check that {role} exists and that its trust policy allows sts:AssumeRoleWithWebIdentity, sts:TagSession and sts:SetSourceIdentity for the OIDC provider {provider}, with conditions that this session meets."),
        ),
        StsRefusal::ProviderNotRegistered => (
            format!("Account {account} has no OIDC provider for {issuer}."),
            format!("In account {account}, run: aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}"),
        ),
        StsRefusal::Audience => (
            format!("The OIDC provider in account {account} does not accept tokens for {audience}."),
            format!("In account {account}, run: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:{}:iam::{account}:oidc-provider/{provider} --client-id {audience}", role.partition()),
        ),
        StsRefusal::KeysUnreachable => (
            "AWS could not read the gateway's public keys.".to_owned(),
            format!("{issuer}/jwks must be reachable from the internet by https with a certificate of a public authority. If a key was made just now, wait a few minutes."),
        ),
        StsRefusal::ProviderUnreachable => (
            "AWS could not reach the gateway to check its token.".to_owned(),
            format!("{issuer}/.well-known/openid-configuration must be reachable from the internet by https. Try again in a moment."),
        ),
        StsRefusal::InvalidProof | StsRefusal::RejectedClaim => (
            "AWS did not accept the gateway's token.".to_owned(),
            format!("Compare the issuer, {issuer}, with the OIDC provider in account {account}: they must be equal to the letter."),
        ),
        StsRefusal::Expired => (
            "AWS found the gateway's token too old the moment it arrived.".to_owned(),
            "The gateway's clock is wrong: check that it is synchronised (timedatectl, chronyc tracking).".to_owned(),
        ),
        StsRefusal::DurationTooLong => (
            format!("The role {name} in account {account} allows shorter sessions than {duration}."),
            format!("Raise the role's MaxSessionDuration to at least {} seconds (aws iam update-role --role-name {name} --max-session-duration {0}), or shorten session_duration in the access policy.", duration.seconds()),
        ),
        StsRefusal::PackedTooLarge => (
            "The session policies and tags of this role are more than AWS takes.".to_owned(),
            "Shorten the permission set's session_policy, or use fewer policy_arns and session_tags.".to_owned(),
        ),
        StsRefusal::MalformedPolicy => (
            "AWS cannot read the session policy of this permission set.".to_owned(),
            "Check session_policy and policy_arns of the permission set: AWS's message says where it stopped.".to_owned(),
        ),
        StsRefusal::RegionDisabled => (
            format!("AWS STS is switched off in this Region for account {account}."),
            format!("Activate the Region for STS in account {account} (IAM, Account settings), or set sts_region of the account to another one."),
        ),
        StsRefusal::Throttled => ("AWS is receiving too many requests for this account.".to_owned(), "Try again in a minute.".to_owned()),
        StsRefusal::Other => ("AWS refused the request.".to_owned(), "AWS's own message is below; your administrator can look it up.".to_owned()),
    };
    Advice { explanation, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{AccountId, Partition, RolePath};

    #[test]
    fn an_unregistered_issuer_says_the_command() {
        let issuer = Url::parse("https://sso.example.com/").unwrap();
        let role = RoleArn::new(
            Partition::Aws,
            AccountId::parse("111122223333").unwrap(),
            RolePath::parse("rolecall/Developer").unwrap(),
        );
        let facts = AdviceFacts {
            issuer: &issuer,
            audience: "sts.amazonaws.com",
            role: &role,
            duration: RoleSessionDuration::DEFAULT,
        };
        let advice = advice(StsRefusal::ProviderNotRegistered, &facts);
        assert_eq!(
            advice.explanation,
            "Account 111122223333 has no OIDC provider for https://sso.example.com."
        );
        assert!(
            advice
                .hint
                .ends_with("--url https://sso.example.com --client-id-list sts.amazonaws.com"),
            "{}",
            advice.hint
        );
    }
}
