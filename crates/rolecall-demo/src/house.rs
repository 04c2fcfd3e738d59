//! The house: builds the world, writes a configuration for it, and starts the gateway that it describes.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use rolecall_core::base::{Clock, Entropy as _};
use rolecall_core::gateway::Gateway;
use rolecall_testkit::aws::{Aws, AwsSettings};
use rolecall_testkit::certificate::CertificateAuthority;
use rolecall_testkit::clock::{self, Clock as Time};
use rolecall_testkit::oidc::{OidcClient, OidcProvider, OidcSettings};
use rolecall_testkit::saml::SamlProvider;
use rolecalld::config;
use rolecalld::server::{self, Stopper, Surroundings};
use rolecalld::world::SystemEntropy;
use tempfile::TempDir;

use crate::plan::{ACCESS, CLIENT_ID, CLIENT_SECRET, PROVIDER_ID};
use crate::saml::{self, SamlHouse};

mod furnish;

/// What a house is built of.
pub struct HouseSettings {
    /// The gateway's port; 0 for any.
    pub port: u16,
    /// AWS's port; 0 for any.
    pub aws_port: u16,
    /// The gateway's public origin where that is not its own address: that of a balancer in front of it.
    pub public_url: Option<String>,
    /// Whether the gateway itself speaks https, on `localhost` and with a certificate of [`House::authority`].
    pub tls: bool,
    /// PEM of the authority that signed the certificate of a proxy in front of the gateway, for those who ask the gateway
    /// through it. With `tls`, the gateway's own authority is used.
    pub proxy_authority: Option<Vec<u8>>,
    /// `[listen] trusted_proxies`: peers that may say from where a request comes.
    pub trusted_proxies: Vec<String>,
    /// More lines of `[listen]`.
    pub listen: String,
    /// The time for everybody in the house.
    pub clock: Time,
    /// `[store] url`
    pub store: String,
    /// `[database] url`
    pub database: String,
    /// The access policy.
    pub access: String,
    /// More of `rolecall.toml`, after the rest.
    pub more: String,
    /// The identity provider; its clients are filled in.
    pub provider: OidcSettings,
    /// The issuer at which people sign in instead, where there is one; it knows the gateway as [`CLIENT_ID`].
    pub issuer: Option<String>,
    /// A SAML provider beside it, where there is one.
    pub saml: Option<SamlHouse>,
    /// Requests that the emulated AWS remembers.
    pub requests_kept: usize,
}

impl Default for HouseSettings {
    fn default() -> Self {
        Self {
            port: 0,
            aws_port: 0,
            public_url: None,
            tls: false,
            proxy_authority: None,
            trusted_proxies: Vec::new(),
            listen: String::new(),
            clock: clock::system(),
            store: "memory:".to_owned(),
            database: "sqlite:audit.db".to_owned(),
            access: ACCESS.to_owned(),
            more: String::new(),
            provider: OidcSettings::default(),
            issuer: None,
            saml: None,
            requests_kept: 1_000,
        }
    }
}

/// A gateway and its world, running. Everything ends when it is dropped.
pub struct House {
    /// The identity provider.
    pub provider: OidcProvider,
    /// The SAML provider beside it.
    pub saml: Option<SamlProvider>,
    /// AWS.
    pub aws: Aws,
    /// The first gateway.
    pub gateway: Replica,
    folder: TempDir,
    clock: Time,
    public_url: String,
    authority: Option<Vec<u8>>,
}

/// One running gateway.
pub struct Replica {
    /// Its verbs.
    pub verbs: Arc<Gateway>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its management listener.
    pub management: SocketAddr,
    stopper: Stopper,
    task: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

struct TimeOf(Time);

impl Clock for TimeOf {
    fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl House {
    /// Builds the world, writes the configuration and starts the gateway.
    ///
    /// # Errors
    /// When a port is taken or the configuration does not parse.
    pub async fn build(settings: HouseSettings) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let listener = TcpListener::bind(("127.0.0.1", settings.port)).with_context(|| {
            format!(
                "port {} cannot be used; choose another with --port",
                settings.port
            )
        })?;
        let public_url = match &settings.public_url {
            Some(url) => url.clone(),
            None if settings.tls => format!("https://localhost:{}", listener.local_addr()?.port()),
            None => format!("http://127.0.0.1:{}", listener.local_addr()?.port()),
        };
        let own = settings.tls.then(|| certify(folder.path())).transpose()?;
        let authority = own.or_else(|| settings.proxy_authority.clone());
        let mut provider = settings.provider.clone();
        provider.clock = settings.clock.clone();
        let redirect_uri = format!("{public_url}/sign-in/{PROVIDER_ID}/callback");
        provider.clients.push(
            OidcClient::new(CLIENT_ID, CLIENT_SECRET, &redirect_uri)
                .landing_at(&format!("{public_url}/signed-out")),
        );
        let provider = OidcProvider::start(provider)?;
        let aws = Aws::start(AwsSettings {
            port: settings.aws_port,
            clock: settings.clock.clone(),
            requests_kept: settings.requests_kept,
            issuer_authority: authority.clone(),
        })?;
        let clock: Arc<dyn Clock> = Arc::new(TimeOf(settings.clock.clone()));
        let keys = furnish::make_keys(folder.path(), &clock)?;
        furnish::furnish(&aws, &public_url, keys, clock)?;
        let saml = settings.saml.as_ref();
        let saml = saml.map(|saml| saml.prepare(folder.path(), settings.clock.clone()));
        let (saml, beside) = saml.transpose()?.unzip();
        write_configuration(
            folder.path(),
            &settings,
            &Facts {
                public_url: &public_url,
                issuer: &settings.issuer.clone().unwrap_or_else(|| provider.issuer()),
                aws: &aws.url(),
                beside: beside.as_deref().unwrap_or_default(),
            },
        )?;
        let gateway = Replica::start(
            &folder.path().join("rolecall.toml"),
            listener,
            settings.clock.clone(),
        )
        .await?;
        if let Some(saml) = &saml {
            saml::introduce(saml, &gateway.verbs)?;
        }
        Ok(Self {
            provider,
            saml,
            aws,
            gateway,
            folder,
            clock: settings.clock,
            public_url,
            authority,
        })
    }

