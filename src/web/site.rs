//! The shared state of all handlers: the gateway, its origin and its settings. Built once by the composition root.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use rolecall_core::aws::Region;
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::EmailAddress;
use rolecall_core::sign_in::ReturnTo;
use tokio::runtime::Handle;
use url::Url;

use crate::web::http::address::ClientAddresses;
use crate::web::http::cookie::CookieNames;
use crate::web::http::pending_work::PendingWork;
use crate::web::metrics::Metrics;

/// A document that the gateway publishes for IAM.
pub struct PublishedDocument {
    /// JSON or XML.
    pub body: Arc<str>,
    /// The entity tag, including quotes.
    pub etag: Arc<str>,
}

/// Returns the current version of a document.
pub type DocumentSource = Box<dyn Fn() -> PublishedDocument + Send + Sync>;

/// As [`DocumentSource`], for an optional document.
pub type OptionalDocumentSource = Box<dyn Fn() -> Option<PublishedDocument> + Send + Sync>;

/// Returns the number of free bytes.
pub type DiskFree = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// The settings of the site, from the configuration.
pub struct SiteSettings {
    /// The public origin of the gateway: scheme, host and port.
    pub public_url: Url,
    /// Determines the client address of a request.
    pub client_addresses: ClientAddresses,
    /// Whether this peer has so many connections that they are closed after a response.
    pub is_crowded: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// The AWS Region of generated profiles.
    pub region: Region,
    /// The contact for access requests, shown to users.
    pub contact: Option<String>,
    /// The Regions of the console page: code and name.
    pub regions: &'static [(&'static str, &'static str)],
    /// Origins to which forms may lead: the sign-in and console hosts of AWS.
    pub form_targets: Vec<String>,
    /// `/.well-known/openid-configuration`
    pub openid_configuration: DocumentSource,
    /// `/jwks`: the public keys of the token issuer.
    pub jwks: DocumentSource,
    /// Free bytes for embedded databases, on the fullest file system; none without an embedded database.
    pub disk_free: DiskFree,
    /// Whether the documents that are published at `[issuer] url` differ from the keys of this gateway, or could not be
    /// fetched.
    pub issuer_documents_differ: Box<dyn Fn() -> bool + Send + Sync>,
    /// `/saml/metadata`; none if no key is configured for SAML responses.
    pub saml_metadata: OptionalDocumentSource,
}

/// The shared state of handlers.
pub struct Site {
    /// The gateway services.
    pub gateway: Arc<Gateway>,
    /// The settings of the site.
    pub settings: SiteSettings,
    /// The cookie names.
    pub cookies: CookieNames,
    /// Counters of the public listener, published on the management listener.
    pub metrics: Metrics,
    /// `Content-Security-Policy` of every page.
    pub content_security_policy: HeaderValue,
    /// The `emailAddress` of every account in `ListAccounts`, which AWS clients show next to the name.
    pub account_email: String,
    /// Tasks that continue after their request.
    pub pending_work: PendingWork,
    /// The runtime for tasks that continue after their request or that wait for the network more than once. Workers that
    /// render pages meanwhile would resume such a task late after each response.
    pub runtime: Handle,
}

impl Site {
    /// Creates the state. Must be called within the runtime that runs tasks that continue after their request.
    pub fn new(gateway: Arc<Gateway>, settings: SiteSettings, metrics: Metrics) -> Self {
        let secure = settings.public_url.scheme() == "https";
        let content_security_policy = policy(&settings.form_targets, None);
        let is_address = |contact: &&String| EmailAddress::parse(contact).is_ok();
        let contact = settings.contact.as_ref().filter(is_address);
        let host = settings.public_url.host_str().unwrap_or_default();
        let account_email = contact.cloned().unwrap_or_else(|| format!("nobody@{host}"));
        Self {
            account_email,
            gateway,
            cookies: CookieNames::new(secure),
            metrics,
            content_security_policy,
            settings,
            pending_work: PendingWork::default(),
            runtime: Handle::current(),
        }
    }

    /// `Content-Security-Policy` of a page whose form may also be sent to this origin.
    pub fn policy_with_form_to(&self, origin: &str) -> HeaderValue {
        policy(&self.settings.form_targets, Some(origin))
    }

    /// Whether `public_url` is HTTPS.
    pub fn is_https(&self) -> bool {
        self.settings.public_url.scheme() == "https"
    }

    /// Whether `host` is the host of `public_url`.
    pub fn serves_host(&self, host: &str) -> bool {
        is_host_of(&self.settings.public_url, host)
    }

    /// The public origin, without a trailing slash.
    pub fn origin(&self) -> &str {
        self.settings.public_url.as_str().trim_end_matches('/')
    }

    /// The absolute URL of a path of the gateway.
    pub fn absolute(&self, place: &ReturnTo) -> Url {
        self.settings
            .public_url
            .join(place.as_str())
            .unwrap_or_else(|_| self.settings.public_url.clone())
    }
}

/// Denies everything if an origin contains characters that are not valid in a header.
fn policy(form_targets: &[String], one_more: Option<&str>) -> HeaderValue {
    let targets: Vec<&str> = form_targets
        .iter()
        .map(String::as_str)
        .chain(one_more)
        .collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
        targets.join(" ")
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(
        "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    ))
}

/// Whether a `Host` header matches the origin. Some clients include the default port of the scheme (RFC 9110 4.2.3).
fn is_host_of(origin: &Url, host: &str) -> bool {
    let default_port = if origin.scheme() == "https" {
        ":443"
    } else {
        ":80"
    };
    let bare = match origin.port() {
        None => host.strip_suffix(default_port).unwrap_or(host),
        Some(_) => host,
    };
    bare.eq_ignore_ascii_case(&origin[url::Position::BeforeHost..url::Position::AfterPort])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_host_matches() {
        let (usual, odd) = (
            Url::parse("https://sso.example.com").unwrap(),
            Url::parse("http://127.0.0.1:8400").unwrap(),
        );
        for host in ["sso.example.com", "SSO.example.com", "sso.example.com:443"] {
            assert!(is_host_of(&usual, host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "sso.example.com:80",
            "sso.example.com:8443",
            "sso.example.com.",
            "sso.example.com:443:443",
            "x.sso.example.com",
            "sso.example.com@evil.example",
        ] {
            assert!(!is_host_of(&usual, host), "{host}");
        }
        assert!(is_host_of(&odd, "127.0.0.1:8400"));
        assert!(!is_host_of(&odd, "127.0.0.1") && !is_host_of(&odd, "127.0.0.1:8400:80"));
    }
}
