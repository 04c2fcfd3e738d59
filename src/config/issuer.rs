//! Reads `[issuer]`: the directory of the gateway's own keys, and the address at which AWS finds the documents of the
//! issuer of tokens.

use std::path::{Path, PathBuf};

use rolecall_core::config_file::Reader;
use url::{Host, Url};

use super::read;

/// Upper limit of IAM for the URL of an OIDC provider (`CreateOpenIDConnectProvider`, `Url`).
const URL_CHARS_MAX: usize = 255;
/// What OIDC clients append to the issuer (OpenID Connect Discovery 1.0 section 4).
const WELL_KNOWN: &str = "/.well-known/";

/// The section `[issuer]`.
pub struct IssuerSection {
    /// `keys`
    pub keys: PathBuf,
    /// `url`
    url: Option<Url>,
}

/// What commands for keys need from the configuration.
#[derive(Debug)]
pub struct IssuerSettings {
    /// Directory of the signing keys.
    pub keys: PathBuf,
    /// `[issuer] url`, unless it is `public_url`.
    pub published_at: Option<Url>,
    /// `public_url`, if it is valid.
    pub public_url: Option<Url>,
}

/// The text cannot be `[issuer] url`. The texts are hints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuerUrl {
    /// Not a URL with a host.
    #[error(
        "write the URL below which AWS finds the documents, such as https://issuer.example.com"
    )]
    NotUrl,
    /// Neither https nor plain http on loopback.
    #[error("use https: AWS does not accept another issuer; http is allowed only on loopback")]
    Scheme,
    /// Username or password.
    #[error("remove username and password")]
    Credentials,
    /// Query or fragment.
    #[error("remove the query and the fragment: IAM does not accept them in an issuer")]
    Query,
    /// A port.
    #[error("remove the port: IAM does not accept it in an issuer")]
    Port,
    /// An IPv6 address.
    #[error("use a host name: an IPv6 address cannot be part of the ARN of an OIDC provider")]
    Ipv6,
    /// The URL of a document.
    #[error("remove {WELL_KNOWN} and everything after it: AWS appends it")]
    Document,
    /// A slash at the end.
    #[error("remove the slash at the end: AWS compares the issuer character by character")]
    TrailingSlash,
    /// A character in the path that has a meaning in ARNs or policies, or an empty segment.
    #[error("use only letters, digits and - . _ ~ between the slashes of the path")]
    Path,
    /// Longer than IAM accepts.
    #[error("use at most {URL_CHARS_MAX} characters, the limit of IAM")]
    Long,
    /// Another notation of the same URL.
    #[error("write it as {0}: AWS compares the issuer character by character")]
    Notation(String),
}

impl IssuerSection {
    /// `url`, unless the gateway itself serves the documents there.
    pub fn elsewhere(&self, public_url: Option<&Url>) -> Option<Url> {
        self.url.clone().filter(|url| Some(url) != public_url)
    }
}

/// Reads `[issuer]`.
pub fn section(root: &Reader<'_>, folder: &Path) -> Option<IssuerSection> {
    let section = root.required("issuer")?.table("[issuer]")?;
    let keys = section
        .required("keys")
        .and_then(|value| value.string())
        .map(|keys| folder.join(keys.value));
    let url = section
        .value("url")
        .map(|value| value.parse_with(parse_url).map(|url| url.value));
    section.done();
    Some(IssuerSection {
        keys: keys?,
        // `None` if the value is invalid: the error has been reported.
        url: match url {
            None => None,
            Some(url) => Some(url?),
        },
    })
}

/// Reads what commands for keys need. They also work without a valid `public_url`.
pub fn settings(root: &Reader<'_>, folder: &Path) -> Option<IssuerSettings> {
    let public_url = root.string("public_url");
    let public_url = public_url.and_then(|text| read::parse_public_url(text.value).ok());
    let section = section(root, folder)?;
    Some(IssuerSettings {
        published_at: section.elsewhere(public_url.as_ref()),
        keys: section.keys,
        public_url,
    })
}

