//! Page to which a flow returns: a path on the gateway's own origin, fixed when the flow starts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::base::limits;

/// Maximum length of a path that is not encoded, in bytes.
const PLAIN_BYTES_MAX: usize = 1_024;
/// Prefix of the base64 form; no path starts with it.
const PACKED: &str = "~";

/// A path on the gateway's own origin with an optional query, which no browser interprets as another site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

/// The text is not a [`ReturnTo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return path starts with a single / and stays on this site")]
pub struct InvalidReturnTo;

impl ReturnTo {
    /// The start page of the portal: `/`.
    pub fn portal() -> Self {
        Self("/".to_owned())
    }

    /// Parses a path on the gateway's own origin. Rejects everything that a browser or proxy could interpret as another
    /// location: `//`, backslashes, control characters, spaces, dot segments, encoded slashes, fragments, and anything
    /// that the URL Standard does not preserve.
    ///
    /// # Errors
    /// [`InvalidReturnTo`].
    pub fn parse(text: &str) -> Result<Self, InvalidReturnTo> {
        let plain = text.len() <= limits::RETURN_TO_BYTES_MAX
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
        let path = text.split('?').next().unwrap_or_default();
        let path_plain = path.starts_with('/')
            && !path.contains("//")
            && !path.split('/').any(|segment| {
                segment.starts_with('.') && segment.trim_start_matches('.').is_empty()
            })
            && path.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~')
            });
        if !plain || !path_plain {
            return Err(InvalidReturnTo);
        }
        let base = Url::parse("https://origin.invalid/").map_err(|_| InvalidReturnTo)?;
        let joined = base.join(text).map_err(|_| InvalidReturnTo)?;
        let same = joined.origin() == base.origin() && &joined[url::Position::BeforePath..] == text;
        if same {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidReturnTo)
        }
    }

    /// Returns the value for a URL parameter, which percent-encodes it: a long path that contains encoded characters is
    /// written in base64, so that it does not exceed the maximum length of a URL. [`Self::unpack`] reads both forms.
    pub fn packed(&self) -> Cow<'_, str> {
        match self.0.len() > PLAIN_BYTES_MAX {
            true => Cow::Owned(format!("{PACKED}{}", URL_SAFE_NO_PAD.encode(&self.0))),
            false => Cow::Borrowed(&self.0),
        }
    }

    /// Parses the result of [`Self::packed`], or a plain path.
    ///
    /// # Errors
    /// [`InvalidReturnTo`].
    pub fn unpack(text: &str) -> Result<Self, InvalidReturnTo> {
        let Some(packed) = text.strip_prefix(PACKED) else {
            return Self::parse(text);
        };
        let path = URL_SAFE_NO_PAD
            .decode(packed)
            .map_err(|_| InvalidReturnTo)?;
        Self::parse(std::str::from_utf8(&path).map_err(|_| InvalidReturnTo)?)
    }

    /// Returns path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = InvalidReturnTo;
    fn try_from(text: String) -> Result<Self, InvalidReturnTo> {
        Self::parse(&text)
    }
}

impl From<ReturnTo> for String {
    fn from(place: ReturnTo) -> String {
        place.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_gateway_are_accepted() {
        for good in [
            "/",
            "/sessions",
            "/console?account=111122223333&permission_set=Developer",
            "/a?x=https%3A%2F%2Fconsole.aws.amazon.com%2F",
            "/console?destination=https://console.aws.amazon.com/s3/",
        ] {
            assert_eq!(
                ReturnTo::parse(good).map(String::from),
                Ok(good.to_owned()),
                "{good}"
            );
        }
    }

    #[test]
    fn packed_paths_round_trip() {
        let long = format!("/console?destination={}", "%2525%20".repeat(600));
        for path in ["/", "/console?a=~b", &long] {
            let packed = ReturnTo::parse(path).unwrap().packed().into_owned();
            assert!(packed.len() <= path.len() * 4 / 3 + 8, "{path:.40}");
            assert!(
                packed == path || !packed.contains(['%', '?']),
                "{packed:.40}"
            );
            assert_eq!(packed.starts_with(PACKED), path.len() > PLAIN_BYTES_MAX);
            assert_eq!(ReturnTo::unpack(&packed).unwrap().as_str(), path);
        }
        let too_long = format!("/{}", "a".repeat(limits::RETURN_TO_BYTES_MAX));
        assert!(ReturnTo::parse(&too_long).is_err());
        for bad in ["//evil.example", "https://evil.example", "\u{fffd}", ""] {
            let packed = format!("{PACKED}{}", URL_SAFE_NO_PAD.encode(bad));
            assert!(ReturnTo::unpack(&packed).is_err(), "{bad}");
        }
        assert!(ReturnTo::unpack("~?").is_err() && ReturnTo::unpack("~_w").is_err());
    }

    #[test]
    fn other_origins_are_rejected() {
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/..//evil.example",
            "/.",
            "/a/../b",
            "/%2fevil.example",
            "/a b",
            "/a\tb",
            "/a#b",
            "\\/evil",
            "javascript:alert(1)",
            "/a/\u{2025}/",
            "/%2e%2e/x",
            "/@evil.example:",
        ] {
            assert_eq!(ReturnTo::parse(bad), Err(InvalidReturnTo), "{bad}");
        }
    }
}
