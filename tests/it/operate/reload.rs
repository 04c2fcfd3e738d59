//! Files that change while a gateway is running: TLS certificate, client secrets, SAML metadata. An invalid file is
//! ignored and counted in a metric.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::sample_data::{CLIENT_SECRET, access_policy_for_both_providers};
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::certificate::CertificateAuthority;

use super::{get, is_portal, until};

/// Replaces a file by a rename, with mode 0600.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    Ok(fs::rename(new, path)?)
}

/// Waits until the metric tells whether the newest files of this kind were rejected.
async fn until_stale(stack: &TestStack, files: &str, stale: bool) -> Result<()> {
    let line = format!(
        "rolecall_files_stale{{files=\"{files}\"}} {}",
        u8::from(stale)
    );
    let metrics = format!("http://{}/metrics", stack.gateway.management);
    until(&line, async || {
        let (_, metrics) = get(&metrics).await?;
        Ok(metrics.lines().any(|there| there == line).then_some(()))
    })
    .await
}

/// Whether the gateway has a certificate of this CA.
#[expect(
    clippy::disallowed_methods,
    reason = "the test client trusts a single CA"
)]
pub async fn is_served_by(stack: &TestStack, authority: &[u8]) -> Result<bool> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_built_in_root_certs(false)
        .add_root_certificate(reqwest::Certificate::from_pem(authority)?)
        .build()?;
    Ok(client.get(stack.at("/jwks")).send().await.is_ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valid_certificate_is_reloaded_and_invalid_one_rejected() -> Result<()> {
    let stack = TestStack::start(TestStackSettings {
        tls: true,
        ..TestStackSettings::default()
    })
    .await?;
    let (certificate, key) = (
        stack.folder().join("tls.crt"),
        stack.folder().join("tls.key"),
    );
    let old = stack.authority().context("no CA certificate")?.to_vec();
    ensure!(is_served_by(&stack, &old).await?);
    let authority = CertificateAuthority::generate()?;
    let issued = authority.issue(&["localhost"])?;
    let new = authority.pem()?;
    // In between, certificate and key do not match: the previous pair stays in use.
    replace(&certificate, &issued.certificate_pem)?;
    until_stale(&stack, "certificate", true).await?;
    ensure!(
        is_served_by(&stack, &old).await?,
        "an incomplete pair was accepted"
    );
    replace(&key, &issued.key_pem)?;
    until("the new certificate", async || {
        Ok(is_served_by(&stack, &new).await?.then_some(()))
    })
    .await?;
    ensure!(
        !is_served_by(&stack, &old).await?,
        "the previous certificate is still in use"
    );
    until_stale(&stack, "certificate", false).await?;
    for broken in [&b""[..], b"not PEM"] {
        replace(&certificate, broken)?;
        until_stale(&stack, "certificate", true).await?;
        ensure!(
            is_served_by(&stack, &new).await?,
            "the certificate is not in use"
        );
        replace(&certificate, &issued.certificate_pem)?;
        until_stale(&stack, "certificate", false).await?;
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    fs::write(&certificate, [&issued.certificate_pem[..], b"\n"].concat())?;
    until_stale(&stack, "certificate", true).await?;
    ensure!(
        is_served_by(&stack, &new).await?,
        "the certificate is not in use"
    );
    Ok(())
}

/// Whether alice can sign in at this provider.
async fn signs_in(stack: &TestStack, provider: &str) -> Result<bool> {
    let mut browser = Browser::new()?;
    browser
        .open(&stack.at(&format!("/sign-in/{provider}")))
        .await?;
    Ok(is_portal(&browser.sign_in_at_provider("alice").await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valid_client_secret_is_reloaded_and_invalid_one_rejected() -> Result<()> {
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let secret = stack.folder().join("client.secret");
    ensure!(signs_in(&stack, "example").await?);
    replace(&secret, b"another secret")?;
    until("the other secret", async || {
        Ok((!signs_in(&stack, "example").await?).then_some(()))
    })
    .await?;
    replace(&secret, CLIENT_SECRET.as_bytes())?;
    until("the right secret", async || {
        Ok(signs_in(&stack, "example").await?.then_some(()))
    })
    .await?;
    replace(&secret, b"")?;
    until_stale(&stack, "providers", true).await?;
    ensure!(
        signs_in(&stack, "example").await?,
        "an empty secret was accepted"
    );
    fs::remove_file(&secret)?;
    ensure!(
        signs_in(&stack, "example").await?,
        "the previous secret is not in use"
    );
    replace(&secret, CLIENT_SECRET.as_bytes())?;
    until_stale(&stack, "providers", false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn valid_metadata_is_reloaded_and_invalid_one_rejected() -> Result<()> {
    let stack = TestStack::start(TestStackSettings {
        saml: Some(SamlStackSettings::default()),
        access: access_policy_for_both_providers(),
        ..TestStackSettings::default()
    })
    .await?;
    let provider = stack.saml.as_ref().context("a SAML provider")?;
    let metadata = stack.folder().join("saml.xml");
    ensure!(signs_in(&stack, "corporate").await?);
    replace(&metadata, b"<EntityDescriptor/>")?;
    until_stale(&stack, "providers", true).await?;
    ensure!(
        signs_in(&stack, "corporate").await?,
        "invalid metadata was accepted"
    );
    provider.rotate_keys(false)?;
    ensure!(
        !signs_in(&stack, "corporate").await?,
        "an unknown key was accepted"
    );
    replace(&metadata, provider.metadata()?.as_bytes())?;
    until("the new key", async || {
        Ok(signs_in(&stack, "corporate").await?.then_some(()))
    })
    .await?;
    until_stale(&stack, "providers", false).await?;
    ensure!(
        signs_in(&stack, "example").await?,
        "the other provider was affected"
    );
    Ok(())
}
