//! `[listen]`: where connections come in, and who is believed about a client's address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rolecall_core::toml_reader::{Reader, Spot, Value};

use super::secret_ref;
use crate::client_address::AddressHeader;

/// `[listen]`
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where people and AWS come in.
    pub address: SocketAddr,
    /// TLS of our own; none behind a proxy that ends it, or on loopback.
    pub tls: Option<Tls>,
    /// Where probes and Prometheus come in.
    pub management: SocketAddr,
    /// Networks of proxies, which are believed about their clients' addresses.
    pub trusted_proxies: Vec<IpNet>,
    /// The header that is read from them.
    pub client_address: AddressHeader,
    /// `[limits] connections`: open connections of one client address.
    pub connections: usize,
}

/// Certificate and key, PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Open connections of one client address when nothing is said.
const CONNECTIONS: usize = 512;
/// As many as a worker of the gateway takes in all.
const CONNECTIONS_MAX: i64 = 10_000;

/// Reads `[limits] connections`: how many connections one client address may have open.
pub fn connections(limits: &Reader<'_>) -> usize {
    let value = limits.value("connections");
    let Some(number) = value.and_then(|value: Value<'_>| value.integer()) else {
        return CONNECTIONS;
    };
    match usize::try_from(number.value) {
        Ok(connections) if (1..=CONNECTIONS_MAX).contains(&number.value) => connections,
        Ok(_) | Err(_) => {
            number.spot.error(
                "connections is out of bounds",
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
        warn_of_plain_http(&listen, root.spot());
        return listen;
    };
    let socket = |key| {
        section.value(key).and_then(|value: Value<'_>| {
            value.parse_with(|text| {
                text.parse::<SocketAddr>()
                    .map_err(|_| "write address and port, such as 0.0.0.0:8443")
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
    for value in section.list("trusted_proxies") {
        let net = value.parse_with(|text| {
            text.parse::<IpNet>()
                .map_err(|_| "write a network such as 10.0.0.0/8")
        });
        match net {
            Some(net) if net.value.prefix_len() == 0 => net.spot.error(
                "every address would be a trusted proxy",
                "name the networks of your proxies",
            ),
            Some(net) => listen.trusted_proxies.push(net.value),
            None => {}
        }
    }
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
    warn_of_plain_http(&listen, spot);
    listen
}

/// Sessions and credentials cross the network unencrypted between a proxy elsewhere and a gateway without TLS.
fn warn_of_plain_http(listen: &Listen, spot: Spot<'_>) {
    if listen.tls.is_none() && !listen.address.ip().to_canonical().is_loopback() {
        spot.warning(
            format!(
                "plain HTTP on {}: whoever is in between reads sessions and credentials",
                listen.address
            ),
            "set listen.tls; or listen on 127.0.0.1 behind a proxy on this machine",
        );
    }
}
