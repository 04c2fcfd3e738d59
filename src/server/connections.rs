//! Limits open connections per client address. A connection counts from accept on, including its TLS handshake.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use rolecall_core::record::rate_limit::{AddressPrefix, Width, rate_limit_prefix};

use crate::client_address::is_in;
use crate::telemetry::Throttle;
use crate::web::metrics::Metrics;

/// Counted prefixes, with the factor by which the limit of a single address is multiplied.
const WIDTHS: [(Width, usize); 2] = [(Width::Address, 1), (Width::Site, 10)];

/// Counts open connections by IPv4 address and by IPv6 /64 and /48. Connections from trusted proxies are not counted,
/// because all clients share them.
pub struct Connections {
    max: usize,
    trusted: Vec<IpNet>,
    open: Mutex<HashMap<AddressPrefix, usize>>,
    metrics: Metrics,
    refused: Throttle,
}

/// A counted connection. Dropping it ends the count.
pub struct OpenConnection {
    connections: Arc<Connections>,
    networks: Vec<AddressPrefix>,
}

impl Connections {
    /// Limits each address that is not in `trusted` to `max` connections.
    pub fn new(max: usize, trusted: Vec<IpNet>, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            max,
            trusted,
            open: Mutex::default(),
            metrics,
            refused: Throttle::default(),
        })
    }

    /// Counts a connection from `peer`. Returns `None` if the address has reached its limit.
    pub fn accept(self: &Arc<Self>, peer: IpAddr) -> Option<OpenConnection> {
        let bounds = self.bounds(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |(network, max): &(AddressPrefix, usize)| {
            open.get(network).copied().unwrap_or(0) >= *max
        };
        if let Some((network, max)) = bounds.iter().find(|bound| full(bound)) {
            self.metrics.connection_refused();
            if self.refused.is_due() {
                tracing::warn!(%network, max, "connections rejected: this address has reached limits.connections");
            }
            return None;
        }
        let networks: Vec<AddressPrefix> = bounds.into_iter().map(|(network, _)| network).collect();
        for network in &networks {
            *open.entry(*network).or_default() += 1;
        }
        drop(open);
        Some(OpenConnection {
            connections: self.clone(),
            networks,
        })
    }

    /// Whether `peer` uses more than half of its limit. Its connections are then closed after each response instead of
    /// kept alive, so that idle connections do not use up the limit of a shared address.
    pub fn is_crowded(&self, peer: IpAddr) -> bool {
        let bounds = self.bounds(peer);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        bounds
            .iter()
            .any(|(network, max)| open.get(network).copied().unwrap_or(0) > max / 2)
    }

    /// The prefixes of an address with their limits; empty for a trusted proxy.
    fn bounds(&self, address: IpAddr) -> Vec<(AddressPrefix, usize)> {
        if is_in(&self.trusted, address) {
            return Vec::new();
        }
        let bound = |&(width, factor): &(Width, usize)| {
            let prefix = rate_limit_prefix(address, width)?;
            Some((prefix, self.max.saturating_mul(factor)))
        };
        WIDTHS.iter().filter_map(bound).collect()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let open = &self.connections.open;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        for network in &self.networks {
            if let Some(count) = open.get_mut(network) {
                *count -= 1;
                if *count == 0 {
                    open.remove(network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max: usize, trusted: &[&str]) -> Arc<Connections> {
        let trusted = trusted.iter().map(|text| text.parse().unwrap()).collect();
        Connections::new(max, trusted, Metrics::new().unwrap())
    }

    fn admitted(connections: &Arc<Connections>, peers: &[&str]) -> Vec<bool> {
        let held: Vec<_> = peers
            .iter()
            .map(|peer| connections.accept(peer.parse().unwrap()))
            .collect();
        held.iter().map(Option::is_some).collect()
    }

    #[test]
    fn each_address_has_its_own_limit() {
        let two = connections(2, &[]);
        assert_eq!(
            admitted(
                &two,
                &["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"]
            ),
            [true, true, false, true]
        );
        assert_eq!(
            admitted(
                &two,
                &[
                    "2001:db8::1",
                    "2001:db8::2",
                    "2001:db8::3",
                    "2001:db8:0:1::1"
                ]
            ),
            [true, true, false, true]
        );
    }

    #[test]
    fn address_above_half_its_limit_is_crowded() {
        let four = connections(4, &["10.0.0.0/8"]);
        let (peer, proxy) = ("192.0.2.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let mut held = Vec::new();
        for crowded in [false, false, true, true] {
            held.extend(four.accept(peer));
            held.extend(four.accept(proxy));
            assert_eq!(four.is_crowded(peer), crowded);
            assert!(!four.is_crowded(proxy) && !four.is_crowded("192.0.2.2".parse().unwrap()));
        }
        drop(held);
        assert!(!four.is_crowded(peer));
    }

    #[test]
    fn closed_connection_is_not_counted() {
        let one = connections(1, &[]);
        for _ in 0..3 {
            assert_eq!(admitted(&one, &["192.0.2.1", "192.0.2.1"]), [true, false]);
        }
        assert!(one.open.lock().unwrap().is_empty());
    }

    #[test]
    fn ipv6_site_has_ten_times_the_limit() {
        let one = connections(1, &[]);
        let peers: Vec<String> = (0..12).map(|net| format!("2001:db8:0:{net}::1")).collect();
        let peers: Vec<&str> = peers.iter().map(String::as_str).collect();
        let admitted = admitted(&one, &peers);
        assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 10);
        assert!(one.open.lock().unwrap().is_empty());
    }

    #[test]
    fn trusted_proxies_are_not_counted() {
        let one = connections(1, &["10.0.0.0/8"]);
        assert_eq!(
            admitted(
                &one,
                &[
                    "10.0.0.1",
                    "10.0.0.1",
                    "::ffff:10.0.0.1",
                    "127.0.0.1",
                    "127.0.0.1"
                ]
            ),
            [true, true, true, true, false]
        );
    }
}
