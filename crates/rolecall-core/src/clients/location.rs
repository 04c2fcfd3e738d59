//! Location of a client relative to the person who decides about it.

use std::net::IpAddr;

use super::ConsentRequest;
use crate::caller::Flow;

/// Location of a client, as far as two addresses tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLocation {
    /// On the person's machine, as the authorization code flow requires, or in the same network.
    Near,
    /// In another network: legitimate for a remote server, but also typical of a phished device code.
    OtherNetwork,
    /// One of the addresses is unknown.
    Unknown,
}

impl ConsentRequest {
    /// The location of the client relative to the person with this address.
    pub fn location(&self, person: Option<IpAddr>) -> ClientLocation {
        match self.flow {
            Flow::Code => ClientLocation::Near,
            Flow::Device => between(self.requester.client_info.address, person),
        }
    }
}

fn between(client: Option<IpAddr>, person: Option<IpAddr>) -> ClientLocation {
    match (client, person) {
        (Some(client), Some(person)) if is_same_network(client, person) => ClientLocation::Near,
        (Some(_), Some(_)) => ClientLocation::OtherNetwork,
        (None, _) | (_, None) => ClientLocation::Unknown,
    }
}

/// Whether two addresses are probably at the same location: in the same /24, or the same /48 of IPv6.
fn is_same_network(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..3] == other.segments()[..3],
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_same_network_are_near() {
        let location =
            |client: &str, person: &str| between(client.parse().ok(), person.parse().ok());
        for (client, person) in [
            ("10.1.2.3", "10.1.2.200"),
            ("10.1.2.3", "::ffff:10.1.2.4"),
            ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ] {
            assert_eq!(location(client, person), ClientLocation::Near, "{client}");
        }
        for (client, person) in [
            ("10.1.2.3", "10.1.3.3"),
            ("2001:db8:1::1", "2001:db8:2::1"),
            ("10.1.2.3", "2001:db8:1::1"),
        ] {
            assert_eq!(
                location(client, person),
                ClientLocation::OtherNetwork,
                "{client}"
            );
        }
        for (client, person) in [("", ""), ("", "10.1.2.3"), ("10.1.2.3", "")] {
            assert_eq!(location(client, person), ClientLocation::Unknown);
        }
    }
}
