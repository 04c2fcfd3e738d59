//! `[egress]`: outgoing connections to identity providers and AWS.

use std::path::Path;

use rolecall_core::config_file::{Reader, Value};
use url::Url;

use super::secret_ref;
use crate::egress::{CaCertificates, Egress, NoProxyRule, Proxy, system_has_ca_certificates};

/// Environment variables that other programs use for a proxy. The gateway ignores them.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Reads `[egress]`; warns if no server certificate could be verified.
pub fn egress(root: &Reader<'_>, folder: &Path) -> Egress {
    let egress = read(root, folder);
    if egress.ca_certificates().is_empty() && !system_has_ca_certificates() {
        root.spot().warning(
            "this system has no CA certificates: HTTPS connections to AWS and identity providers will fail",
            "install the package ca-certificates, or set [egress] ca to a file with CA certificates",
        );
    }
    egress
}

/// Without `[egress]` the gateway connects directly; it warns if the environment configures a proxy.
fn read(root: &Reader<'_>, folder: &Path) -> Egress {
    let Some(section) = root.table("egress") else {
        if let Some(variable) = VARIABLES.into_iter().find(|name| is_set(name)) {
            root.spot().warning(
                format!("{variable} is set, but the gateway does not use proxy settings from the environment"),
                "add [egress] with proxy = \"http://proxy.example.com:3128\"; to connect directly, add an empty [egress]",
            );
        }
        return Egress::default();
    };
    let proxy = section
        .value("proxy")
        .and_then(|value| proxy(&value, folder));
    let no_proxy = section.list("no_proxy");
    let no_proxy = no_proxy
        .iter()
        .filter_map(|value| value.parse_with(NoProxyRule::parse))
        .map(|exception| exception.value);
    let no_proxy = no_proxy.collect();
    let ca_certificates = section.strings("ca");
    let ca_certificates = ca_certificates.iter().filter_map(|file| {
        let path = folder.join(file.value);
        let wrong = |reason: &dyn std::fmt::Display| {
            file.spot.error(
                format!("`ca`: invalid file {}: {reason}", path.display()),
                "write the path of a file with CA certificates in PEM",
            );
        };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error));
        CaCertificates::parse(text.ok()?)
            .map_err(|error| wrong(&error))
            .ok()
    });
    let ca_certificates = ca_certificates.collect();
    section.done();
    Egress::new(proxy, no_proxy, ca_certificates)
}

/// Reads `proxy`, a URL or a table with credentials.
fn proxy(value: &Value<'_>, folder: &Path) -> Option<Proxy> {
    if value.as_text().is_some() {
        let url = value.parse_with(parse_url)?.value;
        return Some(Proxy {
            url,
            credentials: None,
        });
    }
    let table = value.table("`proxy`")?;
    let spot = table.spot();
    let url = table
        .required("url")
        .and_then(|value| value.parse_with(parse_url));
    let username = table.string("username").map(|name| name.value.to_owned());
    let password = table
        .value("password")
        .map(|value| secret_ref::read(&value, folder));
    table.done();
    let credentials = match (username, password) {
        (None, None) => None,
        (Some(username), Some(password)) => Some((username, password?)),
        (Some(_), None) | (None, Some(_)) => {
            spot.error(
                "proxy credentials require both a username and a password",
                "write proxy = { url = \"…\", username = \"…\", password = { file = \"…\" } }",
            );
            None
        }
    };
    Some(Proxy {
        url: url?.value,
        credentials,
    })
}

fn parse_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "write a URL such as http://proxy.example.com:3128")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "credentials are not allowed in the URL: write { url = \"…\", username = \"…\", password = { file = \"…\" } }",
        );
    }
    let origin_only = matches!(url.path(), "" | "/") && url.query().is_none();
    match url.scheme() {
        "http" | "https" if url.has_host() && origin_only => Ok(url),
        _ => Err("write scheme, host and port: http://proxy.example.com:3128, or https://…"),
    }
}

/// Whether an environment variable is set and not empty. The value is not used, because it may contain a password.
#[expect(
    clippy::disallowed_methods,
    reason = "to warn that the environment is not used"
)]
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
