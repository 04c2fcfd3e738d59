//! Determines the client address from one header of trusted proxies, read as bytes from right to left. An entry that
//! cannot be parsed makes the address unknown; it is never skipped.

mod forwarded;
mod node;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Maximum number of entries that are read, from the right. With more trusted proxies the address is unknown.
pub const ENTRIES_MAX: usize = 32;

/// `[listen] client_address`: the header that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressHeader {
    /// `X-Forwarded-For`: a list, to which each proxy appends.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
    /// No header: the client is the peer of the connection.
    Peer,
}

impl AddressHeader {
    /// Parses the configured value.
    ///
    /// # Errors
    /// If it is not one of the supported values, which the error lists.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            "peer" => Ok(Self::Peer),
            _ => Err("write \"x-forwarded-for\", \"forwarded\" or \"peer\""),
        }
    }

    /// The header name in lower case; `None` for [`Self::Peer`].
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::Forwarded => Some("forwarded"),
            Self::Peer => None,
        }
    }

    /// The name of the other header, which is ignored; `None` for [`Self::Peer`].
    pub fn other(self) -> Option<Self> {
        match self {
            Self::XForwardedFor => Some(Self::Forwarded),
            Self::Forwarded => Some(Self::XForwardedFor),
            Self::Peer => None,
        }
    }
}

/// The client address of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The rightmost address that does not belong to a trusted proxy. IPv4-mapped addresses are converted to IPv4.
    Known(IpAddr),
    /// Unknown. It does not match any `network` condition of the access policy.
    Unknown(UnknownAddress),
}

impl ClientAddress {
    /// The address, if known.
    pub fn known(self) -> Option<IpAddr> {
        match self {
            Self::Known(address) => Some(address),
            Self::Unknown(_) => None,
        }
    }
}

/// A client address and its source: the response of `GET /client-address`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAddress {
    /// The address, if known.
    pub address: Option<IpAddr>,
    /// The header that contained the address, or [`SeenAddress::CONNECTION`].
    pub source: String,
    /// The forwarding headers of the request, whether they were read or not.
    pub headers: Vec<String>,
    /// Why the address is unknown.
    pub unknown: Option<String>,
}

impl SeenAddress {
    /// The source is the peer address of the connection.
    pub const CONNECTION: &str = "connection";

    /// Whether the address is the peer address of the connection.
    pub fn is_of_connection(&self) -> bool {
        self.source == Self::CONNECTION
    }
}

/// Why an address is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAddress {
    /// The connection has no peer address.
    NoPeer,
    /// An entry that is not an address, at this position from the right, counted from 1.
    Unreadable(usize),
    /// More than [`ENTRIES_MAX`] entries.
    TooManyEntries,
    /// A trusted proxy sent only the header that is not read.
    OtherHeader,
}

impl fmt::Display for UnknownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeer => f.write_str("the connection has no peer address"),
            Self::Unreadable(position) => {
                write!(f, "entry {position} from the right is not an address")
            }
            Self::TooManyEntries => write!(f, "more than {ENTRIES_MAX} entries belong to proxies"),
            Self::OtherHeader => f.write_str("the proxy sent only the header that is not read"),
        }
    }
}

/// Whether an address is in one of the networks. IPv4-mapped addresses are compared as IPv4.
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Determines the client of a connection from `peer`, given the values of the header in order of arrival.
/// `other_present` tells whether the other header was sent.
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

/// Follows the chain of proxies; each entry is the peer of the proxy to its right.
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
