//! Whether the gateway sees its clients' addresses through what stands in front of it, judged by how it sees this machine.

use std::net::{IpAddr, Ipv4Addr};

use url::Url;

use super::public_url::PublicUrlFault;
use crate::client_address::{AddressHeader, SeenAddress, is_in};
use crate::config::Listen;

/// An address that nobody has (TEST-NET-1, RFC 5737), which this machine claims to have.
pub const FORGED: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// How the gateway sees this machine.
pub struct ObservedAddress<'a> {
    /// Where it was asked.
    pub public_url: &'a Url,
    /// What is configured.
    pub listen: &'a Listen,
    /// The answer to a request without a header that carries a client's address.
    pub plain: &'a SeenAddress,
    /// The answer to one in which both such headers say [`FORGED`]; none where there was no answer.
    pub forged: Option<&'a SeenAddress>,
    /// This machine's own address in a connection to `public_url`.
    pub local: Option<IpAddr>,
}

impl ObservedAddress<'_> {
    /// A note of how this machine is seen.
    ///
    /// # Errors
    /// When the gateway does not see the addresses of its clients, or they can choose them.
    pub fn judge(&self) -> Result<String, PublicUrlFault> {
        let address = self.plain.address.ok_or_else(|| self.unknown())?;
        if self.plain.is_of_connection() {
            self.of_connection(address)?;
        }
        let is_trusted = self.is_trusted(address);
        if self.forged.and_then(|seen| seen.address) == Some(FORGED) && !is_trusted {
            return Err(PublicUrlFault::new(
                format!(
                    "clients can choose their address: the gateway took {FORGED}, which this machine only claimed to have"
                ),
                format!(
                    "let the proxy write `{}` itself instead of passing on what clients send; see \"Proxies\" in docs/operations.md",
                    self.plain.source
                ),
            ));
        }
        let note = format!(
            "this machine is seen as {address}, by {}",
            self.plain.source
        );
        let local = self.local.filter(|local| *local != address);
        Ok(match local {
            _ if is_trusted => format!(
                "{note}; it is in listen.trusted_proxies, so ask from another machine whether clients can choose their address"
            ),
            Some(local) => format!(
                "{note}; the connection began at {local}: without address translation between them, {address} is a proxy that is missing in listen.trusted_proxies"
            ),
            None => note,
        })
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        is_in(&self.listen.trusted_proxies, address)
    }

    fn unknown(&self) -> PublicUrlFault {
        let reason = self.plain.unknown.as_deref().unwrap_or("no reason given");
        let (configured, sent) = (self.listen.client_address, &self.plain.headers);
        let name = configured.name().unwrap_or_default();
        let other = configured.other().and_then(AddressHeader::name);
        let other = other.filter(|other| sent.iter().eq([other]));
        let advice = match other {
            Some(other) => format!(
                "let the proxy write `{name}`, or set listen.client_address = \"{other}\" if the proxy itself writes that"
            ),
            None => format!("let the proxy write one address to `{name}`"),
        };
        PublicUrlFault::new(
            format!("the address of this machine is unknown to the gateway: {reason}"),
            format!("{advice}; see \"Proxies\" in docs/operations.md"),
        )
    }

    /// The gateway took whoever opened the connection for the client: right without a proxy, wrong behind one.
    fn of_connection(&self, address: IpAddr) -> Result<(), PublicUrlFault> {
        let header = self.listen.client_address.name();
        let fault = |why: String, advice: String| {
            Err(PublicUrlFault::new(
                format!(
                    "every client has the address of a proxy: the gateway sees {address}, and {why}"
                ),
                format!("{advice}; see \"Proxies\" in docs/operations.md"),
            ))
        };
        if let Some(sent) = self.plain.headers.first() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let trust =
                format!("add \"{address}/{bits}\" to listen.trusted_proxies if that is your proxy");
            return match header {
                Some(_) => fault(format!("does not trust the `{sent}` that it sends"), trust),
                None => fault(
                    format!("does not read the `{sent}` that it sends"),
                    format!(
                        "set listen.client_address = \"{sent}\" in place of \"peer\", and {trust}"
                    ),
                ),
            };
        }
        let Some(header) = header else { return Ok(()) };
        // Whoever ends TLS on another machine may keep the client's address in the connection; on this one nobody can.
        let is_proxied = self.public_url.scheme() == "https" && self.listen.tls.is_none();
        let is_of_proxy = match self.local == Some(address) {
            true => is_proxied && address.is_loopback(),
            false => is_proxied || self.is_trusted(address),
        };
        match is_of_proxy {
            true => fault(
                format!("no `{header}` arrives"),
                format!("let the proxy write the client's address to `{header}`"),
            ),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const HOME: &str = "198.51.100.7";
    const PROXY: &str = "10.0.0.2";

    fn listen(client_address: AddressHeader) -> Listen {
        Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 8443)),
            tls: None,
            management: SocketAddr::from(([127, 0, 0, 1], 9400)),
            trusted_proxies: vec!["10.0.0.2/32".parse().unwrap()],
            client_address,
            connections: 1,
        }
    }

    fn seen(address: &str, source: &str, headers: &[&str]) -> SeenAddress {
        SeenAddress {
            address: address.parse().ok(),
            source: source.to_owned(),
            headers: headers.iter().map(ToString::to_string).collect(),
            unknown: address.is_empty().then(|| "the reason".to_owned()),
        }
    }

    /// What is said of how this machine, at [`HOME`], is seen.
    fn judged(
        header: AddressHeader,
        url: &str,
        plain: &SeenAddress,
        forged: &SeenAddress,
    ) -> String {
        let sight = ObservedAddress {
            public_url: &Url::parse(url).unwrap(),
            listen: &listen(header),
            plain,
            forged: Some(forged),
            local: HOME.parse().ok(),
        };
        match sight.judge() {
            Ok(note) => note,
            Err(fault) => format!("{fault}: {}", fault.hint()),
        }
    }

    #[test]
    fn each_way_to_be_seen_is_told_apart() {
        use AddressHeader::{Forwarded, Peer, XForwardedFor};
        let xff = "x-forwarded-for";
        let https = "https://sso.example.com";
        let rows = [
            // As it should be: by the header, or without a proxy.
            (
                XForwardedFor,
                https,
                seen(HOME, xff, &[xff]),
                "this machine is seen as 198.51.100.7, by x-forwarded-for",
            ),
            (
                XForwardedFor,
                https,
                seen(HOME, "connection", &[]),
                "seen as 198.51.100.7, by connection",
            ),
            (
                Peer,
                https,
                seen(HOME, "connection", &[]),
                "seen as 198.51.100.7, by connection",
            ),
            (
                XForwardedFor,
                https,
                seen("203.0.113.9", xff, &[xff]),
                "began at 198.51.100.7",
            ),
            (
                XForwardedFor,
                https,
                seen(PROXY, xff, &[xff]),
                "ask from another machine",
            ),
            // A proxy that is not trusted, not read, or silent.
            (
                XForwardedFor,
                https,
                seen("10.0.0.3", "connection", &[xff]),
                "add \"10.0.0.3/32\" to listen.trusted_proxies",
            ),
            (
                XForwardedFor,
                https,
                seen("fd00::3", "connection", &[xff]),
                "add \"fd00::3/128\" to",
            ),
            (
                Peer,
                https,
                seen(PROXY, "connection", &[xff]),
                "set listen.client_address = \"x-forwarded-for\" in place of \"peer\"",
            ),
            (
                XForwardedFor,
                https,
                seen(PROXY, "connection", &[]),
                "no `x-forwarded-for` arrives",
            ),
            (
                Forwarded,
                https,
                seen("10.0.0.3", "connection", &[]),
                "no `forwarded` arrives",
            ),
            (
                XForwardedFor,
                "http://127.0.0.1:8443",
                seen(PROXY, "connection", &[]),
                "no `x-forwarded-for` arrives",
            ),
            // A header that cannot be used.
            (
                XForwardedFor,
                https,
                seen("", "connection", &["forwarded"]),
                "set listen.client_address = \"forwarded\"",
            ),
            (
                XForwardedFor,
                https,
                seen("", xff, &[xff, "forwarded"]),
                "the reason: let the proxy write one address",
            ),
        ];
        for (header, url, plain, said) in rows {
            let text = judged(header, url, &plain, &plain);
            assert!(text.contains(said), "{plain:?}: {text}");
            let fault = !text.starts_with("this machine is seen");
            assert_eq!(
                fault,
                text.contains("\"Proxies\" in docs/operations.md"),
                "{text}"
            );
        }
        let (plain, forged) = (seen(HOME, xff, &[xff]), seen("192.0.2.1", xff, &[xff]));
        let text = judged(XForwardedFor, https, &plain, &forged);
        assert!(
            text.starts_with("clients can choose their address"),
            "{text}"
        );
        // A proxy's own machine may say so.
        let plain = seen(PROXY, xff, &[xff]);
        let text = judged(XForwardedFor, https, &plain, &forged);
        assert!(text.contains("ask from another machine"), "{text}");
    }
}
