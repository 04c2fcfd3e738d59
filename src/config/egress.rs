//! `[egress]`: the way out to identity providers and AWS.

use std::path::Path;

use rolecall_core::config_file::{Reader, Value};
use url::Url;

use super::secret_ref;
use crate::egress::{Authorities, Egress, Exception, Proxy, system_has_authorities};

/// Variables by which other programs find a proxy.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Reads it; warns where no server could be verified.
pub fn egress(root: &Reader<'_>, folder: &Path) -> Egress {
    let egress = read(root, folder);
    if egress.authorities().is_empty() && !system_has_authorities() {
        root.spot().warning(
            "this system has no CA certificates: neither AWS nor an identity provider can be reached by https",
            "install the package ca-certificates; or name a file with authorities in [egress] ca",
        );
    }
    egress
}

/// Without it the gateway connects directly, and says so where the environment names a proxy.
fn read(root: &Reader<'_>, folder: &Path) -> Egress {
    let Some(section) = root.table("egress") else {
        if let Some(variable) = VARIABLES.into_iter().find(|name| is_set(name)) {
            root.spot().warning(
                format!("{variable} is set, but the gateway takes no proxy from the environment"),
                "add [egress] with proxy = \"http://proxy.example.com:3128\"; without a proxy, an empty [egress] silences this",
            );
        }
        return Egress::default();
    };
    let proxy = section
        .value("proxy")
        .and_then(|value| proxy(&value, folder));
    let exceptions = section.list("no_proxy");
    let exceptions = exceptions
        .iter()
        .filter_map(|value| value.parse_with(Exception::parse))
        .map(|exception| exception.value);
    let exceptions = exceptions.collect();
    let authorities = section.strings("ca");
    let authorities = authorities.iter().filter_map(|file| {
        let path = folder.join(file.value);
        let wrong = |why: &dyn std::fmt::Display| {
            file.spot.error(
                format!("`ca`: {} cannot be used: {why}", path.display()),
                "name a file with the authority's certificates in PEM",
            );
        };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error));
        Authorities::parse(text.ok()?)
            .map_err(|error| wrong(&error))
            .ok()
    });
    let authorities = authorities.collect();
    section.done();
    Egress::new(proxy, exceptions, authorities)
}

/// `proxy`, a URL or a table with credentials.
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
                "a proxy's credentials are a username and a password",
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
    let url = Url::parse(text).map_err(|_| "write an URL such as http://proxy.example.com:3128")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "credentials do not stand in the address: write { url = \"…\", username = \"…\", password = { file = \"…\" } }",
        );
    }
    let origin_only = matches!(url.path(), "" | "/") && url.query().is_none();
    match url.scheme() {
        "http" | "https" if url.has_host() && origin_only => Ok(url),
        _ => Err("write scheme, host and port: http://proxy.example.com:3128, or https://…"),
    }
}

/// Whether a variable holds something. Its value may hold a password, so nothing more is read of it.
#[expect(
    clippy::disallowed_methods,
    reason = "to say that the environment is not read"
)]
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
