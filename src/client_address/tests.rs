//! Parsing of each header.

use super::*;

const PROXIES: &[&str] = &["10.0.0.0/8", "2001:db8:10::/48"];

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The result for a connection from the proxy 10.0.0.2.
fn behind_proxy(header: AddressHeader, lines: &[&[u8]]) -> String {
    let peer = "10.0.0.2".parse().unwrap();
    match resolve(header, peer, &networks(PROXIES), lines, false) {
        ClientAddress::Known(address) => address.to_string(),
        ClientAddress::Unknown(UnknownAddress::Unreadable(position)) => format!("? {position}"),
        ClientAddress::Unknown(reason) => format!("{reason:?}"),
    }
}

fn check(header: AddressHeader, table: &[(&[&[u8]], &str)]) {
    for (lines, expected) in table {
        let shown: Vec<String> = lines
            .iter()
            .map(|line| line.escape_ascii().to_string())
            .collect();
        assert_eq!(&behind_proxy(header, lines), expected, "{shown:?}");
    }
}

#[test]
fn x_forwarded_for_is_parsed_from_the_right() {
    let table: &[(&[&[u8]], &str)] = &[
        (&[], "10.0.0.2"),
        (&[b"198.51.100.7"], "198.51.100.7"),
        (&[b"1.1.1.1, 198.51.100.7, 10.0.0.1"], "198.51.100.7"),
        (&[b"1.1.1.1\t,198.51.100.7 ,\t10.0.0.1 "], "198.51.100.7"),
        // Several header lines form one list; the last line is the nearest proxy's.
        (&[b"1.1.1.1", b"198.51.100.7"], "198.51.100.7"),
        (&[b"198.51.100.7", b"10.0.0.1"], "198.51.100.7"),
        (&[b"\xe9", b"198.51.100.7"], "198.51.100.7"),
        (&[b"198.51.100.7", b"\xe9"], "? 1"),
        // Bytes outside ASCII are part of an entry.
        (&[b"\xe9, 198.51.100.7"], "198.51.100.7"),
        (&[b"\xe9, 10.0.0.1"], "? 2"),
        (&[b"198.51.100.7\xff"], "? 1"),
        (&[b"198.51.100.7\xc2\xa0"], "? 1"),
        (&["１０.0.0.1".as_bytes()], "? 1"),
        // Empty entries.
        (&[b""], "? 1"),
        (&[b"", b"198.51.100.7"], "198.51.100.7"),
        (&[b"198.51.100.7,"], "? 1"),
        (&[b"198.51.100.7, , 10.0.0.1"], "? 2"),
        (&[b", 198.51.100.7"], "198.51.100.7"),
        // Ports.
        (&[b"198.51.100.7:4711"], "198.51.100.7"),
        (&[b"198.51.100.7:_hidden"], "198.51.100.7"),
        (&[b"198.51.100.7:"], "? 1"),
        (&[b"198.51.100.7:123456"], "? 1"),
        (&[b"198.51.100.7:80:80"], "? 1"),
        (&[b"198.51.100.7:+80"], "? 1"),
        // IPv6, with and without brackets, and IPv4-mapped.
        (&[b"2001:db8::7"], "2001:db8::7"),
        (&[b"[2001:db8::7]"], "2001:db8::7"),
        (&[b"[2001:db8::7]:443"], "2001:db8::7"),
        (&[b"2001:db8::7, 2001:db8:10::1"], "2001:db8::7"),
        (&[b"::ffff:198.51.100.7"], "198.51.100.7"),
        (&[b"198.51.100.7, ::ffff:10.0.0.1"], "198.51.100.7"),
        (&[b"[::ffff:198.51.100.7]:1"], "198.51.100.7"),
        (&[b"[2001:db8::7"], "? 1"),
        (&[b"2001:db8::7]"], "? 1"),
        (&[b"[2001:db8::7]443"], "? 1"),
        (&[b"[198.51.100.7]"], "? 1"),
        // Zone identifiers.
        (&[b"fe80::1%eth0"], "? 1"),
        (&[b"[fe80::1%3]:80"], "? 1"),
        (&[b"fe80::1%3"], "? 1"),
        // Invalid addresses.
        (&[b"unknown"], "? 1"),
        (&[b"_hidden"], "? 1"),
        (&[b"198.51.100.7, unknown"], "? 1"),
        (&[b"198.51.100.7, _hidden, 10.0.0.1"], "? 2"),
        (&[b"unix:"], "? 1"),
        (&[b"010.0.0.1"], "? 1"),
        (&[b"0x0a000001"], "? 1"),
        (&[b"10.1"], "? 1"),
        (&[b"198.51.100.7/32"], "? 1"),
        (&[b"198.51.100.7 198.51.100.8"], "? 1"),
        (&[b"198.51.100.7;10.0.0.1"], "? 1"),
        (&[b"\"198.51.100.7\""], "? 1"),
        (&[b"for=198.51.100.7"], "? 1"),
        // A client inside a trusted network, and a request of the proxy itself.
        (&[b"10.5.5.5, 10.0.0.1"], "10.5.5.5"),
    ];
    check(AddressHeader::XForwardedFor, table);
}

