//! How the gateway reaches identity providers and AWS: `[egress]`. Through which proxy, which hosts without it, and which
//! authorities count beside the system's.
//!
//! The environment is never read. Loopback and link-local addresses, where clouds keep their metadata services, are never
//! reached through the proxy.

mod place;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rolecall_core::base::secret::SecretText;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

pub use place::{Place, is_localhost};

/// The section, parsed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Egress(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    proxy: Option<Proxy>,
    exceptions: Vec<Exception>,
    authorities: Vec<Authorities>,
}

/// A proxy that is asked to CONNECT (RFC 9110 9.3.6).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http` or `https`: how the proxy itself is reached.
    pub url: Url,
    /// Username and password (Basic, RFC 7617).
    pub credentials: Option<(String, SecretText)>,
}

/// The certificates of one PEM file.
#[derive(Clone, Debug)]
pub struct Authorities {
    pem: String,
}

/// Not a list of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate in PEM in it")]
pub struct NoCertificate;

impl Authorities {
    /// Reads the text of a PEM file.
    ///
    /// # Errors
    /// [`NoCertificate`].
    pub fn parse(pem: String) -> Result<Self, NoCertificate> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(Self { pem }),
            Ok(_) | Err(_) => Err(NoCertificate),
        }
    }

    /// The file's text.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// `*`: every host.
    Every,
    /// One host, by name.
    Host(String),
    /// `*.example.com` or `.example.com`: every host below a domain.
    Below(String),
    /// Addresses. A name is not looked up for them.
    Net(IpNet),
}

/// Neither a host, nor a pattern, nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a host, \"*.corp.example\" for every host below a domain, or a network such as 10.0.0.0/8"
)]
pub struct InvalidException;

impl Exception {
    /// Reads one entry of `no_proxy`.
    ///
    /// # Errors
    /// [`InvalidException`].
    pub fn parse(text: &str) -> Result<Self, InvalidException> {
        if text == "*" {
            return Ok(Self::Every);
        }
        let address = text.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = address.parse::<IpAddr>() {
            return Ok(Self::Net(address.to_canonical().into()));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net));
        }
        let domain = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        match Host::parse(domain.unwrap_or(text)) {
            Ok(Host::Domain(name)) if !name.contains(['*', '/', ':']) => {
                let name = name.trim_end_matches('.').to_owned();
                Ok(match domain {
                    Some(_) => Self::Below(name),
                    None => Self::Host(name),
                })
            }
            Ok(_) | Err(_) => Err(InvalidException),
        }
    }

    fn covers(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Every, _) => true,
            (Self::Host(name), Host::Domain(host)) => name == host.trim_end_matches('.'),
            (Self::Below(domain), Host::Domain(host)) => host
                .trim_end_matches('.')
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Self::Net(net), Host::Ipv4(address)) => net.contains(&IpAddr::V4(*address)),
            (Self::Net(net), Host::Ipv6(address)) => {
                net.contains(&IpAddr::V6(*address).to_canonical())
            }
            (Self::Host(_) | Self::Below(_), Host::Ipv4(_) | Host::Ipv6(_))
            | (Self::Net(_), Host::Domain(_)) => false,
        }
    }
}

impl Egress {
    /// The way out as configured.
    pub fn new(
        proxy: Option<Proxy>,
        exceptions: Vec<Exception>,
        authorities: Vec<Authorities>,
    ) -> Self {
        Self(Arc::new(Parts {
            proxy,
            exceptions,
            authorities,
        }))
    }

    /// The proxy, whatever for.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.0.proxy.as_ref()
    }

    /// The proxy through which this URL is reached; none when it is reached directly.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        let proxy = self.proxy()?;
        let host = url.host()?;
        let excepted = self.0.exceptions.iter().any(|except| except.covers(&host));
        (!excepted && Place::of_host(&host) == Place::Elsewhere).then_some(proxy)
    }

    /// The authorities beside the system's.
    pub fn authorities(&self) -> &[Authorities] {
        &self.0.authorities
    }

    /// The same authorities without the proxy: for the gateway's own `public_url`, which proxies for the way out need not
    /// reach.
    pub fn direct(&self) -> Self {
        Self::new(None, Vec::new(), self.authorities().to_vec())
    }

    /// A client that goes out this way and by nothing that the environment says.
    ///
    /// # Errors
    /// When an authority's certificate cannot be used.
    pub fn applied_to(
        &self,
        client: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, reqwest::Error> {
        let mut client = client.no_proxy();
        for authorities in self.authorities() {
            for certificate in reqwest::Certificate::from_pem_bundle(authorities.pem().as_bytes())?
            {
                client = client.add_root_certificate(certificate);
            }
        }
        let Some(proxy) = self.proxy() else {
            return Ok(client);
        };
        let egress = self.clone();
        let mut through =
            reqwest::Proxy::custom(move |url| Some(egress.proxy_for(url)?.url.clone()));
        if let Some((username, password)) = &proxy.credentials {
            through = through.basic_auth(username, password.expose());
        }
        Ok(client.proxy(through))
    }
}

