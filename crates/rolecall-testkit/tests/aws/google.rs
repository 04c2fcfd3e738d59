//! Google, which IAM knows without an OIDC provider.

use anyhow::Result;
use rolecall_testkit::aws::Role;
use serde_json::json;

use crate::setup::{ACCOUNT, Setup};

/// `aud` of the policy is `azp` if the token has one, and `oaud` is `aud`.
#[tokio::test]
async fn google_is_trusted_without_a_provider() -> Result<()> {
    let setup = Setup::new().await?;
    let account = setup.aws.account(ACCOUNT)?;
    account.google(&setup.issuer);
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": "accounts.google.com"},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": {"StringEquals": {
            "accounts.google.com:aud": "client",
            "accounts.google.com:oaud": "backend",
            "accounts.google.com:sub": "okta|00u1alice",
        }},
    }]});
    account.role("rolecall/Developer", Role::with_trust_policy(trust))?;
    let good = json!({"azp": "client", "aud": "backend"});
    setup
        .present(&setup.token_with(&good)?)
        .await?
        .assert_success();
    for bad in [
        json!({"azp": "backend", "aud": "client"}),
        json!({"azp": "client", "aud": "client"}),
        json!({"aud": "backend"}),
        json!({"azp": "client", "aud": "backend", "sub": "okta|00u1bob"}),
    ] {
        let response = setup.present(&setup.token_with(&bad)?).await?;
        response.assert_error(403, "AccessDenied", "Not authorized");
    }
    Ok(())
}
