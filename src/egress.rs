//! Outgoing connections to identity providers and AWS, as configured in `[egress]`: proxy, hosts that bypass it, and
//! additional CA certificates.
//!
//! Proxy settings in the environment are ignored. Loopback and link-local addresses, which include the metadata
//! services of clouds, are never reached through the proxy.

mod address_class;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use rolecall_core::base::secret::SecretText;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

pub use address_class::{AddressClass, is_localhost};

/// The parsed section `[egress]`. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Egress(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    proxy: Option<Proxy>,
    no_proxy: Vec<NoProxyRule>,
    ca_certificates: Vec<CaCertificates>,
}

/// A proxy that supports CONNECT (RFC 9110 9.3.6).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// URL of the proxy, `http` or `https`.
    pub url: Url,
    /// Username and password (Basic, RFC 7617).
    pub credentials: Option<(String, SecretText)>,
}

/// The CA certificates of one PEM file.
#[derive(Clone, Debug)]
pub struct CaCertificates {
    pem: String,
}

/// The text contains no PEM certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file does not contain a PEM certificate")]
pub struct NoCertificate;

impl CaCertificates {
    /// Parses the text of a PEM file.
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

    /// The text of the file.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// An entry of `no_proxy`: destinations that bypass the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoProxyRule {
    /// `*`: all hosts.
    Every,
    /// One host name.
    Host(String),
    /// `*.example.com` or `.example.com`: all hosts below a domain.
    Below(String),
    /// A network. Host names are not resolved to match it.
    Net(IpNet),
}

/// The text is neither a host, nor a pattern, nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a host name, \"*.corp.example\" for all hosts below a domain, or a network such as 10.0.0.0/8"
)]
pub struct InvalidNoProxyRule;

impl NoProxyRule {
    /// Parses an entry of `no_proxy`.
    ///
    /// # Errors
    /// [`InvalidNoProxyRule`].
    pub fn parse(text: &str) -> Result<Self, InvalidNoProxyRule> {
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
            Ok(_) | Err(_) => Err(InvalidNoProxyRule),
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
    /// Egress with this configuration.
    pub fn new(
        proxy: Option<Proxy>,
        no_proxy: Vec<NoProxyRule>,
        ca_certificates: Vec<CaCertificates>,
    ) -> Self {
        Self(Arc::new(Parts {
            proxy,
            no_proxy,
            ca_certificates,
        }))
    }

    /// The configured proxy.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.0.proxy.as_ref()
    }

    /// The proxy for this URL; `None` if the URL is reached directly.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        let proxy = self.proxy()?;
        let host = url.host()?;
        let bypassed = self.0.no_proxy.iter().any(|rule| rule.covers(&host));
        (!bypassed && AddressClass::of_host(&host) == AddressClass::Other).then_some(proxy)
    }

    /// CA certificates in addition to those of the system.
    pub fn ca_certificates(&self) -> &[CaCertificates] {
        &self.0.ca_certificates
    }

    /// The same CA certificates without the proxy, for requests to the gateway's own `public_url`.
    pub fn direct(&self) -> Self {
        Self::new(None, Vec::new(), self.ca_certificates().to_vec())
    }

    /// Applies proxy and CA certificates to a client, and disables proxies from the environment.
    ///
    /// # Errors
    /// If a CA certificate is invalid.
    pub fn apply_to(
        &self,
        client: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, reqwest::Error> {
        let mut client = client.no_proxy();
        for ca_certificates in self.ca_certificates() {
            for certificate in
                reqwest::Certificate::from_pem_bundle(ca_certificates.pem().as_bytes())?
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

/// Whether the system has any CA certificates in the locations that TLS connections use.
pub fn system_has_ca_certificates() -> bool {
    !rustls_native_certs::load_native_certs().certs.is_empty()
}

/// A hint for a failed connection, if the configuration can fix it.
pub fn hint_for(causes: &str) -> Option<&'static str> {
    if causes.contains("UnknownIssuer") {
        Some(
            "the CA that issued the server certificate is not trusted by this system; for a private CA, add its PEM file to [egress] ca",
        )
    } else if causes.contains("proxy authorization required")
        || causes.contains("ProxyAuthRequired")
    {
        Some("the proxy requires authentication; set username and password in [egress] proxy")
    } else if causes.contains("tunnel") {
        Some("the proxy in [egress] rejected the tunnel to this host")
    } else {
        None
    }
}

/// Appends the hint, if any, to the error text.
pub fn with_hint(causes: String) -> String {
    match hint_for(&causes) {
        Some(hint) => format!("{causes}; {hint}"),
        None => causes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(no_proxy: &[&str]) -> Egress {
        let proxy = Proxy {
            url: Url::parse("http://proxy.corp.example:3128").unwrap(),
            credentials: Some(("gateway".to_owned(), SecretText::new("hunter2"))),
        };
        let no_proxy = no_proxy
            .iter()
            .map(|text| NoProxyRule::parse(text).unwrap());
        Egress::new(Some(proxy), no_proxy.collect(), Vec::new())
    }

    fn through(egress: &Egress, url: &str) -> bool {
        egress.proxy_for(&Url::parse(url).unwrap()).is_some()
    }

    #[test]
    fn no_proxy_rules_match_hosts_patterns_and_networks() {
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
        let none = super::Egress::new(
            egress.proxy().cloned(),
            vec![NoProxyRule::Every],
            Vec::new(),
        );
        assert!(!through(&none, "https://accounts.google.com"));
        assert!(!through(&egress.direct(), "https://accounts.google.com"));
    }

    #[test]
    fn loopback_and_metadata_addresses_bypass_the_proxy() {
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
    fn invalid_no_proxy_rule_is_rejected() {
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
            assert!(NoProxyRule::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        assert!(!format!("{:?}", egress(&[])).contains("hunter2"));
    }

    #[test]
    fn ca_file_without_certificate_is_rejected() {
        assert_eq!(
            CaCertificates::parse("-----BEGIN".to_owned()).map(drop),
            Err(NoCertificate)
        );
        assert_eq!(
            CaCertificates::parse(String::new()).map(drop),
            Err(NoCertificate)
        );
    }

    #[test]
    fn known_connection_failures_have_a_hint() {
        assert!(
            hint_for("invalid peer certificate: UnknownIssuer")
                .unwrap()
                .contains("[egress] ca")
        );
        assert!(
            hint_for("tunnel error: proxy authorization required")
                .unwrap()
                .contains("password")
        );
        assert!(
            hint_for("tunnel error: unsuccessful")
                .unwrap()
                .contains("proxy")
        );
        assert_eq!(hint_for("connection refused"), None);
    }
}
