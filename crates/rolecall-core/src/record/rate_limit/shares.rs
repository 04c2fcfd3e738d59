//! Concurrent use by client addresses: a limit per address and a limit in total.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::rate_limit::{AddressPrefix, Width, rate_limit_prefix};

/// Limits of concurrent use.
#[derive(Clone, Copy, Debug)]
pub struct ShareBounds {
    /// Limit for all addresses, before each is limited to `reserved`.
    pub all: usize,
    /// Limit per address.
    pub each: usize,
    /// Limit per address beyond `all`, so that a few clients cannot lock out all others. The addresses of one network
    /// (IPv4 /16, IPv6 /32) together may use `each` of it.
    pub reserved: usize,
    /// Hard limit for all addresses.
    pub ceiling: usize,
}

/// Counts concurrent use by IPv4 address and IPv6 /48. Unknown addresses share one counter.
#[derive(Debug)]
pub struct AddressShares {
    bounds: ShareBounds,
    // Not a Tokio mutex: it is not held across an await.
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    by_source: HashMap<AddressSource, usize>,
    by_network: HashMap<Option<AddressPrefix>, usize>,
}

/// Source of a share: an address and its network. Both are `None` for an unknown address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressSource {
    /// IPv4 /16, IPv6 /32.
    pub network: Option<AddressPrefix>,
    /// An IPv4 address, or an IPv6 /48, which one customer of a provider has.
    pub site: Option<AddressPrefix>,
}

/// A share that is in use until it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<AddressShares>,
    source: AddressSource,
    amount: usize,
}

impl AddressShares {
    /// Creates shares; nothing is in use.
    pub fn new(bounds: ShareBounds) -> Arc<Self> {
        let used = Mutex::default();
        Arc::new(Self { bounds, used })
    }

    /// Acquires `amount` for this address. `None` if the address, or all together, would exceed a limit.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>, amount: usize) -> Option<Share> {
        let source = AddressSource::of(address);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let after = used.with(source, amount, self.bounds.reserved);
        if !self.bounds.allow(after) {
            return None;
        }
        used.set(source, after);
        Some(Share {
            shares: Arc::clone(self),
            source,
            amount,
        })
    }
}

/// Use in total, of an address, and of its network, in which no address counts with more than `reserved`.
#[derive(Clone, Copy)]
struct Amounts {
    all: usize,
    network: usize,
    own: usize,
}

impl ShareBounds {
    fn allow(&self, after: Amounts) -> bool {
        let Amounts { all, network, own } = after;
        if all <= self.all {
            return own <= self.each;
        }
        all <= self.ceiling && own <= self.reserved && network <= self.each
    }
}

impl Used {
    fn with(&self, source: AddressSource, amount: usize, reserved: usize) -> Amounts {
        let network = self.by_network.get(&source.network).copied();
        let before = self.by_source.get(&source).copied().unwrap_or(0);
        let own = before.saturating_add(amount);
        let others = network.unwrap_or(0).saturating_sub(before.min(reserved));
        Amounts {
            all: self.all.saturating_add(amount),
            network: others + own.min(reserved),
            own,
        }
    }

    fn without(&self, source: AddressSource, amount: usize, reserved: usize) -> Amounts {
        let now = self.with(source, 0, reserved);
        let own = now.own.saturating_sub(amount);
        Amounts {
            all: self.all.saturating_sub(amount),
            network: now.network.saturating_sub(now.own.min(reserved)) + own.min(reserved),
            own,
        }
    }

    fn set(&mut self, source: AddressSource, amounts: Amounts) {
        let Amounts { all, network, own } = amounts;
        self.all = all;
        set(&mut self.by_network, source.network, network);
        set(&mut self.by_source, source, own);
    }
}

fn set<K: Eq + std::hash::Hash>(amounts: &mut HashMap<K, usize>, key: K, amount: usize) {
    match amount {
        0 => amounts.remove(&key),
        amount => amounts.insert(key, amount),
    };
}

impl AddressSource {
    /// The source for this address.
    pub fn of(address: Option<IpAddr>) -> Self {
        let prefix = |width| address.and_then(|address| rate_limit_prefix(address, width));
        Self {
            network: prefix(Width::Coarse),
            site: prefix(Width::Site).or_else(|| prefix(Width::Address)),
        }
    }
}

impl Share {
    /// The source of the share.
    pub fn source(&self) -> AddressSource {
        self.source
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let used = &self.shares.used;
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        let after = used.without(self.source, self.amount, self.shares.bounds.reserved);
        used.set(self.source, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ShareBounds = ShareBounds {
        all: 80,
        each: 10,
        reserved: 2,
        ceiling: 120,
    };

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn shares_are_bounded_per_address_and_in_total() {
        let shares = AddressShares::new(BOUNDS);
        let far = |network: u8, last: u8| Some(IpAddr::from([network, 0, 2, last]));
        let held: Vec<Share> = (0..8)
            .filter_map(|last| shares.take(address(last), 10))
            .collect();
        assert_eq!(held.len(), 8);
        assert!(shares.take(address(1), 1).is_none());
        let take = |network| -> Vec<Share> {
            (0..6)
                .filter_map(|last| shares.take(far(network, last), 2))
                .collect()
        };
        let others: Vec<Vec<Share>> = (1..=4).map(take).collect();
        for network in &others {
            assert_eq!(
                network.len(),
                5,
                "a little each, as much as one address in all"
            );
        }
        assert!(shares.take(far(9, 1), 1).is_none(), "the most there may be");
        drop(others);
        assert!(shares.take(far(9, 1), 3).is_none());
        assert!(shares.take(far(9, 1), 2).is_some());
        drop(held);
        let mine = shares.take(address(1), 10);
        assert!(mine.is_some());
        assert!(shares.take(address(1), 1).is_none(), "its share is taken");
        assert!(shares.take(address(2), 10).is_some());
        assert!(shares.take(None, 10).is_some());
        assert!(shares.take(address(2), usize::MAX).is_none());
        drop(mine);
        let used = shares.used.lock().unwrap();
        assert!(used.all == 0 && used.by_network.is_empty() && used.by_source.is_empty());
    }

    #[test]
    fn ipv6_site_has_one_share() {
        let shares = AddressShares::new(BOUNDS);
        let take = |text: &str| shares.take(Some(text.parse().unwrap()), 10);
        let held = take("2001:db8:1:2::1");
        assert!(held.is_some());
        assert!(take("2001:db8:1:3::1").is_none());
        assert!(take("2001:db8:2::1").is_some());
    }
}
