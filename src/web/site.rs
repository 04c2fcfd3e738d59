//! What every handler has at hand: the gateway, our own origin and how it is served. Built once by the composition
//! root; decides nothing.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use rolecall_core::aws::Region;
use rolecall_core::base::limits;
use rolecall_core::gateway::Gateway;
use rolecall_core::identity::EmailAddress;
use rolecall_core::record::rate_limit::{AddressShares, ShareBounds};
use rolecall_core::sign_in::ReturnTo;
use tokio::runtime::Handle;
use url::Url;

use crate::web::http::address::ClientAddresses;
use crate::web::http::cookie::CookieNames;
use crate::web::http::pending_work::PendingWork;
use crate::web::metrics::Metrics;

/// The bytes of SAML forms that are being read.
const FORM_ROOM: ShareBounds = ShareBounds {
    all: limits::SAML_FORMS_BYTES_MAX,
    each: limits::SAML_FORMS_BYTES_MAX / 8,
    reserved: limits::SAML_FORMS_RESERVED_BYTES,
    ceiling: 2 * limits::SAML_FORMS_BYTES_MAX,
};

/// A document the gateway publishes for AWS IAM.
pub struct PublishedDocument {
    /// JSON or XML.
    pub body: Arc<str>,
    /// Its entity tag, quotes included.
    pub etag: Arc<str>,
}

/// Gives a document as it stands now.
pub type Document = Box<dyn Fn() -> PublishedDocument + Send + Sync>;

/// As [`Document`], for one that need not be there.
pub type OptionalDocument = Box<dyn Fn() -> Option<PublishedDocument> + Send + Sync>;

/// Looks for free bytes.
pub type DiskFree = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// How the site is served, from the configuration.
pub struct SiteSettings {
    /// Our own origin: scheme, host and port, nothing else.
    pub public_url: Url,
    /// How a client's address is found.
    pub client_addresses: ClientAddresses,
    /// Whether this peer has so many connections that they are not kept after an answer.
    pub is_crowded: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// The Region of generated profiles.
    pub region: Region,
    /// Whom people are told to ask for access.
    pub contact: Option<String>,
    /// Regions the console chooser offers: code and name.
    pub regions: &'static [(&'static str, &'static str)],
    /// Origins a form of ours may end up at: AWS's sign-in and console hosts.
    pub form_targets: Vec<String>,
    /// `/.well-known/openid-configuration`
    pub openid_configuration: Document,
    /// `/jwks`
    pub jwks: Document,
    /// Bytes that are free where embedded databases are, where there is least; none without an embedded database.
    pub disk_free: DiskFree,
    /// `/saml/metadata`; none as long as no key signs SAML responses.
    pub saml_metadata: OptionalDocument,
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
    pub content_security_policy: HeaderValue,
    /// `emailAddress` of every account: AWS's clients show one beside the name.
    pub account_email: String,
    /// The bytes of SAML forms that are read or looked at.
    pub form_room: Arc<AddressShares>,
    /// What outlives its request and is under way.
    pub pending_work: PendingWork,
    /// For work that outlives its request, and for whatever waits for the network more than once: workers render pages
    /// meanwhile, and would come back late for each answer.
    pub runtime: Handle,
}

impl Site {
    /// The site of `gateway`. Must be called within the runtime that is to do what outlives a request.
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
            form_room: AddressShares::new(FORM_ROOM),
            pending_work: PendingWork::default(),
            runtime: Handle::current(),
        }
    }

    /// `Content-Security-Policy` of a page whose form goes to this origin too.
    pub fn policy_with_form_to(&self, origin: &str) -> HeaderValue {
        policy(&self.settings.form_targets, Some(origin))
    }

    /// Whether browsers reach us by https.
    pub fn is_https(&self) -> bool {
        self.settings.public_url.scheme() == "https"
    }

    /// Whether `host` is ours.
    pub fn is_named(&self, host: &str) -> bool {
        is_name_of(&self.settings.public_url, host)
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

/// Forbids all of it if an origin has something in it that no header may have.
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

/// Whether a `Host` names the origin; some programs write the scheme's own port out (RFC 9110 4.2.3).
fn is_name_of(origin: &Url, host: &str) -> bool {
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
    fn only_our_own_name_is_ours() {
        let (usual, odd) = (
            Url::parse("https://sso.example.com").unwrap(),
            Url::parse("http://127.0.0.1:8400").unwrap(),
        );
        for host in ["sso.example.com", "SSO.example.com", "sso.example.com:443"] {
            assert!(is_name_of(&usual, host), "{host}");
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
            assert!(!is_name_of(&usual, host), "{host}");
        }
        assert!(is_name_of(&odd, "127.0.0.1:8400"));
        assert!(!is_name_of(&odd, "127.0.0.1") && !is_name_of(&odd, "127.0.0.1:8400:80"));
    }
}
