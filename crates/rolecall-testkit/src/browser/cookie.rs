//! The cookie jar (RFC 6265bis): which cookies are stored, and which are sent with a request.
//!
//! Cookies are shared between ports. The default of `SameSite` is `Lax`. A cookie that violates its name prefix is ignored.

use actix_web::cookie::{Cookie as Parsed, SameSite as ParsedSameSite};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use url::Url;

use super::site::is_trustworthy;

/// Maximum size of name and value together in bytes, as in Chromium.
const COOKIE_MAX: usize = 4096;

/// Whether a cookie is sent with cross-site requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Not sent with requests from other sites.
    Strict,
    /// With links, but not with forms.
    Lax,
    /// Sent with every request.
    None,
}

/// A stored cookie.
#[derive(Clone, Debug, PartialEq)]
pub struct Cookie {
    /// Name, with its prefix.
    pub name: String,
    /// Value, without quotes.
    pub value: String,
    /// The host that set it, or its `Domain`.
    pub domain: String,
    /// Whether it is sent only to exactly that host.
    pub host_only: bool,
    /// Path that it is sent to.
    pub path: String,
    /// Whether it is sent only over secure connections.
    pub secure: bool,
    /// Whether it is hidden from scripts.
    pub http_only: bool,
    /// Whether it is sent with cross-site requests.
    pub same_site: SameSite,
    /// Time of expiry; `None` for a session cookie.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The cookies of a browser, oldest first.
#[derive(Default)]
pub(super) struct Jar(Vec<Cookie>);

impl Jar {
    pub(super) fn cookies(&self) -> impl Iterator<Item = &Cookie> {
        self.0.iter()
    }

    /// Stores the cookie of a `Set-Cookie` header from `url`, or ignores it.
    pub(super) fn set(&mut self, line: &str, url: &Url, now: DateTime<Utc>) {
        let Some(cookie) = parse(line, url, now) else {
            return;
        };
        let covers =
            |kept: &Cookie| kept.name == cookie.name && kept.secure && domains_touch(kept, &cookie);
        // "Leave Secure Cookies Alone": `http` cannot replace a secure cookie.
        if !is_trustworthy(url) && self.0.iter().any(covers) {
            return;
        }
        let expired = cookie.expires_at.is_some_and(|at| at <= now);
        self.put(cookie);
        if expired {
            self.0.pop();
        }
    }

    /// Stores a cookie and replaces the one with the same name, domain and path.
    pub(super) fn put(&mut self, cookie: Cookie) {
        let key = |cookie: &Cookie| {
            (
                cookie.name.clone(),
                cookie.domain.clone(),
                cookie.path.clone(),
            )
        };
        self.0.retain(|kept| key(kept) != key(&cookie));
        self.0.push(cookie);
    }

    pub(super) fn end_session(&mut self) {
        self.0.retain(|cookie| cookie.expires_at.is_some());
    }

    /// The `Cookie` header of a navigation, with the longest path first.
    pub(super) fn header(
        &self,
        url: &Url,
        method: &Method,
        cross_site: bool,
        now: DateTime<Utc>,
    ) -> String {
        let goes = |cookie: &&Cookie| {
            domain_matches(cookie, url)
                && path_matches(&cookie.path, url.path())
                && (!cookie.secure || is_trustworthy(url))
                && cookie.expires_at.is_none_or(|at| at > now)
                && match cookie.same_site {
                    SameSite::None => true,
                    SameSite::Lax => !cross_site || *method == Method::GET,
                    SameSite::Strict => !cross_site,
                }
        };
        let mut cookies: Vec<&Cookie> = self.0.iter().filter(goes).collect();
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value));
        pairs.collect::<Vec<_>>().join("; ")
    }
}

