//! What every handler has at hand: the gateway, our own origin and how it is served. Built once by the composition
//! root; decides nothing.

use std::sync::Arc;

use ipnet::IpNet;
use rolecall_core::gateway::Gateway;
use rolecall_core::sign_in::ReturnTo;
use url::Url;

use super::cookie::CookieNames;
use super::metrics::Metrics;

/// A document the gateway publishes for AWS IAM.
pub struct PublishedDocument {
    /// JSON.
    pub body: Arc<str>,
    /// Its entity tag, quotes included.
    pub etag: Arc<str>,
}

/// Gives a document as it stands now.
pub type Document = Box<dyn Fn() -> PublishedDocument + Send + Sync>;

/// How the site is served, from the configuration.
pub struct SiteSettings {
    /// Our own origin: scheme, host and port, nothing else.
    pub public_url: Url,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whom people are told to ask for access.
    pub contact: Option<String>,
    /// Regions the console chooser offers: code and name.
    pub regions: &'static [(&'static str, &'static str)],
    /// Origins a form of ours may end up at: AWS's sign-in hosts.
    pub form_targets: Vec<String>,
    /// `/.well-known/openid-configuration`
    pub openid_configuration: Document,
    /// `/jwks`
    pub jwks: Document,
}

/// Everything a handler may use.
pub struct Site {
    /// The verbs.
    pub gateway: Arc<Gateway>,
    /// How it is served.
    pub settings: SiteSettings,
    /// What cookies are called here.
    pub cookies: CookieNames,
    /// What is counted.
    pub metrics: Metrics,
    /// `Content-Security-Policy` of every page.
    pub content_security_policy: String,
    /// `host` or `host:port` that requests must name.
    pub authority: String,
}

impl Site {
    /// The site of `gateway`.
    pub fn new(gateway: Arc<Gateway>, settings: SiteSettings, metrics: Metrics) -> Self {
        let secure = settings.public_url.scheme() == "https";
        let authority =
            settings.public_url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
        let content_security_policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
            settings.form_targets.join(" ")
        );
        Self {
            gateway,
            cookies: CookieNames::new(secure),
            metrics,
            content_security_policy,
            authority,
            settings,
        }
    }

    /// Whether browsers reach us by https.
    pub fn is_https(&self) -> bool {
        self.settings.public_url.scheme() == "https"
    }

    /// Our own origin, without a trailing slash.
    pub fn origin(&self) -> &str {
        self.settings.public_url.as_str().trim_end_matches('/')
    }

    /// The absolute URL of one of our own paths.
    pub fn absolute(&self, place: &ReturnTo) -> Url {
        self.settings
            .public_url
            .join(place.as_str())
            .unwrap_or_else(|_| self.settings.public_url.clone())
    }
}
