//! Parser for one address in a forwarding header, with optional brackets and port (RFC 7239 6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parses an entry. Returns `None` for `unknown`, obfuscated identifiers, zone identifiers (RFC 6874) and anything
/// else.
pub fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.parse::<Ipv6Addr>().ok()?;
        (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(IpAddr::V6(address))?
    } else if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else {
        let (address, port) = text.split_once(':')?;
        let address = address.parse::<Ipv4Addr>().ok()?;
        is_port(port).then_some(IpAddr::V4(address))?
    };
    Some(address.to_canonical())
}

/// `node-port` of RFC 7239 6: digits, or an obfuscated port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            let fits =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            !hidden.is_empty() && hidden.bytes().all(fits)
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
