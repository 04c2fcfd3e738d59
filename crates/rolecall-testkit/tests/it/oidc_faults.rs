//! Every fault of the OpenID provider, seen to bite: a hostile test against a lie that is never told proves nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::oidc::{ALL, EndpointFault, ExpectedOutcome, Fault, OidcProvider};
use serde_json::Value;

use super::oidc::{VERIFIER, code, redeem, settings};

/// Does what a relying party does, believes everything, gives up at the first obstacle.
async fn gullible(provider: &OidcProvider) -> Result<()> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(500))
        .build()?;
    for path in ["/.well-known/openid-configuration", "/jwks"] {
        let mut response = client
            .get(format!("{}{path}", provider.issuer()))
            .send()
            .await?;
        let mut read = 0;
        while let Some(piece) = response.chunk().await? {
            read += piece.len();
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

async fn bites(fault: Fault, expected: ExpectedOutcome) -> Result<()> {
    let mut settings = settings();
    fault.prepare(&mut settings);
    let provider = OidcProvider::start(settings)?;
    // Some lies are obstacles even to the gullible.
    let outcome = gullible(&provider).await;
    assert_ne!(
        provider.faulty_responses(),
        0,
        "{fault:?} changed nothing ({outcome:?})"
    );
    provider.clear_faults();
    gullible(&provider)
        .await
        .with_context(|| format!("honest again after {fault:?} ({expected:?})"))
}

macro_rules! each_bites {
    ($($name:ident: $fault:expr => $verdict:ident,)*) => {
        mod each {
            use super::*;
            $(#[tokio::test] async fn $name() -> Result<()> { bites($fault, ExpectedOutcome::$verdict).await })*
        }
    };
}
rolecall_testkit::for_each_oidc_fault!(each_bites);

#[test]
fn the_table_names_each_fault_once() {
    let mut names: Vec<_> = ALL.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