    /// PEM of the authority that signed the certificate of the gateway or of the proxy in front, where one speaks https.
    pub fn authority(&self) -> Option<&[u8]> {
        self.authority.as_deref()
    }

    /// The gateway's own origin, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.public_url
    }

    /// The absolute URL of a path of the gateway's.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The configuration's folder: `rolecall.toml`, `access.toml`, `keys/`, `audit.db`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("rolecall.toml")
    }

    /// Stops the gateway as SIGTERM would, then everything else; the folder goes.
    ///
    /// # Errors
    /// When the gateway ended badly.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.gateway.stop().await
    }

    /// One more gateway with the same configuration, at an address of its own. It answers to the same public name.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn replica(&self) -> anyhow::Result<Replica> {
        Replica::start(
            &self.config(),
            TcpListener::bind("127.0.0.1:0")?,
            self.clock.clone(),
        )
        .await
    }
}

impl Replica {
    #[expect(
        clippy::disallowed_methods,
        reason = "the house is where the gateway's task is kept and ended"
    )]
    async fn start(config: &Path, listener: TcpListener, clock: Time) -> anyhow::Result<Self> {
        let loaded = config::load(config)?;
        let surroundings = Surroundings {
            clock: Arc::new(TimeOf(clock)),
            public: Some(listener),
            management: Some(TcpListener::bind("127.0.0.1:0")?),
            ..Surroundings::default()
        };
        let bound = server::bind(loaded, surroundings).await?;
        let (verbs, address, management, stopper) = (
            bound.gateway.clone(),
            bound.public_address,
            bound.management_address,
            bound.stopper(),
        );
        let task = Some(tokio::spawn(bound.run()));
        Ok(Self {
            verbs,
            address,
            management,
            stopper,
            task,
        })
    }

    /// Stops it as SIGTERM would, and waits until it has ended.
    ///
    /// # Errors
    /// When it ended badly.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stopper.stop().await;
        match self.task.take() {
            Some(task) => task.await?,
            None => Ok(()),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Writes a certificate for `localhost` and its key; returns the authority that signed it.
fn certify(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let authority = CertificateAuthority::generate()?;
    let certificate = authority.issue(&["localhost"])?;
    fs::write(folder.join("tls.crt"), certificate.certificate_pem)?;
    write_secret(
        &folder.join("tls.key"),
        &String::from_utf8(certificate.key_pem)?,
    )?;
    authority.pem()
}

struct Facts<'a> {
    public_url: &'a str,
    issuer: &'a str,
    aws: &'a str,
    /// Another `[[provider]]`.
    beside: &'a str,
}

fn write_configuration(
    folder: &Path,
    settings: &HouseSettings,
    facts: &Facts<'_>,
) -> anyhow::Result<()> {
    let Facts {
        public_url,
        issuer,
        aws,
        beside,
    } = facts;
    let (store, database, more) = (&settings.store, &settings.database, &settings.more);
    let (proxies, listen) = (&settings.trusted_proxies, &settings.listen);
    let tls = match settings.tls {
        true => r#"tls = { certificate = "tls.crt", key = { file = "tls.key" } }"#,
        false => "",
    };
    let mut key = [0_u8; 32];
    SystemEntropy.fill(&mut key);
    write_secret(&folder.join("seal.key"), &base64(&key))?;
    write_secret(&folder.join("client.secret"), CLIENT_SECRET)?;
    fs::write(folder.join("access.toml"), &settings.access)?;
    let text = format!(
        r#"public_url = "{public_url}"
access = ["access.toml"]

[listen]
address = "127.0.0.1:0"
management = "127.0.0.1:0"
trusted_proxies = {proxies:?}
{listen}
{tls}

[store]
url = "{store}"
sealing_keys = [{{ file = "seal.key" }}]

[database]
url = "{database}"

[issuer]
keys = "keys/"

[aws]
sts_region = "eu-west-1"
sts_fallback_regions = ["eu-central-1"]
endpoints = {{ sts = "{aws}", signin = "{aws}" }}

[portal]
contact = "platform@example.com"

[[provider]]
id = "{PROVIDER_ID}"
title = "Example ID"
oidc = {{ issuer = "{issuer}", client_id = "{CLIENT_ID}", client_secret = {{ file = "client.secret" }} }}
mfa = {{ amr = ["mfa", "otp", "hwk"] }}
domains = ["example.com"]

{more}
{beside}"#
    );
    fs::write(folder.join("rolecall.toml"), text)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
