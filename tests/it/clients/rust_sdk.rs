//! The AWS SDK for Rust. With the variables it assumes a role and renews its token here. With `[services]` only it
//! assumes a role, but sends its refresh token to AWS: `docs/clients.md` warns about this.
//!
//! The SDK reads the real environment, so this binary starts itself as the program that uses the SDK.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use aws_config::BehaviorVersion;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use reqwest::Url;

use super::laptop::Ran;
use super::{Fixture, PROFILE, aws_cli};

/// Set in the program that uses the SDK.
const PROGRAM: &str = "ROLECALL_TEST_RUST_PROGRAM";

/// Prints the host of each request, and blocks requests beyond loopback.
#[derive(Debug)]
struct StaysHere(SharedHttpClient);

impl HttpClient for StaysHere {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.0.http_connector(settings, components);
        SharedHttpConnector::new(Connector(inner))
    }
}

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpConnector for Connector {
    #[expect(clippy::print_stdout, reason = "what the test reads")]
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let url = Url::parse(request.uri());
        let host = url.ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_default();
        println!("asks {host}");
        match host.as_str() {
            "localhost" | "127.0.0.1" => self.0.call(request),
            _ => HttpConnectorFuture::ready(Err(ConnectorError::io("not from a test".into()))),
        }
    }
}

/// Not a test of its own: the program started by [`Fixture::rust`].
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that is controlled by its environment and prints to stdout"
)]
async fn program() -> Result<()> {
    if std::env::var_os(PROGRAM).is_none() {
        return Ok(());
    }
    let http = SharedHttpClient::new(StaysHere(rolecalld::aws::http_client()));
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .load()
        .await;
    let provider = config.credentials_provider().context("no provider")?;
    match provider.provide_credentials().await {
        Ok(credentials) => println!("became {}", credentials.access_key_id()),
        Err(error) => println!("failed: {:?}", anyhow::Error::from(error)),
    }
    Ok(())
}

impl Fixture {
    async fn rust(&self) -> Result<Ran> {
        let mut command = self.laptop.command(std::env::current_exe()?);
        command
            .args(["--exact", "clients::rust_sdk::program", "--nocapture"])
            .env(PROGRAM, "1");
        let ran = self.laptop.run(command).await?;
        ensure!(ran.is_success(), "{ran:?}");
        Ok(ran)
    }

    /// Asserts that it assumed the role that was issued last.
    fn became_last(&self, ran: &Ran) -> Result<()> {
        let issued = self.stack.aws.issued();
        let last = issued.last().context("nothing was issued")?;
        let line = format!("became {}", last.access_key_id);
        ensure!(ran.text.contains(&line), "{ran:?}");
        Ok(())
    }
}

async fn signed_in(cli: &Path) -> Result<Fixture> {
    // Plain HTTP, because the connector of this binary trusts only the CA certificates of the system.
    let mut fixture = Fixture::plain().await?;
    fixture.sign_in(cli).await?;
    fixture.laptop.set("AWS_PROFILE", PROFILE);
    Ok(fixture)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_redirect_all_requests() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let mut fixture = signed_in(&cli).await?;
    fixture.set_endpoints();
    fixture.became_last(&fixture.rust().await?)?;
    let first = fixture.access_token()?;
    fixture.expire_token()?;
    let ran = fixture.rust().await?;
    fixture.became_last(&ran)?;
    ensure!(fixture.access_token()? != first, "not renewed");
    ensure!(!ran.text.contains("amazonaws.com"), "{ran:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_section_alone_sends_the_refresh_token_to_aws() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let fixture = signed_in(&cli).await?;
    fixture.became_last(&fixture.rust().await?)?;
    fixture.expire_token()?;
    let ran = fixture.rust().await?;
    ensure!(
        ran.text.contains("asks oidc.eu-west-1.amazonaws.com") && ran.text.contains("failed"),
        "the Rust SDK now supports this; update the manual: {ran:?}"
    );
    let manual =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md"))?;
    ensure!(
        manual.contains("`oidc.REGION.amazonaws.com`"),
        "the manual does not warn about this"
    );
    Ok(())
}