#[test]
fn forwarded_is_parsed_from_the_right() {
    let table: &[(&[&[u8]], &str)] = &[
        (&[], "10.0.0.2"),
        (&[b"for=198.51.100.7"], "198.51.100.7"),
        (
            &[b"For=198.51.100.7;proto=https;by=10.0.0.2"],
            "198.51.100.7",
        ),
        (&[b"proto=https ; for=198.51.100.7 ;"], "198.51.100.7"),
        (
            &[b"for=1.1.1.1, for=198.51.100.7, for=10.0.0.1"],
            "198.51.100.7",
        ),
        (
            &[b"for=1.1.1.1", b"for=198.51.100.7,for=10.0.0.1"],
            "198.51.100.7",
        ),
        // Ports, IPv6, IPv4-mapped; with quotes, and without as some programs send them.
        (&[b"for=\"198.51.100.7:4711\""], "198.51.100.7"),
        (&[b"for=\"198.51.100.7:_port\""], "198.51.100.7"),
        (&[b"for=198.51.100.7:4711"], "198.51.100.7"),
        (&[b"for=\"[2001:db8::7]\""], "2001:db8::7"),
        (&[b"for=\"[2001:db8::7]:443\";proto=https"], "2001:db8::7"),
        (&[b"for=[2001:db8::7]:443"], "2001:db8::7"),
        (&[b"for=\"[::ffff:198.51.100.7]\""], "198.51.100.7"),
        (&[b"for=\"[fe80::1%25eth0]\""], "? 1"),
        // Quoted strings with escapes, and with separators inside.
        (&[b"for=\"\\1\\98.51.100.7\""], "198.51.100.7"),
        (
            &[b"host=\"a,b;for=1.1.1.1\";for=198.51.100.7"],
            "198.51.100.7",
        ),
        (
            &[b"host=\"a\\\", for=1.1.1.1, \\\"\";for=198.51.100.7"],
            "198.51.100.7",
        ),
        (
            &[b"for=198.51.100.7;host=\", for=1.1.1.1\""],
            "198.51.100.7",
        ),
        (&[b"host=\"\xe9\";for=198.51.100.7"], "198.51.100.7"),
        // Obfuscated and unknown identifiers, and elements without an address.
        (&[b"for=unknown"], "? 1"),
        (&[b"for=_hidden"], "? 1"),
        (&[b"for=198.51.100.7, for=\"_SEVKISEK\""], "? 1"),
        (&[b"for=198.51.100.7, for=_hidden, for=10.0.0.1"], "? 2"),
        (&[b"for=198.51.100.7, proto=https"], "? 1"),
        (&[b"for=198.51.100.7, , for=10.0.0.1"], "? 2"),
        (&[b"for=198.51.100.7,"], "? 1"),
        (&[b""], "? 1"),
        (&[b"for=198.51.100.7;for=198.51.100.8"], "? 1"),
        (&[b"for=\xe9"], "? 1"),
        (&[b"for=\"\xe9\""], "? 1"),
        // A line with a syntax error is unreadable as a whole: a client may have opened a quoted string.
        (&[b"for=\"1.1.1.1, for=198.51.100.7"], "? 1"),
        (&[b"for=1.1.1.1;x=\", for=\"198.51.100.7:80\""], "? 1"),
        (
            &[b"for=1.1.1.1;x=\", for=198.51.100.7;by=\"10.0.0.2\""],
            "? 1",
        ),
        (
            &[b"for=1.1.1.1;x=\"\\", b"for=198.51.100.7"],
            "198.51.100.7",
        ),
        (&[b"for=1.1.1.1;x=\"\\"], "? 1"),
        (&[b"for=198.51.100.7 x"], "? 1"),
        (&[b"for = 198.51.100.7"], "? 1"),
        (&[b"for="], "? 1"),
        (&[b"for"], "? 1"),
        (&[b"198.51.100.7"], "? 1"),
        (&[b"\xe9, for=10.1.2.3"], "? 1"),
    ];
    check(AddressHeader::Forwarded, table);
}

