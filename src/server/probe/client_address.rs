//! Checks whether the gateway determines client addresses correctly behind its proxies, by the address it sees for this
//! host.

use std::net::{IpAddr, Ipv4Addr};

use url::Url;

use super::public_url::PublicUrlError;
use crate::client_address::{AddressHeader, SeenAddress, is_in};
use crate::config::Listen;

/// A documentation address (TEST-NET-1, RFC 5737) that the probe claims in forwarding headers.
pub const FORGED_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// How the gateway sees this host.
pub struct ObservedAddress<'a> {
    /// The URL that was requested.
    pub public_url: &'a Url,
    /// The configured listeners and proxies.
    pub listen: &'a Listen,
    /// The response to a request without forwarding headers.
    pub plain: &'a SeenAddress,
    /// The response to a request whose forwarding headers contain [`FORGED_ADDRESS`]; `None` if there was no response.
    pub forged: Option<&'a SeenAddress>,
    /// The local address of a connection to `public_url`.
    pub local: Option<IpAddr>,
}

impl ObservedAddress<'_> {
    /// Describes how this host is seen.
    ///
    /// # Errors
    /// If the gateway does not see the addresses of its clients, or clients can spoof them.
    pub fn evaluate(&self) -> Result<String, PublicUrlError> {
        let address = self.plain.address.ok_or_else(|| self.unknown())?;
        if self.plain.is_of_connection() {
            self.of_connection(address)?;
        }
        let is_trusted = self.is_trusted(address);
        if self.forged.and_then(|seen| seen.address) == Some(FORGED_ADDRESS) && !is_trusted {
            return Err(PublicUrlError::new(
                format!(
                    "clients can spoof their address: the gateway accepted {FORGED_ADDRESS} from a forwarding header that this host sent"
                ),
                format!(
                    "configure the proxy to overwrite `{}` instead of passing on the value from the client; see \"Proxies\" in docs/operations.md",
                    self.plain.source
                ),
            ));
        }
        let note = format!(
            "the gateway sees this host as {address}, from {}",
            self.plain.source
        );
        let local = self.local.filter(|local| *local != address);
        Ok(match local {
            _ if is_trusted => format!(
                "{note}; this address is in listen.trusted_proxies, so run the check on another host to test for address spoofing"
            ),
            Some(local) => format!(
                "{note}; the local address of the connection is {local}: unless there is NAT in between, {address} is a proxy that is missing in listen.trusted_proxies"
            ),
            None => note,
        })
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        is_in(&self.listen.trusted_proxies, address)
    }

    fn unknown(&self) -> PublicUrlError {
        let reason = self.plain.unknown.as_deref().unwrap_or("unknown reason");
        let (configured, sent) = (self.listen.client_address, &self.plain.headers);
        let name = configured.name().unwrap_or_default();
        let other = configured.other().and_then(AddressHeader::name);
        let other = other.filter(|other| sent.iter().eq([other]));
        let advice = match other {
            Some(other) => format!(
                "configure the proxy to set `{name}`, or set listen.client_address = \"{other}\" if the proxy sets that header"
            ),
            None => format!("configure the proxy to set `{name}` to one address"),
        };
        PublicUrlError::new(
            format!("the gateway cannot determine the address of this host: {reason}"),
            format!("{advice}; see \"Proxies\" in docs/operations.md"),
        )
    }

    /// The gateway used the peer address of the connection. This is correct without a proxy, and wrong behind one.
    fn of_connection(&self, address: IpAddr) -> Result<(), PublicUrlError> {
        let header = self.listen.client_address.name();
        let fault = |reason: String, advice: String| {
            Err(PublicUrlError::new(
                format!(
                    "all clients appear with the address of the proxy: the gateway sees {address}, and {reason}"
                ),
                format!("{advice}; see \"Proxies\" in docs/operations.md"),
            ))
        };
        if let Some(sent) = self.plain.headers.first() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let trust =
                format!("add \"{address}/{bits}\" to listen.trusted_proxies if that is your proxy");
            return match header {
                Some(_) => fault(format!("does not trust the `{sent}` header from it"), trust),
                None => fault(
                    format!("does not read the `{sent}` header from it"),
                    format!(
                        "set listen.client_address = \"{sent}\" instead of \"peer\", and {trust}"
                    ),
                ),
            };
        }
        let Some(header) = header else { return Ok(()) };
        // A TLS terminator on another host may preserve the client address of the connection; one on this host cannot.
        let is_proxied = self.public_url.scheme() == "https" && self.listen.tls.is_none();
        let is_of_proxy = match self.local == Some(address) {
            true => is_proxied && address.is_loopback(),
            false => is_proxied || self.is_trusted(address),
        };
        match is_of_proxy {
            true => fault(
                format!("receives no `{header}` header"),
                format!("configure the proxy to set `{header}` to the client address"),
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
            unknown: address.is_empty().then(|| "REASON".to_owned()),
        }
    }

    /// The result for a gateway that sees this host, at [`HOME`], as given.
    fn evaluated(
        header: AddressHeader,
        url: &str,
        plain: &SeenAddress,
        forged: &SeenAddress,
    ) -> String {
        let snapshot = ObservedAddress {
            public_url: &Url::parse(url).unwrap(),
            listen: &listen(header),
            plain,
            forged: Some(forged),
            local: HOME.parse().ok(),
        };
        match snapshot.evaluate() {
            Ok(note) => note,
            Err(fault) => format!("{fault}: {}", fault.hint()),
        }
    }

    #[test]
    fn each_misconfiguration_has_its_own_advice() {
        use AddressHeader::{Forwarded, Peer, XForwardedFor};
        let xff = "x-forwarded-for";
        let https = "https://sso.example.com";
        let rows = [
            // Correct: from the header, or without a proxy.
            (
                XForwardedFor,
                https,
                seen(HOME, xff, &[xff]),
                "the gateway sees this host as 198.51.100.7, from x-forwarded-for",
            ),
            (
                XForwardedFor,
                https,
                seen(HOME, "connection", &[]),
                "sees this host as 198.51.100.7, from connection",
            ),
            (
                Peer,
                https,
                seen(HOME, "connection", &[]),
                "sees this host as 198.51.100.7, from connection",
            ),
            (
                XForwardedFor,
                https,
                seen("203.0.113.9", xff, &[xff]),
                "local address of the connection is 198.51.100.7",
            ),
            (
                XForwardedFor,
                https,
                seen(PROXY, xff, &[xff]),
                "run the check on another host",
            ),
            // A proxy that is not trusted, whose header is not read, or that sends no header.
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
                "set listen.client_address = \"x-forwarded-for\" instead of \"peer\"",
            ),
            (
                XForwardedFor,
                https,
                seen(PROXY, "connection", &[]),
                "receives no `x-forwarded-for` header",
            ),
            (
                Forwarded,
                https,
                seen("10.0.0.3", "connection", &[]),
                "receives no `forwarded` header",
            ),
            (
                XForwardedFor,
                "http://127.0.0.1:8443",
                seen(PROXY, "connection", &[]),
                "receives no `x-forwarded-for` header",
            ),
            // An unusable header.
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
                "REASON: configure the proxy to set `x-forwarded-for` to one address",
            ),
        ];
        for (header, url, plain, expected) in rows {
            let text = evaluated(header, url, &plain, &plain);
            assert!(text.contains(expected), "{plain:?}: {text}");
            let fault = !text.starts_with("the gateway sees this host");
            assert_eq!(
                fault,
                text.contains("\"Proxies\" in docs/operations.md"),
                "{text}"
            );
        }
        let (plain, forged) = (seen(HOME, xff, &[xff]), seen("192.0.2.1", xff, &[xff]));
        let text = evaluated(XForwardedFor, https, &plain, &forged);
        assert!(
            text.starts_with("clients can spoof their address"),
            "{text}"
        );
        // A trusted proxy itself can send any address.
        let plain = seen(PROXY, xff, &[xff]);
        let text = evaluated(XForwardedFor, https, &plain, &forged);
        assert!(text.contains("run the check on another host"), "{text}");
    }
}
