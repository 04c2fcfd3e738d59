//! Classifies addresses: loopback, addresses that are never called (link-local, metadata services), and all others.
//!
//! An IPv6 address with an embedded IPv4 address is classified by the latter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// The class of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Loopback (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
    Loopback,
    /// Link-local, multicast, broadcast and unspecified addresses, and the IPv6 address of the AWS metadata service.
    /// The gateway never connects to them.
    Blocked,
    /// All other addresses.
    Other,
}

impl AddressClass {
    /// Classifies an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    /// Classifies the host of a URL without resolving names. Of names, only `localhost` and names below it (RFC 6761
    /// 6.3) are loopback.
    pub fn of_host(host: &Host<&str>) -> Self {
        match host {
            Host::Ipv4(v4) => Self::of_v4(*v4),
            Host::Ipv6(v6) => Self::of_v6(*v6),
            Host::Domain(name) if is_localhost(name) => Self::Loopback,
            Host::Domain(_) => Self::Other,
        }
    }

    fn of_v4(v4: Ipv4Addr) -> Self {
        if v4.is_loopback() {
            Self::Loopback
        } else if v4.is_link_local()
            || v4.is_multicast()
            || v4.is_broadcast()
            || v4.octets()[0] == 0
        {
            Self::Blocked
        } else {
            Self::Other
        }
    }

    fn of_v6(v6: Ipv6Addr) -> Self {
        const AMAZON_METADATA: [u16; 8] = [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254];
        if v6.is_loopback() {
            Self::Loopback
        } else if v6.is_unicast_link_local()
            || v6.is_multicast()
            || v6.is_unspecified()
            || v6.segments() == AMAZON_METADATA
        {
            Self::Blocked
        } else {
            embedded(v6).map_or(Self::Other, Self::of_v4)
        }
    }
}

/// Whether a name is `localhost` or below it.
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// The IPv4 address embedded in an IPv6 address: mapped and compatible (RFC 4291 2.5.5), NAT64 (RFC 6052 2.1, RFC
/// 8215), 6to4 (RFC 3056 2).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn address_class(host: &str) -> AddressClass {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        AddressClass::of_host(&url.host().unwrap())
    }

    #[test]
    fn every_notation_of_an_address_has_the_same_class() {
        for here in [
            "127.0.0.1",
            "127.8.9.1",
            "127.1",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::7f00:1]",
            "[2002:7f00:1::1]",
            "localhost",
            "LOCALHOST.",
            "idp.localhost",
            "a.b.localhost.",
        ] {
            assert_eq!(address_class(here), AddressClass::Loopback, "{here}");
        }
        for never in [
            "169.254.169.254",
            "169.254.170.2",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::169.254.169.254]",
            "[2002:a9fe:a9fe::]",
            "[fe80::1]",
            "[febf::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::]",
            "[::ffff:0.0.0.0]",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
        ] {
            assert_eq!(address_class(never), AddressClass::Blocked, "{never}");
        }
        for elsewhere in [
            "10.0.0.7",
            "[::ffff:10.0.0.7]",
            "[64:ff9b::192.0.2.1]",
            "[2001:db8::1]",
            "[fd00:ec2::255]",
            "localhost.example",
            "notlocalhost",
            "accounts.google.com",
        ] {
            assert_eq!(address_class(elsewhere), AddressClass::Other, "{elsewhere}");
        }
    }
}
