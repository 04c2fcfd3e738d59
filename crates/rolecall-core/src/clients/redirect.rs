//! Redirect URIs: only loopback addresses of the machine on which the browser runs, on any port (RFC 8252 7.3).
//!
//! Parsed byte by byte and not by a URL parser: what parsers interpret differently, such as `127.1`, `%2e` or a
//! backslash, is rejected.

use serde::{Deserialize, Serialize};

const HOSTS: [&str; 2] = ["127.0.0.1", "[::1]"];

/// A loopback redirect URI (RFC 8252 7.3): `http://127.0.0.1` or `http://[::1]`, an optional port, and an optional
/// plain path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri {
    text: String,
    path_at: usize,
}

/// Why a redirect URI is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a redirect URI is http://127.0.0.1 or http://[::1], with a port and a plain path, such as http://127.0.0.1/oauth/callback"
)]
pub struct InvalidRedirectUri;

impl RedirectUri {
    /// Parses a redirect URI.
    ///
    /// # Errors
    /// [`InvalidRedirectUri`].
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let after_scheme = text.strip_prefix("http://").ok_or(InvalidRedirectUri)?;
        let after_host = HOSTS
            .iter()
            .find_map(|host| after_scheme.strip_prefix(host))
            .ok_or(InvalidRedirectUri)?;
        let path = match after_host.strip_prefix(':') {
            None => after_host,
            Some(rest) => {
                let digits = rest.find('/').unwrap_or(rest.len());
                let (port, path) = rest.split_at(digits);
                let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
                match port.parse::<u16>() {
                    Ok(1..) if plain => path,
                    Ok(_) | Err(_) => return Err(InvalidRedirectUri),
                }
            }
        };
        if !is_plain_path(path) || text.len() > crate::base::limits::REDIRECT_URI_BYTES_MAX {
            return Err(InvalidRedirectUri);
        }
        Ok(Self {
            path_at: text.len() - path.len(),
            text: text.to_owned(),
        })
    }

    /// The URI, unchanged.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port: `127.0.0.1:33389`.
    pub fn authority(&self) -> &str {
        let before_path = &self.text[..self.path_at];
        before_path.strip_prefix("http://").unwrap_or(before_path)
    }

    /// The path. An empty path is `/` (RFC 3986 6.2.3).
    fn path(&self) -> &str {
        match &self.text[self.path_at..] {
            "" => "/",
            path => path,
        }
    }

    /// Whether a client that registered this URI may use `requested`: the same path byte for byte, on any port of either
    /// loopback address (RFC 8252 7.3).
    pub fn allows(&self, requested: &Self) -> bool {
        self.path() == requested.path()
    }

    /// The URI with a query (RFC 6749 4.1.2).
    pub fn with_query(&self, query: &str) -> String {
        format!("{}{}?{query}", &self.text[..self.path_at], self.path())
    }
}

/// Segments of unreserved characters, without `.` and `..`, parameters, escapes, query and fragment.
fn is_plain_path(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else {
        return path.is_empty();
    };
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    segments
        .split('/')
        .all(|segment| segment.bytes().all(unreserved) && segment != "." && segment != "..")
        && !path.contains("//")
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;
    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> String {
        uri.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERED: &str = "http://127.0.0.1/oauth/callback";

    fn allowed(requested: &str) -> bool {
        let registered = RedirectUri::parse(REGISTERED).unwrap();
        RedirectUri::parse(requested).is_ok_and(|requested| registered.allows(&requested))
    }

    #[test]
    fn any_port_of_a_loopback_address_is_allowed() {
        for requested in [
            REGISTERED,
            "http://127.0.0.1:1/oauth/callback",
            "http://127.0.0.1:33389/oauth/callback",
            "http://127.0.0.1:65535/oauth/callback",
            "http://[::1]:5000/oauth/callback",
        ] {
            assert!(allowed(requested), "{requested}");
        }
    }

    #[test]
    fn other_redirect_uris_are_rejected() {
        for requested in [
            "http://localhost:1/oauth/callback",
            "http://127.0.0.2:1/oauth/callback",
            "http://127.1:1/oauth/callback",
            "http://0x7f.1:1/oauth/callback",
            "http://2130706433:1/oauth/callback",
            "http://127.0.0.1.evil.example/oauth/callback",
            "http://127.0.0.1@evil.example/oauth/callback",
            "http://evil.example#@127.0.0.1/oauth/callback",
            "http://127.0.0.1:80@evil/oauth/callback",
            "http://127.0.0.1:80@evil/",
            "https://127.0.0.1:1/oauth/callback",
            "HTTP://127.0.0.1:1/oauth/callback",
            "http://127.0.0.1:1/oauth/callback/",
            "http://127.0.0.1:1/oauth/callback/../x",
            "http://127.0.0.1:1/oauth/./callback",
            "http://127.0.0.1:1//oauth/callback",
            "http://127.0.0.1:1/oauth/callback;x",
            "http://127.0.0.1:1/oauth/callback?a=b",
            "http://127.0.0.1:1/oauth/callback#f",
            "http://127.0.0.1:1/oauth%2ecallback",
            "http://127.0.0.1:1/OAUTH/callback",
            "http://127.0.0.1:1/oauth",
            "http://127.0.0.1:1",
            "http://127.0.0.1:0/oauth/callback",
            "http://127.0.0.1:65536/oauth/callback",
            "http://127.0.0.1:+80/oauth/callback",
            "http://127.0.0.1:080/oauth/callback",
            "http://127.0.0.1:/oauth/callback",
            "http://127.0.0.1\\oauth/callback",
            "http:\\\\127.0.0.1:1/oauth/callback",
            "http://127.0.0.1:1/oauth\t/callback",
            "http://127.0.0.1:1/oauth/callback\n",
            " http://127.0.0.1:1/oauth/callback",
            "http://[::ffff:127.0.0.1]:1/oauth/callback",
            "http://[::1%25lo]:1/oauth/callback",
            "http://[0:0:0:0:0:0:0:1]:1/oauth/callback",
            "http:/127.0.0.1:1/oauth/callback",
            "//127.0.0.1:1/oauth/callback",
            "javascript:alert(1)",
            "urn:ietf:wg:oauth:2.0:oob",
            "",
        ] {
            assert!(!allowed(requested), "{requested}");
        }
    }

    #[test]
    fn empty_path_equals_slash() {
        let bare = RedirectUri::parse("http://127.0.0.1").unwrap();
        for requested in ["http://127.0.0.1:5001", "http://127.0.0.1:5001/"] {
            let requested = RedirectUri::parse(requested).unwrap();
            assert!(bare.allows(&requested));
            assert_eq!(
                requested.with_query("code=a"),
                "http://127.0.0.1:5001/?code=a"
            );
        }
        let requested = RedirectUri::parse("http://[::1]:5001/oauth/callback").unwrap();
        assert!(!bare.allows(&requested));
        assert_eq!(
            requested.with_query("a=b"),
            "http://[::1]:5001/oauth/callback?a=b"
        );
    }
}
