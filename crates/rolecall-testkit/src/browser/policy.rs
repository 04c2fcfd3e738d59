//! `Referrer-Policy`, and `form-action` and `script-src` of the Content-Security-Policy.

use anyhow::{Result, bail};
use url::Url;

use super::Page;
use super::site::{Relation, relation};

/// The `Referer` of a request from a page (Referrer Policy 8.3).
pub(super) fn referrer(from: &Page, to: &Url) -> Option<String> {
    let mut whole = from.url().clone();
    whole.set_fragment(None);
    let origin = format!("{}/", whole.origin().ascii_serialization());
    let same_origin = relation(from.url(), to) == Relation::SameOrigin;
    match from.referrer_policy().as_str() {
        "no-referrer" => None,
        "same-origin" => same_origin.then(|| whole.to_string()),
        "origin" | "strict-origin" => Some(origin),
        "unsafe-url" => Some(whole.to_string()),
        // strict-origin-when-cross-origin, the default
        _ => Some(if same_origin {
            whole.to_string()
        } else {
            origin
        }),
    }
}

/// The `Origin` of a form post: `null` if the policy of the page is `no-referrer` (Fetch 3.2).
pub(super) fn origin(from: &Page) -> String {
    match from.referrer_policy() == "no-referrer" {
        true => "null".to_owned(),
        false => from.url().origin().ascii_serialization(),
    }
}

/// Fails if the page's `form-action` does not allow a form, or a redirect of it, to go to `to`, like Chromium.
pub(super) fn check_form_action(from: &Page, to: &Url) -> Result<()> {
    for policy in from.headers("content-security-policy") {
        let directives = policy.split(';').map(str::trim);
        let sources = directives.filter_map(|directive| directive.strip_prefix("form-action"));
        for sources in sources {
            if !sources
                .split_ascii_whitespace()
                .any(|source| allows(source, from.url(), to))
            {
                bail!(
                    "form-action{sources} of {} does not allow a form to {to}",
                    from.url()
                );
            }
        }
    }
    Ok(())
}

/// Whether all policies of the page allow inline scripts: those without `script-src` and `default-src`, or with
/// `'unsafe-inline'`. Nonces and hashes are not supported.
pub(super) fn allows_inline_script(page: &Page) -> bool {
    page.headers("content-security-policy").all(|policy| {
        let sources = |name: &str| {
            let mut directives = policy.split(';').map(str::trim);
            directives.find_map(|directive| directive.strip_prefix(name))
        };
        let sources = sources("script-src ").or_else(|| sources("default-src "));
        sources.is_none_or(|sources| sources.contains("'unsafe-inline'"))
    })
}

/// Whether a source expression matches a URL (CSP 6.7.2.8, without paths).
fn allows(source: &str, page: &Url, to: &Url) -> bool {
    if source == "'self'" {
        return page.origin() == to.origin();
    }
    if let Some(scheme) = source.strip_suffix(':') {
        return scheme == to.scheme();
    }
    let (scheme, rest) = source.split_once("://").unwrap_or((page.scheme(), source));
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let to_host = to.host_str().unwrap_or_default();
    let host_fits = match host.strip_prefix("*.") {
        Some(parent) => to_host.ends_with(&format!(".{parent}")),
        None => host == "*" || host == to_host,
    };
    let port_fits = match port {
        "*" => true,
        "" => to.port().is_none(),
        port => to
            .port_or_known_default()
            .is_some_and(|known| known.to_string() == port),
    };
    scheme == to.scheme() && host_fits && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_action_limits_targets_of_forms() -> Result<()> {
        let page = Url::parse("https://sso.example.com/console")?;
        for (source, to, allowed) in [
            ("'self'", "https://sso.example.com/x", true),
            ("'self'", "https://sso.example.com:444/x", false),
            ("'none'", "https://sso.example.com/x", false),
            (
                "https://*.signin.aws.amazon.com",
                "https://eu-west-1.signin.aws.amazon.com/oauth",
                true,
            ),
            (
                "https://*.signin.aws.amazon.com",
                "https://signin.aws.amazon.com/federation",
                false,
            ),
            (
                "https://signin.aws.amazon.com",
                "http://signin.aws.amazon.com/federation",
                false,
            ),
            ("http://127.0.0.1:8400", "http://127.0.0.1:8400/a", true),
            ("http://127.0.0.1:8400", "http://127.0.0.1:8401/a", false),
            ("https:", "https://evil.example/", true),
        ] {
            assert_eq!(
                allows(source, &page, &Url::parse(to)?),
                allowed,
                "{source} {to}"
            );
        }
        Ok(())
    }
}