/// Whether this machine knows any certificate authority, in the places where every TLS connection looks.
pub fn system_has_authorities() -> bool {
    !rustls_native_certs::load_native_certs().certs.is_empty()
}

/// What to do about a connection that failed for these reasons, where the configuration can help.
pub fn advice(causes: &str) -> Option<&'static str> {
    if causes.contains("UnknownIssuer") {
        Some(
            "the server's certificate is issued by an authority that this system does not know; if it is your own, name its PEM file in [egress] ca",
        )
    } else if causes.contains("proxy authorization required")
        || causes.contains("ProxyAuthRequired")
    {
        Some("the proxy asks for credentials; see [egress] proxy, username and password")
    } else if causes.contains("tunnel") {
        Some("the proxy of [egress] made no tunnel to this host")
    } else {
        None
    }
}

/// The causes, and what to do about them.
pub fn advised(causes: String) -> String {
    match advice(&causes) {
        Some(advice) => format!("{causes}; {advice}"),
        None => causes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(exceptions: &[&str]) -> Egress {
        let proxy = Proxy {
            url: Url::parse("http://proxy.corp.example:3128").unwrap(),
            credentials: Some(("gateway".to_owned(), SecretText::new("hunter2"))),
        };
        let exceptions = exceptions
            .iter()
            .map(|text| Exception::parse(text).unwrap());
        Egress::new(Some(proxy), exceptions.collect(), Vec::new())
    }

    fn through(egress: &Egress, url: &str) -> bool {
        egress.proxy_for(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn exceptions_are_hosts_patterns_and_networks() {
        let egress = egress(&[
            "*.corp.example",
            ".lan.example",
            "IDP.example",
            "10.0.0.0/8",
            "192.0.2.7",
            "2001:db8::/32",
        ]);
        for direct in [
            "https://id.corp.example/x",
            "https://a.b.corp.example",
            "https://ID.CORP.EXAMPLE./",
            "https://nas.lan.example",
            "https://idp.example",
            "https://10.1.2.3:8443",
            "https://192.0.2.7",
            "https://[2001:db8::1]/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(!through(&egress, direct), "{direct}");
        }
        for proxied in [
            "https://corp.example",
            "https://evilcorp.example",
            "https://id.corp.example.evil.example",
            "https://sub.idp.example",
            "https://192.0.2.8",
            "https://11.0.0.1",
            "https://[2001:db9::1]/",
            "https://accounts.google.com",
        ] {
            assert!(through(&egress, proxied), "{proxied}");
        }
        let none = super::Egress::new(egress.proxy().cloned(), vec![Exception::Every], Vec::new());
        assert!(!through(&none, "https://accounts.google.com"));
        assert!(!through(&egress.direct(), "https://accounts.google.com"));
    }

    #[test]
    fn this_machine_and_metadata_are_never_behind_the_proxy() {
        let egress = egress(&[]);
        for here in [
            "http://127.0.0.1:6379",
            "http://127.8.9.1",
            "http://[::1]/",
            "http://localhost:8080/",
            "http://idp.localhost/",
            "http://idp.localhost./",
            "https://[64:ff9b::169.254.169.254]/",
            "https://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://169.254.170.2/v2/credentials",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.169.254]/",
        ] {
            assert!(!through(&egress, here), "{here}");
        }
    }

    #[test]
    fn what_is_no_exception_is_refused() {
        for bad in [
            "",
            "*.*",
            "a b",
            "10.0.0.0/99",
            "https://x.example",
            "*.",
            "a/b",
            "*corp.example",
        ] {
            assert!(Exception::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        assert!(!format!("{:?}", egress(&[])).contains("hunter2"));
    }

    #[test]
    fn authorities_are_certificates() {
        assert_eq!(
            Authorities::parse("-----BEGIN".to_owned()).map(drop),
            Err(NoCertificate)
        );
        assert_eq!(
            Authorities::parse(String::new()).map(drop),
            Err(NoCertificate)
        );
    }

    #[test]
    fn failures_that_the_configuration_can_mend_say_so() {
        assert!(
            advice("invalid peer certificate: UnknownIssuer")
                .unwrap()
                .contains("[egress] ca")
        );
        assert!(
            advice("tunnel error: proxy authorization required")
                .unwrap()
                .contains("password")
        );
        assert!(
            advice("tunnel error: unsuccessful")
                .unwrap()
                .contains("proxy")
        );
        assert_eq!(advice("connection refused"), None);
    }
}
