//! `[listen]`: listeners, TLS, trusted proxies and the client address header.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rolecall_core::config_file::{Reader, Spot, Value};

use super::secret_ref;
use crate::client_address::AddressHeader;

/// The section `[listen]`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address of the public listener, for browsers and AWS clients.
    pub address: SocketAddr,
    /// TLS of the public listener; `None` behind a proxy that terminates TLS, or on loopback.
    pub tls: Option<Tls>,
    /// Address of the management listener, for health checks and Prometheus.
    pub management: SocketAddr,
    /// Networks of proxies that are trusted to report client addresses.
    pub trusted_proxies: Vec<IpNet>,
    /// The header with the client address, read from trusted proxies only.
    pub client_address: AddressHeader,
    /// `[limits] connections`: maximum of open connections per client address.
    pub connections: usize,
}

/// Certificate and key files, PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Default maximum of open connections per client address.
const CONNECTIONS: usize = 512;
/// The number of connections that one worker accepts.
const CONNECTIONS_MAX: i64 = 10_000;

/// Reads `[limits] connections`, the maximum of open connections per client address.
pub fn connections(limits: &Reader<'_>) -> usize {
    let value = limits.value("connections");
    let Some(number) = value.and_then(|value: Value<'_>| value.integer()) else {
        return CONNECTIONS;
    };
    match usize::try_from(number.value) {
        Ok(connections) if (1..=CONNECTIONS_MAX).contains(&number.value) => connections,
        Ok(_) | Err(_) => {
            number.spot.error(
                "connections is out of range",
                format!("write a number between 1 and {CONNECTIONS_MAX}"),
            );
            CONNECTIONS
        }
    }
}

/// Reads `[listen]`; every key has a default.
pub fn listen(root: &Reader<'_>, folder: &Path) -> Listen {
    let mut listen = Listen {
        address: SocketAddr::from(([0, 0, 0, 0], 8443)),
        tls: None,
        management: SocketAddr::from(([127, 0, 0, 1], 9400)),
        trusted_proxies: Vec::new(),
        client_address: AddressHeader::default(),
        connections: CONNECTIONS,
    };
    let Some(section) = root.table("listen") else {
        warn_about_plain_http(&listen, root.spot());
        return listen;
    };
    let socket = |key| {
        section.value(key).and_then(|value: Value<'_>| {
            value.parse_with(|text| {
                text.parse::<SocketAddr>()
                    .map_err(|_| "write an address and a port, such as 0.0.0.0:8443")
            })
        })
    };
    if let Some(address) = socket("address") {
        listen.address = address.value;
    }
    if let Some(address) = socket("management") {
        listen.management = address.value;
    }
    let header = section
        .value("client_address")
        .and_then(|value: Value<'_>| value.parse_with(AddressHeader::parse));
    if let Some(header) = header {
        listen.client_address = header.value;
    }
    listen.trusted_proxies = trusted_proxies(&section);
    listen.tls = section.table("tls").and_then(|tls| {
        let certificate = tls
            .required("certificate")
            .and_then(|value| value.string())
            .map(|path| folder.join(path.value));
        let key = tls
            .required("key")
            .and_then(|value| secret_ref::private_file(&value, folder));
        tls.done();
        Some(Tls {
            certificate: certificate?,
            key: key?,
        })
    });
    let spot = section.spot();
    section.done();
    warn_about_plain_http(&listen, spot);
    listen
}

/// Reads `trusted_proxies` of `[listen]`.
pub fn trusted_proxies(section: &Reader<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for value in section.list("trusted_proxies") {
        let network = value.parse_with(|text| {
            text.parse::<IpNet>()
                .map(canonical)
                .map_err(|_| "write a network, such as 10.0.0.2/32")
        });
        match network {
            Some(network) if is_too_wide(&network.value) => network.spot.error(
                format!(
                    "{} is too wide: every host in this network could spoof its client address",
                    network.value
                ),
                "list only the addresses of your proxies, such as 10.0.0.2/32",
            ),
            Some(network) => networks.push(network.value),
            None => {}
        }
    }
    networks
}

/// Converts IPv4-mapped IPv6 networks to IPv4, as is done for peer addresses.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let address = network.addr().to_canonical();
    let prefix = match (network, address) {
        (IpNet::V6(network), IpAddr::V4(_)) => network.prefix_len().checked_sub(MAPPED_BITS),
        (IpNet::V4(_) | IpNet::V6(_), _) => Some(network.prefix_len()),
    };
    prefix
        .and_then(|prefix| IpNet::new(address, prefix).ok())
        .unwrap_or(network)
}

/// Whether a network is wider than the private networks 10.0.0.0/8 and fc00::/7.
fn is_too_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

/// Warns if the listener is reachable over the network without TLS.
fn warn_about_plain_http(listen: &Listen, spot: Spot<'_>) {
    if listen.tls.is_none() && !listen.address.ip().to_canonical().is_loopback() {
        spot.warning(
            format!(
                "plain HTTP on {}: sessions and credentials cross the network unencrypted",
                listen.address
            ),
            "set listen.tls, or listen on 127.0.0.1 behind a proxy on the same host",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_networks_become_ipv4() {
        for (written, meant) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.2/128", "10.0.0.2/32"),
            ("::/0", "::/0"),
            ("fc00::/7", "fc00::/7"),
        ] {
            assert_eq!(
                canonical(written.parse().unwrap()).to_string(),
                meant,
                "{written}"
            );
        }
    }

    #[test]
    fn networks_wider_than_private_ones_are_too_wide() {
        for (network, too_wide) in [
            ("0.0.0.0/0", true),
            ("128.0.0.0/1", true),
            ("10.0.0.0/8", false),
            ("::/0", true),
            ("8000::/1", true),
            ("::ffff:0.0.0.0/96", true),
            ("fc00::/7", false),
        ] {
            let network = canonical(network.parse().unwrap());
            assert_eq!(is_too_wide(&network), too_wide, "{network}");
        }
    }
}
