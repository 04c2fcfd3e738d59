//! What `rolecalld aws` generates, evaluated by iam-simulate: the trust policies accept only the intended proof, and the resource
//! control policy rejects tokens without the claim for every role, whatever its trust policy permits.

use super::*;
use crate::aws::generated::{CLIENT_ID, generated};
use crate::manual;

/// The generated trust policy of `Developer` in an account with these keys.
fn trust(
    keys: &str,
    issuer: &str,
    principal: Option<&str>,
    metadata: Option<&str>,
) -> Result<Option<Value>> {
    let plan = generated(keys, issuer, principal, metadata)?;
    let role = plan.roles.first().context("no role")?;
    let trust = role.trust().node().fill(&plan.id).compact();
    Ok(Some(serde_json::from_str(&trust)?))
}

#[tokio::test]
async fn gateway_oidc_policy_accepts_only_the_intended_token() -> Result<()> {
    let intended = Request {
        trust: trust("", &format!("https://{ISSUER}"), None, None)?,
        ..gateway_oidc().await?
    };
    let subject = format!("{ISSUER}:sub");
    check(&intended, &[&subject], 5, false).await
}

#[tokio::test]
async fn gateway_saml_policy_accepts_only_the_intended_response() -> Result<()> {
    let metadata = SamlIssuerFixture::new()?.issuer.metadata();
    let metadata = metadata.context("there is a key")?.body;
    let keys = "trust = \"gateway-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";
    let intended = Request {
        trust: trust(keys, "https://sso.example.com", None, Some(&metadata))?,
        ..gateway_saml().await?
    };
    check(&intended, &["saml:sub"], 5, false).await
}

#[tokio::test]
async fn caller_policy_accepts_only_the_intended_request() -> Result<()> {
    let mut intended = caller().await?;
    let keys = "trust = \"caller\"\nexternal_id = \"rolecall-1\"";
    let issuer = "https://sso.example.com";
    intended.trust = trust(keys, issuer, Some(&intended.principal), None)?;
    check(&intended, &["aws:RequestTag/team"], 4, false).await
}

/// AWS knows only the client. Everything else of the token is not compared.
#[tokio::test]
async fn provider_oidc_policy_accepts_only_tokens_of_the_client() -> Result<()> {
    let keys = "trust = \"provider-oidc\"\nprovider = \"okta\"";
    // Google has no provider in IAM, so the policy is that of another issuer with Google's condition keys.
    let other = trust(keys, "https://okta.example", None, None)?.context("a policy")?;
    let policy = other.to_string().replace("okta.example", ISSUER);
    let principal = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}");
    let (aud, sub) = (format!("{ISSUER}:aud"), format!("{ISSUER}:sub"));
    let condition_keys = [(&aud, CLIENT_ID), (&sub, "00u1a2b3c4d5e6f7g8h9")];
    let condition_keys = condition_keys.map(|(key, value)| (key.clone(), value.to_owned()));
    let action = "sts:AssumeRoleWithWebIdentity";
    let intended = Request::new(
        &principal,
        action,
        condition_keys.into(),
        serde_json::from_str(&policy)?,
    );
    let mut foreign = intended.clone();
    foreign.principal += "-2";
    let rows = [
        ("the intended token", intended.clone(), true),
        ("another person", intended.with(&sub, Some(OTHER)), true),
        ("another client", intended.with(&aud, Some(OTHER)), false),
        ("no client", intended.with(&aud, None), false),
        ("another issuer", foreign, false),
    ];
    expect(&rows.map(|(name, request, allowed)| (name.to_owned(), request, allowed))).await
}

#[tokio::test]
async fn provider_saml_policy_accepts_only_the_intended_response() -> Result<()> {
    let keys = "trust = \"provider-saml\"\nsaml_provider_arn = \"arn:aws:iam::111122223333:saml-provider/rolecall\"";
    let mut intended = gateway_saml().await?;
    intended.trust = trust(keys, "https://sso.example.com", None, None)?;
    intended
        .keys
        .retain(|key, _| !key.starts_with("aws:RequestTag/"));
    let source = "sts:SourceIdentity";
    let mut foreign = intended.clone();
    foreign.principal += "-2";
    let global = "https://signin.aws.amazon.com/saml";
    let rows = [
        ("the intended response", intended.clone(), true),
        (
            "the global endpoint",
            intended.with("saml:aud", Some(global)),
            true,
        ),
        (
            "another person",
            intended.with("saml:sub", Some(OTHER)),
            true,
        ),
        (
            "another recipient",
            intended.with("saml:aud", Some(OTHER)),
            false,
        ),
        ("no recipient", intended.with("saml:aud", None), false),
        (
            "another domain",
            intended.with(source, Some("bob@example.com.evil")),
            false,
        ),
        ("no source identity", intended.with(source, None), false),
        ("another provider", foreign, false),
    ];
    expect(&rows.map(|(name, request, allowed)| (name.to_owned(), request, allowed))).await
}

