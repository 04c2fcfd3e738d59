//! What `rolecalld aws` generates, evaluated by iam-simulate: the trust policies accept only the intended proof, and the resource
//! control policy rejects tokens without the claim for every role, whatever its trust policy permits.

use super::*;
use crate::aws::generated::generated;
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