/// Parses `url` (IAM, `CreateOpenIDConnectProvider`): https, a path but neither port nor query, in the notation in which
/// AWS compares it with `iss`.
fn parse_url(text: &str) -> Result<Url, InvalidIssuerUrl> {
    let url = Url::parse(text).map_err(|_| InvalidIssuerUrl::NotUrl)?;
    let on_loopback = match url.host() {
        None => return Err(InvalidIssuerUrl::NotUrl),
        Some(Host::Ipv6(_)) => return Err(InvalidIssuerUrl::Ipv6),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && on_loopback) {
        return Err(InvalidIssuerUrl::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidIssuerUrl::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidIssuerUrl::Query);
    }
    if url.port().is_some() && !on_loopback {
        return Err(InvalidIssuerUrl::Port);
    }
    let path = url.path();
    if path.contains(WELL_KNOWN) {
        return Err(InvalidIssuerUrl::Document);
    }
    if text.ends_with('/') {
        return Err(InvalidIssuerUrl::TrailingSlash);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    if path.contains("//") || !path.bytes().all(plain) {
        return Err(InvalidIssuerUrl::Path);
    }
    if text.chars().count() > URL_CHARS_MAX {
        return Err(InvalidIssuerUrl::Long);
    }
    let notation = url.as_str().trim_end_matches('/');
    match notation == text {
        true => Ok(url),
        false => Err(InvalidIssuerUrl::Notation(notation.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_is_an_https_url_with_an_optional_path() {
        let longest = format!("https://issuer.example.com/{}", "a".repeat(255 - 27));
        for good in [
            "https://issuer.example.com",
            "https://example.github.io/rolecall",
            "https://d111111abcdef8.cloudfront.net/a/B-c._~/9",
            "https://192.0.2.7",
            "http://127.0.0.1:8400",
            "http://localhost:8400/issuer",
            "https://localhost:8443",
            longest.as_str(),
        ] {
            let url = parse_url(good).unwrap();
            assert_eq!(url.as_str().trim_end_matches('/'), good);
        }
    }

    #[test]
    fn url_that_iam_would_reject_or_change_is_refused() {
        use InvalidIssuerUrl::{
            Credentials, Document, Ipv6, Long, NotUrl, Notation, Path, Port, Query, Scheme,
            TrailingSlash,
        };
        let notation = |text: &str| Notation(text.to_owned());
        let long = format!("https://issuer.example.com/{}", "a".repeat(255 - 26));
        for (bad, expected) in [
            ("", NotUrl),
            ("issuer.example.com", NotUrl),
            ("https://", NotUrl),
            ("data:application/json,{}", NotUrl),
            ("http://issuer.example.com", Scheme),
            ("http://localhost.example.com", Scheme),
            ("ftp://127.0.0.1", Scheme),
            ("https://user:password@issuer.example.com", Credentials),
            ("https://issuer.example.com?", Query),
            ("https://issuer.example.com/?tenant=1", Query),
            ("https://issuer.example.com#keys", Query),
            ("https://issuer.example.com:8443", Port),
            ("https://[2001:db8::1]", Ipv6),
            ("https://issuer.example.com/", TrailingSlash),
            ("https://issuer.example.com/rolecall/", TrailingSlash),
            (
                "https://issuer.example.com/.well-known/openid-configuration",
                Document,
            ),
            ("https://issuer.example.com/a//b", Path),
            ("https://issuer.example.com/*", Path),
            ("https://issuer.example.com/a%2fb", Path),
            ("https://issuer.example.com/${aws:username}", Path),
            ("https://issuer.example.com/a b", Path),
            (long.as_str(), Long),
            (
                "https://Issuer.example.com",
                notation("https://issuer.example.com"),
            ),
            (
                "HTTPS://issuer.example.com",
                notation("https://issuer.example.com"),
            ),
            (
                "https://issuer.example.com:443",
                notation("https://issuer.example.com"),
            ),
            (
                " https://issuer.example.com",
                notation("https://issuer.example.com"),
            ),
            (
                "https://issuer.example.com/a/../b",
                notation("https://issuer.example.com/b"),
            ),
            (
                "https://bücher.example",
                notation("https://xn--bcher-kva.example"),
            ),
        ] {
            assert_eq!(parse_url(bad), Err(expected), "{bad}");
        }
    }
}
