//! Common errors of a first installation: what `rolecalld check` and `check --online` report, with hints.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::oidc::{EndpointFault, Fault, OidcSettings};

use super::{Ran, rolecalld};

const ONLINE: [&str; 4] = ["check", "--config", "rolecall.toml", "--online"];

async fn stack(faults: Vec<Fault>) -> Result<TestStack> {
    TestStack::start(TestStackSettings {
        store: "sqlite:store.db".to_owned(),
        provider: OidcSettings {
            faults,
            ..OidcSettings::default()
        },
        ..TestStackSettings::default()
    })
    .await
}

/// Replaces a text in the configuration.
fn change(stack: &TestStack, old: &str, new: &str) -> Result<()> {
    let path = stack.folder().join("rolecall.toml");
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(old), "{old}");
    Ok(fs::write(&path, text.replace(old, new))?)
}

/// The output of `check --online` for a modified stack.
async fn online(faults: Vec<Fault>, old: &str, new: &str) -> Result<Ran> {
    let stack = stack(faults).await?;
    change(&stack, old, new)?;
    rolecalld(stack.folder(), &ONLINE)
}

#[tokio::test]
async fn values_to_register_are_printed() -> Result<()> {
    let stack = stack(Vec::new()).await?;
    let ran = rolecalld(stack.folder(), &ONLINE)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let redirect = format!(
        "redirect URI           {}/sign-in/example/callback",
        stack.url()
    );
    ensure!(
        ran.out.contains("provider example: values to register") && ran.out.contains(&redirect),
        "{}",
        ran.out
    );
    ensure!(
        ran.out.contains("the provider accepts the client secret"),
        "{}",
        ran.out
    );
    Ok(())
}

#[tokio::test]
async fn saml_urls_to_register_are_printed() -> Result<()> {
    let adfs = r#"[[provider]]
id = "adfs"
title = "ADFS"
saml = { metadata = { url = "https://adfs.example.com/metadata.xml" } }
"#;
    let stack = TestStack::start(TestStackSettings {
        store: "sqlite:store.db".to_owned(),
        more: adfs.to_owned(),
        ..TestStackSettings::default()
    })
    .await?;
    let ran = rolecalld(stack.folder(), &ONLINE[..3])?;
    ensure!(ran.code == 0, "{ran:?}");
    for (name, path) in [
        ("entity ID (audience)", "metadata"),
        ("ACS URL (reply URL)", "acs"),
        ("single logout URL", "slo"),
        ("metadata", "metadata"),
    ] {
        let address = format!("{}/sign-in/adfs/{path}", stack.url());
        let line = ran
            .out
            .lines()
            .find(|line| line.trim_start().starts_with(name) && line.ends_with(&address));
        line.with_context(|| format!("{name}: {}", ran.out))?;
    }
    Ok(())
}

#[tokio::test]
async fn wrong_client_secret_is_reported() -> Result<()> {
    let stack = stack(Vec::new()).await?;
    fs::write(stack.folder().join("client.secret"), "an old one")?;
    let ran = rolecalld(stack.folder(), &ONLINE)?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.err.contains("invalid_client")
            && ran
                .err
                .contains("check client_id, client_secret and client_authentication"),
        "{}",
        ran.err
    );
    ensure!(!ran.err.contains("an old one"), "{}", ran.err);
    Ok(())
}

#[tokio::test]
async fn issuer_mismatch_names_both_values() -> Result<()> {
    let ran = online(vec![Fault::DiscoveryIssuerMismatch], "[portal]", "[portal]").await?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.err.contains("the issuer in the discovery document is")
            && ran.err.contains("is configured")
            && ran.err.contains("they must be identical"),
        "{}",
        ran.err
    );
    Ok(())
}

#[tokio::test]
async fn missing_document_is_named() -> Result<()> {
    let ran = online(Vec::new(), "\", client_id", "/other\", client_id").await?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.err.contains("the discovery document at http://")
            && ran.err.contains("/other/.well-known/openid-configuration")
            && ran.err.contains("404"),
        "{}",
        ran.err
    );
    let ran = online(
        vec![Fault::Jwks(EndpointFault::ServerError)],
        "[portal]",
        "[portal]",
    )
    .await?;
    ensure!(
        ran.code == 1 && ran.err.contains("the key set (jwks_uri) at http://"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test]
async fn unreachable_provider_is_reported() -> Result<()> {
    let stack = stack(Vec::new()).await?;
    let path = stack.folder().join("rolecall.toml");
    let text = fs::read_to_string(&path)?;
    let issuer = text
        .split_once("issuer = \"http://")
        .context("no issuer")?
        .1;
    let issuer = issuer.split_once('"').context("no end")?.0.to_owned();
    change(&stack, &issuer, "127.0.0.1:1")?;
    let ran = rolecalld(stack.folder(), &ONLINE)?;
    ensure!(
        ran.code == 1 && ran.err.contains("cannot connect to 127.0.0.1:1"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test]
async fn key_of_another_protocol_is_an_error() -> Result<()> {
    let adfs = r#"[[provider]]
id = "adfs"
title = "ADFS"
auth_time = "assume_now"
saml = { metadata = { url = "https://adfs.example.com/metadata.xml" } }
"#;
    let stack = stack(Vec::new()).await?;
    let path = stack.folder().join("rolecall.toml");
    let text = fs::read_to_string(&path)? + adfs;
    fs::write(&path, text)?;
    let ran = rolecalld(stack.folder(), &ONLINE[..3])?;
    ensure!(
        ran.code == 2
            && ran
                .err
                .contains("`auth_time` applies to OpenID Connect only"),
        "{ran:?}"
    );
    Ok(())
}
