//! No log level reveals requests or responses of AWS.

use anyhow::{Context as _, Result};
use rolecall_core::aws::{ConsoleSignIn as _, Destination, Partition, Sts as _, StsRequest};
use rolecalld::aws::keys::KeyAlgorithm;
use rolecalld::aws::{LOG_CEILING, SignInEndpoint, StsClient, http_client};
use rolecalld::egress::Egress;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::fixture::{StsFixture, saml_claims, settings};
use super::saml::SamlIssuerFixture;
use crate::log::Log;

/// The log of one role session and one console link at these levels, and the secrets that must not be in it.
async fn logged(directives: &str) -> Result<(String, Vec<String>)> {
    let fixture = StsFixture::new(KeyAlgorithm::Es256)?;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(directives)?)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let request = fixture.request().await?;
    let StsRequest::AssumeRoleWithWebIdentity(sent) = &request else {
        anyhow::bail!("not a token");
    };
    let mut secrets: Vec<String> = sent.token.expose().split('.').map(str::to_owned).collect();
    let (issued, link) = async {
        let issued = fixture.sts()?.assume(&request).await?;
        let endpoint = SignInEndpoint::new(&settings(Some(&fixture.aws))?, &Egress::default())
            .map_err(|error| anyhow::anyhow!(error))?;
        let portal = Url::parse("https://sso.example.com/")?;
        let link = endpoint
            .link(
                &issued.credentials,
                None,
                &Destination::home(Partition::Aws),
                &portal,
            )
            .await?;
        anyhow::Ok((issued, link))
    }
    .with_subscriber(subscriber)
    .await?;
    let url = Url::parse(link.expose())?;
    let token = url
        .query_pairs()
        .find(|(name, _)| name == "SigninToken")
        .context("a token")?
        .1
        .into_owned();
    let credentials = &issued.credentials;
    secrets.extend([
        token,
        credentials.secret_access_key.expose().to_owned(),
        credentials.session_token.expose().to_owned(),
    ]);
    Ok((log.text(), secrets))
}

#[tokio::test]
async fn no_log_level_reveals_secrets() -> Result<()> {
    let (log, secrets) = logged("trace").await?;
    assert!(
        log.contains("AssumeRoleWithWebIdentity") && log.contains("hyper_util"),
        "{log}"
    );
    for secret in &secrets {
        assert!(!log.contains(secret), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn log_ceiling_overrides_the_filter() -> Result<()> {
    let (log, _) = logged(&format!("trace,{}", LOG_CEILING.join(","))).await?;
    for library in ["aws_", "hyper", "reqwest"] {
        assert!(!log.contains(library), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn no_log_level_reveals_saml_responses() -> Result<()> {
    let fixture = SamlIssuerFixture::new()?;
    let (aws, _) = fixture.aws()?;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new("trace")?)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let (request, issued) = async {
        let request = fixture.request(&saml_claims()?).await?;
        let sts = StsClient::new(settings(Some(&aws))?, http_client());
        let issued = sts.assume(&request).await?;
        anyhow::Ok((request, issued))
    }
    .with_subscriber(subscriber)
    .await?;
    let StsRequest::AssumeRoleWithSaml(sent) = &request else {
        anyhow::bail!("not a response");
    };
    let log = log.text();
    assert!(log.contains("AssumeRoleWithSAML"), "{log}");
    // Letters and digits are unchanged in form encoding.
    let pieces = sent
        .response
        .expose()
        .split(|c: char| !c.is_ascii_alphanumeric());
    let session_token = issued.credentials.session_token.expose();
    for secret in pieces
        .filter(|piece| piece.len() > 40)
        .chain([session_token])
    {
        assert!(!log.contains(secret), "{log}");
    }
    Ok(())
}
