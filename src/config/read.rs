//! The top of `rolecall.toml`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rolecall_core::aws::Partition;
use rolecall_core::config_file::{Document, Findings, Reader, Value};
use rolecall_core::record::rate_limit::RateLimits;
use url::{Host, Url};

use super::provider::{self, Providers};
use super::{AccessFiles, Settings, clients, egress, listen, rate_limits, secret_ref, sections};
use crate::database::DatabaseUrl;

/// What reading brought: settings when they are complete, and what is wrong.
pub struct Read {
    /// The settings; none when something they need is missing or wrong.
    pub settings: Option<Settings>,
    /// The access files, also where the settings are incomplete: their mistakes are told in the same run.
    pub access: Option<AccessFiles>,
    /// Mistakes and warnings.
    pub findings: Findings,
}

/// Sections that belong to protocols this version does not speak. They ask for nothing that is not there, so they are
/// let pass, with a word.
const LATER: [&str; 2] = ["administrator", "workload"];

/// Reads the text of the file at `path`.
pub fn settings(path: &Path, text: &str, folder: &Path) -> Read {
    let document = Document::parse(path, text);
    let root = document.root();
    let (settings, access) = read(&root, folder);
    root.done();
    // What stands in a text that is not TOML is guesswork, and so is what is wrong with the access files then.
    let access = access.filter(|_| document.is_valid_toml());
    Read {
        settings,
        access,
        findings: document.into_findings(),
    }
}

fn read(root: &Reader<'_>, folder: &Path) -> (Option<Settings>, Option<AccessFiles>) {
    let public_url = root
        .required("public_url")
        .and_then(|value| value.parse_with(parse_public_url))
        .map(|url| url.value);
    let places = access_places(root, folder);
    let mut listen = listen::listen(root, folder);
    let mut limits = RateLimits::default();
    if let Some(section) = root.table("limits") {
        listen.connections = listen::connections(&section);
        limits = rate_limits::limits(&section);
        section.done();
    }
    let store = root
        .required("store")
        .and_then(|value| value.table("[store]"))
        .and_then(|section| sections::store(section, folder));
    let database = database(root, folder);
    let lifetimes = sections::session(root.table("session"));
    let (clients, labels) = clients::clients(root.table("clients"));
    let issuer_keys = issuer_keys(root, folder);
    let aws = root
        .required("aws")
        .and_then(|value| value.table("[aws]"))
        .and_then(|section| {
            limits.sts_rate = rate_limits::sts_rate(&section);
            sections::aws(section)
        });
    let partition = aws.as_ref().map_or(Partition::Aws, |aws| aws.partition);
    let egress = egress::egress(root, folder);
    let contact = root.table("portal").and_then(|portal| {
        let contact = portal
            .string("contact")
            .map(|contact| contact.value.to_owned());
        portal.done();
        contact
    });
    for later in LATER {
        if let Some(value) = root.value(later) {
            value.spot().warning(
                format!("`{later}` has no effect in this version"),
                "leave it out, or keep it for later",
            );
        }
    }
    let providers = providers(root, public_url.clone(), partition, folder);
    let access = places.map(|places| AccessFiles {
        places,
        partition,
        providers: providers.facts,
        trusted_proxies: listen.trusted_proxies.clone(),
    });
    let complete = || {
        let (store, sealing_keys) = store?;
        let public_url = public_url?;
        let aws = aws?;
        Some(Settings {
            start_urls: labels.start_urls(&public_url, aws.partition),
            public_url,
            listen,
            store,
            sealing_keys,
            database: database?,
            lifetimes,
            clients,
            limits,
            issuer_keys: issuer_keys?,
            aws,
            egress,
            providers: providers.settings,
            provider_files: providers.files,
            contact,
            access: access.clone()?,
        })
    };
    (complete(), access)
}

/// `[[provider]]`. Mistakes that hang on the public URL are found in the same run when it is missing or wrong itself.
pub fn providers(
    root: &Reader<'_>,
    public_url: Option<Url>,
    partition: Partition,
    folder: &Path,
) -> Providers {
    let named = public_url.or_else(|| Url::parse("https://unnamed.invalid").ok());
    let context = provider::ProviderContext {
        public_url: named.as_ref(),
        folder,
        partition,
    };
    provider::providers(root, &context)
}

/// `access`
fn access_places(root: &Reader<'_>, folder: &Path) -> Option<Vec<PathBuf>> {
    let value = root.required("access")?;
    let list = value.list()?;
    if list.is_empty() {
        value
            .spot()
            .error("no access files", "write access = [\"access.toml\"]");
    }
    let places: Vec<PathBuf> = list
        .iter()
        .filter_map(Value::string)
        .map(|place| folder.join(place.value))
        .collect();
    (!places.is_empty()).then_some(places)
}

/// `[issuer] keys`
pub fn issuer_keys(root: &Reader<'_>, folder: &Path) -> Option<PathBuf> {
    let section = root.required("issuer")?.table("[issuer]")?;
    let keys = section
        .required("keys")
        .and_then(|value| value.string())
        .map(|keys| folder.join(keys.value));
    section.done();
    keys
}

/// `[database]`
pub fn database(root: &Reader<'_>, folder: &Path) -> Option<DatabaseUrl> {
    let section = root.required("database")?.table("[database]")?;
    let text = section.required("url").and_then(|value| value.string());
    let password = section
        .value("password")
        .map(|value| secret_ref::read(&value, folder));
    section.done();
    let text = text?;
    let url = text.value.parse::<DatabaseUrl>();
    if url.as_ref().is_ok_and(DatabaseUrl::holds_password) {
        text.spot.warning(
            "there is a password in the database's URL, so this file is a secret",
            "take it out, and write password = { file = \"…\" } beside the URL",
        );
    }
    let url = match password {
        None => url,
        // What is wrong with it has been reported.
        Some(password) => {
            let password = password?;
            url.and_then(|url| url.with_password(&password))
        }
    };
    match url {
        Ok(DatabaseUrl::Sqlite(path)) => Some(DatabaseUrl::Sqlite(folder.join(path))),
        Ok(url @ DatabaseUrl::Postgres(_)) => Some(url),
        Err(error) => {
            text.spot.error(error.to_string(), error.hint());
            None
        }
    }
}

fn parse_public_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .map_err(|_| "write the address people use, such as https://sso.example.com")?;
    if url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(
            "scheme, host and port only: everything else hangs on it, and AWS's programs take no path",
        );
    }
    if url.scheme() == "https" || is_loopback(&url) {
        Ok(url)
    } else {
        Err("use https; plain http only on loopback, such as http://127.0.0.1:8400")
    }
}

/// Whether a plain http URL stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && local
}
