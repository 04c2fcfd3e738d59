//! The client's address: the peer's, or what trusted proxies say of it. Nobody else's word counts.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The rightmost address that is no trusted proxy's, starting from the peer. A hop that cannot be read ends the search
/// at the last one that could.
pub fn client(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer;
    for hop in hops(request).into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match hop {
            Some(address) => client = address,
            None => break,
        }
    }
    Some(client)
}

/// The addresses of `X-Forwarded-For`, else of `Forwarded` (RFC 7239), in the order they were added.
fn hops(request: &HttpRequest) -> Vec<Option<IpAddr>> {
    let lines = |name: &str| -> Vec<String> {
        request
            .headers()
            .get_all(name)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(|item| item.trim().to_owned())
            .collect()
    };
    let listed = lines("x-forwarded-for");
    if !listed.is_empty() {
        return listed.iter().map(|item| parse(item)).collect();
    }
    lines("forwarded")
        .iter()
        .map(|item| {
            item.split(';')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| key.trim().eq_ignore_ascii_case("for"))
                .and_then(|(_, value)| parse(value.trim().trim_matches('"')))
        })
        .collect()
}

/// An address with or without port and brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok().or_else(|| {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|socket| socket.ip())
    });
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, headers: &[(&'static str, &'static str)], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let request = headers.iter().fold(
            TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap()),
            |request, header| request.append_header(*header),
        );
        client(&request.to_http_request(), &trusted)
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_strangers_word_does_not_count() {
        assert_eq!(
            seen("203.0.113.9", &[("x-forwarded-for", "10.0.0.1")], &[]),
            "203.0.113.9"
        );
        assert_eq!(
            seen(
                "203.0.113.9",
                &[("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1")],
                &["10.0.0.0/8"]
            ),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_client() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(
            seen(
                "10.0.0.2",
                &[("x-forwarded-for", "1.1.1.1, 198.51.100.7, 10.0.0.1")],
                trusted
            ),
            "198.51.100.7"
        );
        assert_eq!(
            seen(
                "10.0.0.2",
                &[
                    ("x-forwarded-for", "1.1.1.1"),
                    ("x-forwarded-for", "198.51.100.7:4711")
                ],
                trusted
            ),
            "198.51.100.7"
        );
        assert_eq!(
            seen(
                "10.0.0.2",
                &[("forwarded", "for=\"[2001:db8::7]:443\";proto=https")],
                trusted
            ),
            "2001:db8::7"
        );
        assert_eq!(
            seen(
                "10.0.0.2",
                &[("x-forwarded-for", "198.51.100.7, unknown")],
                trusted
            ),
            "10.0.0.2",
            "what cannot be read is not believed"
        );
    }
}