#[test]
fn headers_of_untrusted_peers_are_ignored() {
    let peer: IpAddr = "203.0.113.9".parse().unwrap();
    for header in [AddressHeader::XForwardedFor, AddressHeader::Forwarded] {
        for trusted in [&[][..], PROXIES] {
            let lines: &[&[u8]] = &[b"10.1.2.3", b"for=10.1.2.3", b"\xe9"];
            let client = resolve(header, peer, &networks(trusted), lines, true);
            assert_eq!(client, ClientAddress::Known(peer));
        }
    }
    let mapped = "::ffff:10.0.0.2".parse().unwrap();
    let client = resolve(
        AddressHeader::XForwardedFor,
        mapped,
        &networks(PROXIES),
        &[b"203.0.113.9"],
        false,
    );
    assert_eq!(client, ClientAddress::Known(peer));
}

#[test]
fn peer_mode_ignores_headers() {
    let peer = "10.0.0.2".parse().unwrap();
    let client = resolve(
        AddressHeader::Peer,
        peer,
        &networks(PROXIES),
        &[b"1.1.1.1"],
        true,
    );
    assert_eq!(client, ClientAddress::Known(peer));
}

#[test]
fn unexpected_header_makes_address_unknown() {
    let peer = "10.0.0.2".parse().unwrap();
    let client = resolve(
        AddressHeader::XForwardedFor,
        peer,
        &networks(PROXIES),
        &[],
        true,
    );
    assert_eq!(client, ClientAddress::Unknown(UnknownAddress::OtherHeader));
    let client = resolve(
        AddressHeader::XForwardedFor,
        peer,
        &networks(PROXIES),
        &[b"1.1.1.1"],
        true,
    );
    assert_eq!(client.known(), "1.1.1.1".parse().ok());
}

#[test]
fn entries_beyond_the_limit_make_address_unknown() {
    let list = |proxies: usize| {
        let mut entries = vec!["198.51.100.7"];
        entries.extend(vec!["10.0.0.1"; proxies]);
        entries.join(",")
    };
    let client = |proxies| behind_proxy(AddressHeader::XForwardedFor, &[list(proxies).as_bytes()]);
    assert_eq!(client(ENTRIES_MAX - 1), "198.51.100.7");
    assert_eq!(client(ENTRIES_MAX), "TooManyEntries");
    // Entries to the left of the client are not parsed.
    let long = format!("{},198.51.100.7", vec!["x"; 10_000].join(","));
    let client = behind_proxy(AddressHeader::XForwardedFor, &[long.as_bytes()]);
    assert_eq!(client, "198.51.100.7");
}
