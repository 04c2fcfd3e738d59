//! Advice about ID tokens of identity providers that accounts trust directly.

use crate::aws::{RefusalSubject, RoleArn, StsRefusal};

/// Google is built into IAM, without an OIDC provider in the account (IAM User Guide, "Create a role for web identity").
const GOOGLE: &str = "accounts.google.com";

/// What to do where it differs from the advice about tokens of the gateway.
pub(super) fn advice(
    refusal: StsRefusal,
    role: &RoleArn,
    issuer: &str,
    client_id: &str,
) -> Option<(String, String)> {
    let (account, name) = (role.account(), role.role().name());
    let prefix = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let arn = format!(
        "arn:{}:iam::{account}:oidc-provider/{prefix}",
        role.partition()
    );
    let is_google = prefix == GOOGLE;
    let principal = if is_google { GOOGLE } else { &arn };
    Some(match refusal.subject() {
        RefusalSubject::Policies if matches!(refusal, StsRefusal::TagSession | StsRefusal::SetSourceIdentity) => (
            format!("The role {name} in account {account} does not allow the session tags or the source identity in the ID token of your identity provider."),
            format!("Allow sts:TagSession and sts:SetSourceIdentity in the trust policy of {role}, or remove the claims https://aws.amazon.com/tags and https://aws.amazon.com/source_identity at the identity provider."),
        ),
        RefusalSubject::Policies => (
            format!("The role {name} in account {account} does not trust your identity provider, or does not exist."),
            format!("Check that {role} exists and that its trust policy allows sts:AssumeRoleWithWebIdentity for the principal {principal}, with {prefix}:aud = {client_id} and {prefix}:sub = the subject of the person."),
        ),
        RefusalSubject::Proof if refusal == StsRefusal::ProviderNotRegistered => (
            format!("Account {account} has no OIDC provider for {issuer}."),
            format!("In account {account}, run: aws iam create-open-id-connect-provider --url {issuer} --client-id-list {client_id}"),
        ),
        RefusalSubject::Proof if refusal == StsRefusal::Audience => (
            format!("The OIDC provider in account {account} does not accept tokens for {client_id}."),
            format!("In account {account}, run: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {client_id}"),
        ),
        RefusalSubject::Proof if matches!(refusal, StsRefusal::KeysUnreachable | StsRefusal::ProviderUnreachable) => (
            "AWS could not read the public keys of your identity provider.".to_owned(),
            format!("{issuer}/.well-known/openid-configuration and its jwks_uri must be reachable from the internet by https with a certificate of a public authority, and each key must have kid and alg. Otherwise use trust = \"gateway-oidc\"."),
        ),
        RefusalSubject::Proof if refusal == StsRefusal::Thumbprint => (
            format!("AWS does not trust the certificate of {issuer}."),
            format!("Update the thumbprints of the OIDC provider in account {account}: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn {arn} --thumbprint-list …"),
        ),
        RefusalSubject::Proof if refusal == StsRefusal::Subject => (
            "AWS did not accept the subject of the ID token.".to_owned(),
            format!("STS requires a subject of 6 to 255 characters. Compare it with the condition on {prefix}:sub in the trust policy of {role}."),
        ),
        RefusalSubject::Proof if refusal == StsRefusal::RoleClaim => (
            format!("The ID token of your identity provider names other roles than {role}."),
            "Remove the claim https://aws.amazon.com/roles at the identity provider, or add this role to it.".to_owned(),
        ),
        RefusalSubject::Proof => (
            "AWS did not accept the ID token of your identity provider.".to_owned(),
            format!("AWS's own message is below. Compare the issuer, {issuer}, with the OIDC provider in account {account}: they must be identical."),
        ),
        RefusalSubject::Signer if refusal == StsRefusal::Expired => (
            "AWS rejected the ID token of your identity provider as expired.".to_owned(),
            "Sign in again. If it happens again, the clock of the gateway is wrong: check that it is synchronized (timedatectl, chronyc tracking).".to_owned(),
        ),
        RefusalSubject::Organization | RefusalSubject::Signer | RefusalSubject::Parameters | RefusalSubject::Service => return None,
    })
}
