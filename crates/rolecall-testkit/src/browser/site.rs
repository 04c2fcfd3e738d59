//! Origins, sites and secure contexts.

use url::{Host, Url};

/// The relation of two URLs, nearest first (Fetch Metadata 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// Same scheme, host and port.
    SameOrigin,
    /// Same scheme and registrable domain, on any port.
    SameSite,
    /// The registrable domains or the schemes differ.
    CrossSite,
}

impl Relation {
    /// The value of `Sec-Fetch-Site`.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
        }
    }
}

pub(super) fn relation(from: &Url, to: &Url) -> Relation {
    if from.origin() == to.origin() {
        Relation::SameOrigin
    } else if from.scheme() == to.scheme() && site(from) == site(to) {
        Relation::SameSite
    } else {
        Relation::CrossSite
    }
}

/// The registrable domain: the last two labels, which is correct for all names in tests. `None` for an IP address.
fn site(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain(name) => {
            let labels: Vec<&str> = name.rsplit('.').take(2).collect();
            Some(labels.join("."))
        }
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

/// Whether the origin is trustworthy (Secure Contexts 3.1): `https`, or loopback with any scheme. Chromium also accepts
/// `Secure` cookies there.
pub(super) fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Domain(name)) => is_localhost(name),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

pub(super) fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}
