//! What all client addresses use at the same time: each may have a share of it, and all together have a bound.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::{AddressPrefix, Width, rate_limit_prefix};

/// How much may be in use.
#[derive(Clone, Copy, Debug)]
pub struct ShareBounds {
    /// By all addresses together.
    pub all: usize,
    /// By one address.
    pub each: usize,
    /// What each address may have whatever others use, so that nobody can lock all others out.
    pub few: usize,
}

/// Counts what is in use by IPv4 address and by IPv6 /48. Addresses that are not known count together.
#[derive(Debug)]
pub struct AddressShares {
    bounds: ShareBounds,
    // Not a Tokio mutex: nothing is awaited while it is held.
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    by_network: HashMap<Option<AddressPrefix>, usize>,
}

/// A part that is in use for as long as this exists.
#[derive(Debug)]
pub struct Share {
    shares: Arc<AddressShares>,
    network: Option<AddressPrefix>,
    amount: usize,
}

impl AddressShares {
    /// Nothing is in use yet.
    pub fn new(bounds: ShareBounds) -> Arc<Self> {
        let used = Mutex::default();
        Arc::new(Self { bounds, used })
    }

    /// Takes so much for this address; `None` when the address, or all together, would have more than they may.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>, amount: usize) -> Option<Share> {
        let ShareBounds { all, each, few } = self.bounds;
        let network = address.and_then(network);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let own = used.by_network.get(&network).copied().unwrap_or(0);
        let (total, own) = (used.all.saturating_add(amount), own.saturating_add(amount));
        if (total > all || own > each) && own > few {
            return None;
        }
        used.all = total;
        used.by_network.insert(network, own);
        Some(Share {
            shares: Arc::clone(self),
            network,
            amount,
        })
    }
}

impl Share {
    /// Whose it is; `None` for addresses that are not known.
    pub fn network(&self) -> Option<AddressPrefix> {
        self.network
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let used = &self.shares.used;
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        used.all = used.all.saturating_sub(self.amount);
        if let Some(own) = used.by_network.get_mut(&self.network) {
            *own = own.saturating_sub(self.amount);
            if *own == 0 {
                used.by_network.remove(&self.network);
            }
        }
    }
}

/// One customer of a network provider has a whole /48 of IPv6.
fn network(address: IpAddr) -> Option<AddressPrefix> {
    rate_limit_prefix(address, Width::Site).or_else(|| rate_limit_prefix(address, Width::Address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ShareBounds = ShareBounds {
        all: 80,
        each: 10,
        few: 2,
    };

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn an_address_has_its_share_and_all_together_have_a_bound() {
        let shares = AddressShares::new(BOUNDS);
        let held: Vec<Share> = (0..8)
            .filter_map(|last| shares.take(address(last), 10))
            .collect();
        assert_eq!(held.len(), 8);
        assert!(shares.take(address(1), 1).is_none());
        let others: Vec<Share> = (100..200)
            .filter_map(|last| shares.take(address(last), 2))
            .collect();
        assert_eq!(others.len(), 100, "each has a little when all is taken");
        assert!(shares.take(address(100), 1).is_none());
        assert!(shares.take(address(250), 3).is_none());
        drop((held, others));
        let mine = shares.take(address(1), 10);
        assert!(mine.is_some());
        assert!(shares.take(address(1), 1).is_none(), "its share is taken");
        assert!(shares.take(address(2), 10).is_some());
        assert!(shares.take(None, 10).is_some());
        assert!(shares.take(address(2), usize::MAX).is_none());
        drop(mine);
        let used = shares.used.lock().unwrap();
        assert!(used.all == 0 && used.by_network.is_empty());
    }

    #[test]
    fn the_addresses_of_an_ipv6_site_have_one_share() {
        let shares = AddressShares::new(BOUNDS);
        let take = |text: &str| shares.take(Some(text.parse().unwrap()), 10);
        let held = take("2001:db8:1:2::1");
        assert!(held.is_some());
        assert!(take("2001:db8:1:3::1").is_none());
        assert!(take("2001:db8:2::1").is_some());
    }
}