fn parse(line: &str, url: &Url, now: DateTime<Utc>) -> Option<Cookie> {
    let parsed = Parsed::parse(line.to_owned()).ok()?;
    let host = url.host_str()?.to_owned();
    let domain = parsed
        .domain()
        .map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
    let domain = domain.filter(|domain| !domain.is_empty());
    let path = parsed
        .path()
        .filter(|path| path.starts_with('/'))
        .map(str::to_owned);
    let max_age = parsed
        .max_age()
        .map(|age| now + TimeDelta::seconds(age.whole_seconds()));
    let expires = parsed
        .expires_datetime()
        .and_then(|at| DateTime::from_timestamp(at.unix_timestamp(), 0));
    let cookie = Cookie {
        name: parsed.name().to_owned(),
        value: parsed.value().to_owned(),
        host_only: domain.is_none(),
        domain: domain.clone().unwrap_or(host),
        path: path.unwrap_or_else(|| default_path(url)),
        secure: parsed.secure().unwrap_or_default(),
        http_only: parsed.http_only().unwrap_or_default(),
        same_site: match parsed.same_site() {
            Some(ParsedSameSite::Strict) => SameSite::Strict,
            Some(ParsedSameSite::None) => SameSite::None,
            Some(ParsedSameSite::Lax) | None => SameSite::Lax,
        },
        expires_at: max_age.or(expires),
    };
    let prefix = cookie.name.to_ascii_lowercase();
    let is_host = cookie.secure && cookie.host_only && cookie.path == "/";
    let valid = cookie.name.len() + cookie.value.len() <= COOKIE_MAX
        && domain_matches(&cookie, url)
        && (!cookie.secure || is_trustworthy(url))
        && (cookie.same_site != SameSite::None || cookie.secure)
        && (!prefix.starts_with("__host-") || is_host)
        && (!prefix.starts_with("__secure-") || cookie.secure);
    valid.then_some(cookie)
}

fn domain_matches(cookie: &Cookie, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == cookie.domain
        || (!cookie.host_only
            && host.ends_with(&format!(".{}", cookie.domain))
            && url.domain().is_some())
}

fn domains_touch(one: &Cookie, other: &Cookie) -> bool {
    let within = |a: &str, b: &str| a == b || a.ends_with(&format!(".{b}"));
    within(&one.domain, &other.domain) || within(&other.domain, &one.domain)
}

/// Path matching (RFC 6265 5.1.4).
fn path_matches(path: &str, requested: &str) -> bool {
    requested
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

fn default_path(url: &Url) -> String {
    match url.path().rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((directory, _)) => directory.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Result;

    fn sent(
        lines: &[&str],
        from: &str,
        to: &str,
        method: &Method,
        cross_site: bool,
    ) -> Result<String> {
        let now = DateTime::UNIX_EPOCH;
        let mut jar = Jar::default();
        for line in lines {
            jar.set(line, &Url::parse(from)?, now);
        }
        Ok(jar.header(&Url::parse(to)?, method, cross_site, now))
    }

    #[test]
    fn same_site_limits_cross_site_requests() -> Result<()> {
        let lines = [
            "s=1; SameSite=Strict",
            "l=1; SameSite=Lax",
            "n=1; SameSite=None; Secure",
            "d=1",
        ];
        let url = "https://a.example/";
        assert_eq!(
            sent(&lines, url, url, &Method::POST, false)?,
            "s=1; l=1; n=1; d=1"
        );
        assert_eq!(sent(&lines, url, url, &Method::GET, true)?, "l=1; n=1; d=1");
        assert_eq!(sent(&lines, url, url, &Method::POST, true)?, "n=1");
        Ok(())
    }

    #[test]
    fn cookie_that_violates_prefix_is_ignored() -> Result<()> {
        let url = "https://a.example/x/y";
        for dropped in [
            "__Host-s=1; Path=/",
            "__Host-s=1; Secure",
            "__Host-s=1; Secure; Path=/; Domain=a.example",
            "__host-s=1; Path=/",
            "__Secure-s=1",
            "s=1; SameSite=None",
            "s=1; Domain=b.example",
            "s=1; Max-Age=0",
            "s=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(
                sent(&[dropped], url, url, &Method::GET, false)?,
                "",
                "{dropped}"
            );
        }
        assert_eq!(
            sent(
                &["__Host-s=1; Secure; Path=/"],
                url,
                url,
                &Method::GET,
                false
            )?,
            "__Host-s=1"
        );
        Ok(())
    }

    #[test]
    fn secure_cookie_requires_https_or_loopback() -> Result<()> {
        let line = ["s=1; Secure; Path=/"];
        for (url, kept) in [
            ("http://a.example/", ""),
            ("http://127.0.0.1:80/", "s=1"),
            ("http://localhost/", "s=1"),
        ] {
            assert_eq!(sent(&line, url, url, &Method::GET, false)?, kept, "{url}");
        }
        assert_eq!(
            sent(
                &line,
                "https://a.example/",
                "http://a.example/",
                &Method::GET,
                false
            )?,
            ""
        );
        Ok(())
    }

    #[test]
    fn paths_and_ports_follow_rfc_6265() -> Result<()> {
        let get = |line, to| sent(&[line], "http://127.0.0.1:1/a/b", to, &Method::GET, false);
        assert_eq!(get("p=1", "http://127.0.0.1:2/a/c")?, "p=1");
        assert_eq!(get("p=1", "http://127.0.0.1:1/ab")?, "");
        assert_eq!(get("p=1; Path=/", "http://localhost:1/")?, "");
        Ok(())
    }
}