#[tokio::test]
async fn federation_policy_permits_only_federated_users() -> Result<()> {
    let keys = "trust = \"federation-token\"\n\
        credentials = { access_key_id = { file = \"id\" }, secret_access_key = { file = \"secret\" } }";
    let plan = generated(keys, "https://sso.example.com", None, None)?;
    let user = plan.user.as_ref().context("no user")?;
    let policy: Value = serde_json::from_str(&user.federation().node().fill(&plan.id).compact())?;
    let federated = "federated-user/alice@example.com-x";
    let rows = [
        (
            "sts:GetFederationToken",
            format!("arn:aws:sts::{ACCOUNT}:{federated}"),
            true,
        ),
        (
            "sts:GetFederationToken",
            format!("arn:aws:sts::444455556666:{federated}"),
            false,
        ),
        ("sts:AssumeRole", ROLE.to_owned(), false),
    ];
    let rows = rows.map(|(action, resource, allowed)| {
        let request = Request {
            principal: format!("arn:aws:iam::{ACCOUNT}:user/rolecall"),
            action,
            resource: resource.clone(),
            keys: Keys::new(),
            trust: None,
            identity: Some(policy.clone()),
            rcp: None,
        };
        (format!("{action} {resource}"), request, allowed)
    });
    expect(&rows).await
}

/// The trust policy of an intermediate role and the permission of the gateway's principal, together.
#[tokio::test]
async fn intermediate_role_accepts_only_the_intended_request() -> Result<()> {
    let mut intended = caller().await?;
    let keys = "trust = \"caller\"\nexternal_id = \"rolecall-1\"\nvia = \"arn:aws:iam::111122223333:role/hub\"";
    let principal = intended.principal.clone();
    // The intermediate role is in the account itself, after its own role; the principal is in an account of its own.
    let plan = generated(keys, "https://sso.example.com", Some(&principal), None)?;
    let role = plan.roles.last().context("no role")?;
    assert_eq!(role.path().as_str(), "hub");
    let document = role.trust().node().fill(&plan.id).compact();
    intended.trust = Some(serde_json::from_str(&document)?);
    intended.resource = format!("arn:aws:iam::{ACCOUNT}:role/hub");
    check(&intended, &["aws:RequestTag/team"], 4, false).await
}

/// Whether a role with this trust policy accepts a token of an issuer that is not the gateway, under the resource control policy.
#[tokio::test]
async fn resource_control_policy_does_not_concern_other_issuers() -> Result<()> {
    let golden = manual::read("tests/it/cli/aws/resource-control-policy.json")?;
    let rcp: Value = serde_json::from_str(&golden)?;
    let mut rows = Vec::new();
    for (provider, is_own) in [
        ("sso.example.com", true),
        ("token.actions.githubusercontent.com", false),
        (
            "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
            false,
        ),
        ("cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc", false),
        ("sso.example.com.evil.example", false),
    ] {
        let principal = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}");
        let action = "sts:AssumeRoleWithWebIdentity";
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Federated": principal }, "Action": action,
        }] });
        let keys = Keys::from([("aws:FederatedProvider".to_owned(), principal.clone())]);
        let request = Request {
            rcp: Some(rcp.clone()),
            ..Request::new(&principal, action, keys, trust)
        };
        rows.push((
            format!("{provider} without the claim"),
            request.clone(),
            !is_own,
        ));
        let named = request.with("sts:RoleAuthorizedByIdp", Some("true"));
        rows.push((format!("{provider} with the claim"), named, true));
    }
    expect(&rows).await
}

#[tokio::test]
async fn resource_control_policy_requires_the_role_claim() -> Result<()> {
    let golden = manual::read("tests/it/cli/aws/resource-control-policy.json")?;
    let rcp: Value = serde_json::from_str(&golden.replace("sso.example.com", ISSUER))?;
    let mut intended = gateway_oidc().await?;
    let provider = intended.principal.clone();
    intended.trust = Some(json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": [provider, format!("{provider}/other")]},
        "Action": intended.action,
    }]}));
    let intended = intended.with("aws:FederatedProvider", Some(&provider));
    let without = intended.with("sts:RoleAuthorizedByIdp", None);
    // iam-simulate knows no keys of another issuer.
    let mut other = without
        .with("aws:FederatedProvider", Some(&format!("{provider}/other")))
        .with(&format!("{ISSUER}:aud"), None)
        .with(&format!("{ISSUER}:sub"), None);
    other.principal = format!("{provider}/other");
    let under = |request: &Request| Request {
        rcp: Some(rcp.clone()),
        ..request.clone()
    };
    let rows = [
        ("the intended token", under(&intended), true),
        ("no list of roles", under(&without), false),
        (
            "another list of roles",
            under(&intended.with("sts:RoleAuthorizedByIdp", Some("false"))),
            false,
        ),
        (
            "no list of roles, recognized by the ARN",
            under(&without.with(&format!("{ISSUER}:sub"), None)),
            false,
        ),
        (
            "no list of roles, recognized by the subject",
            under(&without.with("aws:FederatedProvider", None)),
            false,
        ),
        ("another issuer", under(&other), true),
        ("without the policy", without, true),
    ];
    expect(&rows.map(|(name, request, allowed)| (name.to_owned(), request, allowed))).await
}
