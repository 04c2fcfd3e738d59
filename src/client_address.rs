//! The client's address as trusted proxies report it: one header, read by bytes and from the right. An entry that
//! cannot be read makes the address unknown; it is never skipped.

mod forwarded;
mod node;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Entries that are looked at, from the right. A longer chain of trusted proxies leaves the address unknown.
pub const ENTRIES_MAX: usize = 32;

/// `[listen] client_address`: the one header that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressHeader {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
    /// None: the client is whoever opened the connection.
    Peer,
}

impl AddressHeader {
    /// Reads the configured value.
    ///
    /// # Errors
    /// With the values that exist.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            "peer" => Ok(Self::Peer),
            _ => Err("write \"x-forwarded-for\", \"forwarded\" or \"peer\""),
        }
    }

    /// The header's name in lower case; none for [`Self::Peer`].
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::Forwarded => Some("forwarded"),
            Self::Peer => None,
        }
    }

    /// The header that is not read; none for [`Self::Peer`].
    pub fn other(self) -> Option<Self> {
        match self {
            Self::XForwardedFor => Some(Self::Forwarded),
            Self::Forwarded => Some(Self::XForwardedFor),
            Self::Peer => None,
        }
    }
}

/// The address of a request's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The rightmost address that is not a trusted proxy's; IPv4 also where it was written as IPv6.
    Known(IpAddr),
    /// Not known. It fits no `network` of the access policy.
    Unknown(UnknownAddress),
}

impl ClientAddress {
    /// The address, where it is known.
    pub fn known(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Unknown(_) => None,
        }
    }
}

/// A client's address and where it was found: the answer of `GET /client-address`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAddress {
    /// The address, where it is known.
    pub address: Option<IpAddr>,
    /// The name of the header that it was read from, or [`SeenAddress::CONNECTION`].
    pub source: String,
    /// Which of the headers that carry a client's address arrived, whether they were read or not.
    pub headers: Vec<String>,
    /// Why the address is not known.
    pub unknown: Option<String>,
}

impl SeenAddress {
    /// The address is that of whoever opened the connection to the gateway.
    pub const CONNECTION: &str = "connection";

    /// Whether no header was read.
    pub fn is_of_connection(&self) -> bool {
        self.source == Self::CONNECTION
    }
}

/// Why an address is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAddress {
    /// The connection has no peer address.
    NoPeer,
    /// The search reached an entry that is not an address, at this position from the right, counted from 1.
    Unreadable(usize),
    /// [`ENTRIES_MAX`] entries were trusted proxies, and there are more.
    TooManyEntries,
    /// A trusted proxy sent the header that is not read, and not the one that is.
    OtherHeader,
}

impl fmt::Display for UnknownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeer => f.write_str("the connection has no peer address"),
            Self::Unreadable(position) => {
                write!(f, "entry {position} from the right is not an address")
            }
            Self::TooManyEntries => write!(f, "more than {ENTRIES_MAX} entries are proxies"),
            Self::OtherHeader => f.write_str("the proxy sent the header that is not read"),
        }
    }
}

/// Whether an address is in one of these networks; IPv4 also where it is written as IPv6.
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The client of a connection from `peer`, by the values of the header that is read, in the order they arrived.
/// `other_present` says whether the other header arrived.
pub fn resolve(
    header: AddressHeader,
    peer: IpAddr,
    trusted: &[IpNet],
    lines: &[&[u8]],
    other_present: bool,
) -> ClientAddress {
    let peer = peer.to_canonical();
    if header == AddressHeader::Peer || !is_in(trusted, peer) {
        return ClientAddress::Known(peer);
    }
    if lines.is_empty() && other_present {
        return ClientAddress::Unknown(UnknownAddress::OtherHeader);
    }
    let lines = lines.iter().rev();
    if header == AddressHeader::Forwarded {
        search(
            peer,
            trusted,
            lines.flat_map(|line| forwarded::nodes(line).into_iter().rev()),
        )
    } else {
        let entries = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
        search(
            peer,
            trusted,
            entries.map(|entry| node::parse(entry.trim_ascii())),
        )
    }
}

/// Goes from proxy to proxy; each has written down who connected to it.
fn search(
    peer: IpAddr,
    trusted: &[IpNet],
    entries: impl Iterator<Item = Option<IpAddr>>,
) -> ClientAddress {
    let mut client = peer;
    for (index, entry) in entries.enumerate() {
        if index == ENTRIES_MAX {
            return ClientAddress::Unknown(UnknownAddress::TooManyEntries);
        }
        match entry {
            None => return ClientAddress::Unknown(UnknownAddress::Unreadable(index + 1)),
            Some(address) if is_in(trusted, address) => client = address,
            Some(address) => return ClientAddress::Known(address),
        }
    }
    ClientAddress::Known(client)
}
