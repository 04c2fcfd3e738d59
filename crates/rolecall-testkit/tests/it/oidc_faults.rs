//! Each fault of the OpenID provider changes a response: otherwise, a test that uses it would test nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::oidc::{ALL, EndpointFault, ExpectedOutcome, Fault, OidcProvider};
use serde_json::Value;

use super::oidc::{VERIFIER, code, redeem, settings};

/// Sends the requests of a relying party without any validation.
async fn sign_in_without_validation(provider: &OidcProvider) -> Result<()> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(500))
        .build()?;
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        let mut response = client
            .get(format!("{}{path}", provider.issuer()))
            .send()
            .await?;
        let mut read = 0;
        while let Some(chunk) = response.chunk().await? {
            read += chunk.len();
            ensure!(read < 4 * 1024 * 1024, "endless");
        }
    }
    let code = code(provider, &mut Browser::new()?, "alice").await?;
    let response = redeem(provider, &code, VERIFIER).await?;
    ensure!(response.content_length().is_some(), "endless");
    let tokens: Value = response.json().await?;
    let token = tokens["access_token"].as_str().context("an access token")?;
    client
        .get(format!("{}/userinfo", provider.issuer()))
        .bearer_auth(token)
        .send()
        .await?;
    Ok(())
}

async fn fault_takes_effect(fault: Fault, expected: ExpectedOutcome) -> Result<()> {
    let mut settings = settings();
    fault.prepare(&mut settings);
    let provider = OidcProvider::start(settings)?;
    // Some faults prevent the sign-in itself.
    let outcome = sign_in_without_validation(&provider).await;
    assert_ne!(
        provider.faulty_responses(),
        0,
        "{fault:?} changed nothing ({outcome:?})"
    );
    provider.clear_faults();
    sign_in_without_validation(&provider)
        .await
        .with_context(|| format!("sign-in after {fault:?} was cleared ({expected:?})"))
}

macro_rules! each_fault {
    ($($name:ident: $fault:expr => $outcome:ident,)*) => {
        mod each {
            use super::*;
            $(#[tokio::test] async fn $name() -> Result<()> { fault_takes_effect($fault, ExpectedOutcome::$outcome).await })*
        }
    };
}
rolecall_testkit::for_each_oidc_fault!(each_fault);

#[test]
fn names_of_faults_are_unique() {
    let mut names: Vec<_> = ALL.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
