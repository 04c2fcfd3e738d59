//! [`TestStack`]: starts the providers and AWS, writes a configuration for them, and starts the gateway with it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rolecall_testkit::aws::{Aws, AwsSettings};
use rolecall_testkit::browser::{Browser, BrowserSettings};
use rolecall_testkit::clock::Clock;
use rolecall_testkit::oidc::{OidcClient, OidcProvider};
use rolecall_testkit::saml::SamlProvider;
use rolecalld::aws::OwnCredentials;
use tempfile::TempDir;

use crate::aws_application;
use crate::clock::TestClock;
use crate::configuration::{self, Endpoints};
use crate::gateway_keys;
use crate::replica::Replica;
use crate::saml;
use crate::sample_data::{CLIENT_ID, CLIENT_SECRET, PROVIDER_ID, SAML_PROVIDER_ID};
use crate::seed_aws;
use crate::settings::TestStackSettings;

/// A running gateway with everything that it talks to. Dropping the stack stops all parts.
pub struct TestStack {
    /// Emulated OpenID provider, at which people sign in.
    pub provider: OidcProvider,
    /// SAML provider, if any.
    pub saml: Option<SamlProvider>,
    /// Emulated STS, sign-in endpoint and console.
    pub aws: Aws,
    /// The first gateway.
    pub gateway: Replica,
    folder: TempDir,
    clock: Clock,
    public_url: String,
    authority: Option<Vec<u8>>,
    own_credentials: Option<OwnCredentials>,
    store_operation_max: Option<Duration>,
    /// Metadata of the SAML provider, by its name in IAM.
    provider_metadata: BTreeMap<String, String>,
}

impl TestStack {
    /// Starts the providers and AWS, writes the configuration and starts the gateway.
    ///
    /// # Errors
    /// If a port is in use or the configuration is not valid.
    pub async fn start(mut settings: TestStackSettings) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let listener = listen(settings.port)?;
        let port = listener.local_addr()?.port();
        let public_url = match &settings.public_url {
            Some(url) => url.clone(),
            None if settings.tls => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let tls = settings.tls;
        let own = tls.then(|| configuration::write_tls_certificate(folder.path()));
        let authority = own
            .transpose()?
            .or_else(|| settings.proxy_authority.clone());
        let clock = settings.clock.clone();
        let gateway_clock = TestClock::from(clock.clone());
        let provider = start_provider(&settings, &public_url)?;
        let aws = Aws::start(AwsSettings {
            port: settings.aws_port,
            clock: settings.clock.clone(),
            requests_kept: settings.requests_kept,
            issuer_authority: authority.clone(),
            partition: settings.partition,
        })?;
        gateway_keys::create(folder.path(), &gateway_clock)?;
        let prepare = settings.prepare_aws.take();
        let is_generated = prepare.is_none();
        let own_credentials = match prepare {
            Some(prepare) => prepare(&aws, folder.path())?,
            None => Some(seed_aws::create_gateway_user(&aws, gateway_clock.clone())?),
        };
        let saml = settings.saml.as_ref();
        let saml = saml.map(|saml| saml.start(folder.path(), clock.clone()));
        let (saml, saml_provider) = saml.transpose()?.unzip();
        let endpoints = Endpoints {
            public_url: &public_url,
            issuer: &settings.issuer.clone().unwrap_or_else(|| provider.issuer()),
            aws: &aws.url(),
            sts: &settings.sts.clone().unwrap_or_else(|| aws.url()),
            saml_provider: saml_provider.as_deref().unwrap_or_default(),
        };
        configuration::write(folder.path(), &settings, &endpoints)?;
        let config = folder.path().join("rolecall.toml");
        let mut provider_metadata = BTreeMap::new();
        if let Some(saml) = &saml {
            provider_metadata.insert(SAML_PROVIDER_ID.to_owned(), saml.metadata()?);
        }
        if is_generated {
            seed_aws::deploy(&aws, &config, &provider_metadata)?;
        }
        let own = own_credentials.clone();
        let gateway = Replica::start(
            &config,
            listener,
            gateway_clock,
            own,
            settings.store_operation_max,
        )
        .await?;
        if let Some(saml) = &saml {
            saml::register_gateway(saml, &gateway.services)?;
            aws_application::register(saml, settings.partition, &public_url);
        }
        Ok(Self {
            provider,
            saml,
            aws,
            gateway,
            folder,
            clock,
            public_url,
            authority,
            own_credentials,
            store_operation_max: settings.store_operation_max,
            provider_metadata,
        })
    }

    /// PEM of the authority that signed the certificate of the gateway, or of the proxy in front of it, if one of them uses
    /// HTTPS.
    pub fn authority(&self) -> Option<&[u8]> {
        self.authority.as_deref()
    }

    /// Origin of the gateway, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.public_url
    }

    /// The absolute URL of a path at the gateway.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The directory with `rolecall.toml`, `access.toml`, `keys/` and `audit.db`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of `rolecall.toml`.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("rolecall.toml")
    }

    /// A new browser with the clock of the stack that trusts its authority.
    ///
    /// # Errors
    /// If the authority is not PEM.
    pub fn browser(&self) -> anyhow::Result<Browser> {
        Browser::with(self.browser_settings())
    }

    /// The settings of [`Self::browser`].
    pub fn browser_settings(&self) -> BrowserSettings {
        BrowserSettings {
            authorities: self.authority.iter().cloned().collect(),
            clock: self.clock.clone(),
            ..BrowserSettings::default()
        }
    }

    /// Stops the gateway as SIGTERM does, then all other parts, and deletes the directory.
    ///
    /// # Errors
    /// If the gateway reports an error.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.gateway.stop().await
    }

    /// Generates the templates from the configuration as it is now, and deploys them in place of the earlier ones.
    ///
    /// # Errors
    /// If there is no valid plan, or AWS rejects a template.
    pub fn deploy_aws(&self) -> anyhow::Result<()> {
        seed_aws::deploy(&self.aws, &self.config(), &self.provider_metadata)
    }

    /// Starts another gateway with the same configuration and public URL, but another address.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn start_replica(&self) -> anyhow::Result<Replica> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let own = self.own_credentials.clone();
        let clock = self.clock.clone().into();
        let operation_max = self.store_operation_max;
        Replica::start(&self.config(), listener, clock, own, operation_max).await
    }
}

fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("port {port} cannot be used; select another with --port"))
}

/// Starts the identity provider with the gateway registered.
fn start_provider(settings: &TestStackSettings, public_url: &str) -> anyhow::Result<OidcProvider> {
    let mut provider = settings.provider.clone();
    provider.clock = settings.clock.clone();
    let redirect_uri = format!("{public_url}/sign-in/{PROVIDER_ID}/callback");
    provider.clients.push(
        OidcClient::new(CLIENT_ID, CLIENT_SECRET, &redirect_uri)
            .with_post_logout_redirect_uri(&format!("{public_url}/signed-out")),
    );
    OidcProvider::start(provider)
}
