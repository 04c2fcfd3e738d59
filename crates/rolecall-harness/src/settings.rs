//! Settings of a stack.

use std::path::Path;
use std::time::Duration;

use rolecall_testkit::aws::{Aws, Partition};
use rolecall_testkit::clock::{self, Clock};
use rolecall_testkit::oidc::OidcSettings;
use rolecalld::aws::OwnCredentials;

use crate::saml::SamlStackSettings;
use crate::sample_data::{ACCESS_POLICY, access_policy_with_every_trust};

/// Configures the AWS emulator before the gateway starts, in place of generated templates, and writes files that the configuration names to the directory. Returns
/// the AWS credentials of the gateway itself, if it has any.
pub type PrepareAws = Box<dyn FnOnce(&Aws, &Path) -> anyhow::Result<Option<OwnCredentials>> + Send>;

/// Settings of a [`TestStack`](crate::TestStack). The default has the sample data, an OpenID provider and in-memory storage.
pub struct TestStackSettings {
    /// Port of the gateway; 0 selects any free port.
    pub port: u16,
    /// Port of the AWS emulator; 0 selects any free port.
    pub aws_port: u16,
    /// Public origin of the gateway if it differs from its address, as with a load balancer.
    pub public_url: Option<String>,
    /// `[issuer] url`, if another server publishes the documents of the issuer.
    pub issuer_url: Option<String>,
    /// Whether the gateway itself serves HTTPS on `localhost`, with a certificate of
    /// [`TestStack::authority`](crate::TestStack::authority).
    pub tls: bool,
    /// PEM of the authority of a proxy in front of the gateway, which clients trust. Not used with `tls`.
    pub proxy_authority: Option<Vec<u8>>,
    /// `[listen] trusted_proxies`.
    pub trusted_proxies: Vec<String>,
    /// Additional lines of `[listen]`.
    pub listen: String,
    /// Clock of the gateway, of the providers and of the AWS emulator.
    pub clock: Clock,
    /// `[store] url`.
    pub store: String,
    /// Time limit of an operation at a Redis server, if it differs from that of an installation. A test of races needs a long one,
    /// because an operation that times out has no result.
    pub store_operation_max: Option<Duration>,
    /// `[database] url`.
    pub database: String,
    /// Access policy, as TOML.
    pub access: String,
    /// Additional lines at the end of `rolecall.toml`.
    pub more: String,
    /// Settings of the identity provider, where the gateway is registered when the stack starts.
    pub provider: OidcSettings,
    /// Issuer that replaces the identity provider, if any. The gateway must be registered there as
    /// [`CLIENT_ID`](crate::sample_data::CLIENT_ID).
    pub issuer: Option<String>,
    /// Origin of an STS that replaces the AWS emulator, if any.
    pub sts: Option<String>,
    /// An additional SAML provider, if any.
    pub saml: Option<SamlStackSettings>,
    /// Maximum number of requests that the AWS emulator records.
    pub requests_kept: usize,
    /// Partition of the AWS emulator and of the gateway.
    pub partition: Partition,
    /// Configuration of the AWS emulator that replaces the generated one, if any.
    pub prepare_aws: Option<PrepareAws>,
}

impl Default for TestStackSettings {
    fn default() -> Self {
        Self {
            port: 0,
            aws_port: 0,
            public_url: None,
            issuer_url: None,
            tls: false,
            proxy_authority: None,
            trusted_proxies: Vec::new(),
            listen: String::new(),
            clock: clock::system(),
            store: "memory:".to_owned(),
            store_operation_max: None,
            database: "sqlite:audit.db".to_owned(),
            access: ACCESS_POLICY.to_owned(),
            more: String::new(),
            provider: OidcSettings::default(),
            issuer: None,
            sts: None,
            saml: None,
            requests_kept: 1_000,
            partition: Partition::Aws,
            prepare_aws: None,
        }
    }
}

impl TestStackSettings {
    /// The sample data with an account for each trust type, and a SAML provider.
    pub fn every_trust() -> Self {
        Self {
            saml: Some(SamlStackSettings {
                aws_application: true,
                ..SamlStackSettings::default()
            }),
            access: access_policy_with_every_trust(),
            ..Self::default()
        }
    }
}
