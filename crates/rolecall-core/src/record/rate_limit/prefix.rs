//! Address prefixes whose requests are counted together.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Width of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One IPv4 address, or the /64 of an IPv6 address (one household or one machine).
    Address,
    /// The /48 of an IPv6 address (one customer of a provider). IPv4 addresses have none.
    Site,
    /// IPv4 /16, IPv6 /32 (the customers of one provider).
    Coarse,
}

/// A network whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressPrefix {
    network: IpAddr,
    length: u8,
}

impl AddressPrefix {
    /// The address, if the prefix is a single IPv4 address.
    pub fn single(&self) -> Option<IpAddr> {
        (self.length == 32 && self.network.is_ipv4()).then_some(self.network)
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => address.fmt(f),
            None => write!(f, "{}/{}", self.network, self.length),
        }
    }
}

/// The prefix of an address with this width. An IPv4-mapped IPv6 address counts as its IPv4 address. IPv4 addresses
/// have no prefix of width [`Width::Site`].
pub fn rate_limit_prefix(address: IpAddr, width: Width) -> Option<AddressPrefix> {
    let (network, length) = match (address.to_canonical(), width) {
        (IpAddr::V4(address), Width::Address) => (IpAddr::V4(address), 32),
        (IpAddr::V4(_), Width::Site) => return None,
        (IpAddr::V4(address), Width::Coarse) => {
            let [a, b, _, _] = address.octets();
            (IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), 16)
        }
        (IpAddr::V6(address), width) => {
            let length: u8 = match width {
                Width::Address => 64,
                Width::Site => 48,
                Width::Coarse => 32,
            };
            let bits = u128::from(address) >> (128 - length) << (128 - length);
            (IpAddr::V6(Ipv6Addr::from(bits)), length)
        }
    };
    Some(AddressPrefix { network, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_network_share_a_prefix() {
        let of = |text: &str, width| {
            let prefix = rate_limit_prefix(text.parse().unwrap(), width);
            prefix.map(|prefix| prefix.to_string())
        };
        for (address, narrow, site, coarse) in [
            ("10.1.2.3", "10.1.2.3", None, "10.1.0.0/16"),
            ("::ffff:10.1.2.3", "10.1.2.3", None, "10.1.0.0/16"),
            (
                "2001:db8:1:2:3::9",
                "2001:db8:1:2::/64",
                Some("2001:db8:1::/48"),
                "2001:db8::/32",
            ),
        ] {
            assert_eq!(of(address, Width::Address).as_deref(), Some(narrow));
            assert_eq!(of(address, Width::Site).as_deref(), site);
            assert_eq!(of(address, Width::Coarse).as_deref(), Some(coarse));
        }
        let narrow = |text| of(text, Width::Address);
        assert_eq!(narrow("2001:db8:1:2::1"), narrow("2001:db8:1:2:ffff::9"));
        assert_ne!(narrow("2001:db8:1:2::1"), narrow("2001:db8:1:3::1"));
        assert_ne!(narrow("10.1.2.3"), narrow("10.1.2.4"));
    }
}
