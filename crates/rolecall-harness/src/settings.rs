//! What a stack is made of.

use rolecall_testkit::clock::{self, Clock};
use rolecall_testkit::oidc::OidcSettings;

use crate::saml::SamlStackSettings;
use crate::sample_data::ACCESS_POLICY;

/// What a [`TestStack`](crate::TestStack) is made of. The default is the sample data, an OpenID provider and in-memory storage.
pub struct TestStackSettings {
    /// The gateway's port; 0 for any.
    pub port: u16,
    /// AWS's port; 0 for any.
    pub aws_port: u16,
    /// The gateway's public origin where that is not its own address: that of a load balancer in front of it.
    pub public_url: Option<String>,
    /// Whether the gateway itself serves HTTPS, on `localhost`, with a certificate of
    /// [`TestStack::authority`](crate::TestStack::authority).
    pub tls: bool,
    /// PEM of the authority that signed the certificate of a proxy in front of the gateway, for clients that reach the
    /// gateway through it. With `tls`, the gateway's own authority is used.
    pub proxy_authority: Option<Vec<u8>>,
    /// `[listen] trusted_proxies`: proxies that may state the client's address.
    pub trusted_proxies: Vec<String>,
    /// More lines of `[listen]`.
    pub listen: String,
    /// The clock of the gateway, of the providers and of AWS.
    pub clock: Clock,
    /// `[store] url`
    pub store: String,
    /// `[database] url`
    pub database: String,
    /// The access policy, TOML.
    pub access: String,
    /// More of `rolecall.toml`, after the rest.
    pub more: String,
    /// The identity provider. The gateway is registered there when the stack starts.
    pub provider: OidcSettings,
    /// The issuer where people sign in instead, if there is one. It must know the gateway as
    /// [`CLIENT_ID`](crate::sample_data::CLIENT_ID).
    pub issuer: Option<String>,
    /// A SAML provider beside it, if there is one.
    pub saml: Option<SamlStackSettings>,
    /// Requests that the AWS emulator remembers.
    pub requests_kept: usize,
}

impl Default for TestStackSettings {
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
            access: ACCESS_POLICY.to_owned(),
            more: String::new(),
            provider: OidcSettings::default(),
            issuer: None,
            saml: None,
            requests_kept: 1_000,
        }
    }
}
