//! Reads the top level of `rolecall.toml`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rolecall_core::aws::Partition;
use rolecall_core::config_file::{Document, Findings, Reader, Value};
use rolecall_core::record::rate_limit::RateLimits;
use url::{Host, Url};

use super::provider::{self, Providers};
use super::secret_ref::{self, Secrets};
use super::{AccessFiles, Settings, clients, egress, issuer, listen, rate_limits, sections};
use crate::database::DatabaseUrl;

/// The result of reading the file.
pub struct Read {
    /// The settings; `None` if a required value is missing or invalid.
    pub settings: Option<Settings>,
    /// The location of the access files. Also set if the settings are incomplete, so that errors in the access files
    /// are reported in the same run.
    pub access: Option<AccessFiles>,
    /// Errors and warnings.
    pub findings: Findings,
}

/// Sections reserved for later versions. They cause a warning, not an error.
const RESERVED_SECTIONS: [&str; 2] = ["administrator", "workload"];

/// Parses the text of the file at `path`.
pub fn settings(path: &Path, text: &str, folder: &Path) -> Read {
    let document = Document::parse(path, text);
    let root = document.root();
    let (settings, access) = read(&root, folder);
    root.done();
    // If the text is not valid TOML, values are unreliable, and so would be errors in the access files.
    let access = access.filter(|_| document.is_valid_toml());
    Read {
        settings,
        access,
        findings: document.into_findings(),
    }
}

fn read(root: &Reader<'_>, folder: &Path) -> (Option<Settings>, Option<AccessFiles>) {
    let public_url = public_url(root);
    let paths = access_paths(root, folder);
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
    let people = sections::audit(root.table("audit"));
    let lifetimes = sections::session(root.table("session"));
    let (clients, labels) = clients::clients(root.table("clients"));
    let issuer = issuer::section(root, folder);
    let aws = root
        .required("aws")
        .and_then(|value| value.table("[aws]"))
        .and_then(|section| {
            limits.sts_rate = rate_limits::sts_rate(&section);
            sections::aws(section).map(|aws| aws.settings)
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
    for later in RESERVED_SECTIONS {
        if let Some(value) = root.value(later) {
            value.spot().warning(
                format!("`{later}` has no effect in this version"),
                "remove the section, or keep it for a later version",
            );
        }
    }
    let context = (folder, Secrets::Read);
    let providers = providers(root, public_url.clone(), partition, context);
    let access = paths.map(|paths| AccessFiles {
        paths,
        partition,
        providers: providers.facts,
        trusted_proxies: listen.trusted_proxies.clone(),
    });
    let complete = || {
        let (store, sealing_keys) = store?;
        let public_url = public_url?;
        let aws = aws?;
        let issuer = issuer?;
        Some(Settings {
            start_urls: labels.start_urls(&public_url, aws.partition),
            listen,
            store,
            sealing_keys,
            database: database?,
            people,
            lifetimes,
            clients,
            limits,
            issuer_url: issuer.elsewhere(Some(&public_url)),
            issuer_keys: issuer.keys,
            public_url,
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

/// Reads `[[provider]]`. If the public URL is missing or invalid, a placeholder is used, so that the other errors are
/// found in the same run.
pub fn providers(
    root: &Reader<'_>,
    public_url: Option<Url>,
    partition: Partition,
    (folder, secrets): (&Path, Secrets),
) -> Providers {
    let named = public_url.or_else(|| Url::parse("https://unnamed.invalid").ok());
    let context = provider::ProviderContext {
        public_url: named.as_ref(),
        folder,
        partition,
        secrets,
    };
    provider::providers(root, &context)
}

/// Reads `public_url`.
pub fn public_url(root: &Reader<'_>) -> Option<Url> {
    let value = root.required("public_url")?;
    let url = value.parse_with(parse_public_url)?;
    Some(url.value)
}

/// Reads `access`: paths relative to the folder of the configuration file.
pub fn access_paths(root: &Reader<'_>, folder: &Path) -> Option<Vec<PathBuf>> {
    let value = root.required("access")?;
    let list = value.list()?;
    if list.is_empty() {
        value
            .spot()
            .error("no access files", "write access = [\"access.toml\"]");
    }
    let paths: Vec<PathBuf> = list
        .iter()
        .filter_map(Value::string)
        .map(|path| folder.join(path.value))
        .collect();
    (!paths.is_empty()).then_some(paths)
}

/// Reads `[database]`; a SQLite path is relative to `folder`.
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
            "the database URL contains a password, so this file is a secret",
            "remove the password from the URL, and set password = { file = \"…\" }",
        );
    }
    let url = match password {
        None => url,
        // Errors of the secret have been reported.
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

pub fn parse_public_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text)
        .map_err(|_| "write the URL that users open, such as https://sso.example.com")?;
    if url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("write only scheme, host and port; AWS clients do not support a path");
    }
    if url.scheme() == "https" || is_loopback(&url) {
        Ok(url)
    } else {
        Err("use https; http is allowed only on loopback, such as http://127.0.0.1:8400")
    }
}

/// Whether a URL is plain HTTP to the loopback interface.
pub(super) fn is_loopback(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "http" && local
}
