//! Reads `rolecall.toml` and the access files into types. Every error of every file is reported in one run.
//!
//! Each adapter owns the type of its own section and does not depend on this module, which fills all of them. Secrets
//! are never inline: they are read from a file or an environment variable.

mod access;
mod clients;
mod egress;
mod issuer;
mod listen;
mod offline;
mod oidc;
mod provider;
mod provider_files;
mod rate_limits;
mod read;
mod saml;
mod secret_ref;
mod sections;

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use rolecall_core::base::limits;
use rolecall_core::clients::StartUrls;
use rolecall_core::config_file::{ConfigError, Document, Reader};
use rolecall_core::record::rate_limit::RateLimits;
use rolecall_core::session::{ClientRules, Lifetimes};
use url::Url;

use crate::aws::AwsSettings;
use crate::database::DatabaseUrl;
use crate::egress::Egress;
use crate::idp::ProviderSettings;
use crate::store::StoreSettings;

pub use access::{AccessFiles, AccessRead};
pub use issuer::{InvalidIssuerUrl, IssuerSettings};
pub use listen::{Listen, Tls};
pub use offline::{LoadedOffline, OfflineSettings, load_offline, offline_settings};
pub use provider_files::{ProviderFiles, ProviderSource, ProvidersRead};
pub use secret_ref::secret_file_error;
pub use sections::SealingKey;

/// The contents of `rolecall.toml`.
#[derive(Debug)]
pub struct Settings {
    /// `public_url`: the gateway's own origin.
    pub public_url: Url,
    /// `[listen]`: addresses, TLS and trusted proxies.
    pub listen: Listen,
    /// `[store]`: where sessions and counters are kept.
    pub store: StoreSettings,
    /// `[store] sealing_keys`: the first one seals records, all of them open records.
    pub sealing_keys: Vec<SealingKey>,
    /// `[database]`: where the audit trail is kept.
    pub database: DatabaseUrl,
    /// `[audit] people`: how long a person's last sign-in is kept. Zero: not at all.
    pub people: TimeDelta,
    /// `[session]`
    pub lifetimes: Lifetimes,
    /// `[clients]`: device flow and lifetimes of tokens.
    pub clients: ClientRules,
    /// `[limits]` and `[aws] sts_rate`
    pub limits: RateLimits,
    /// The start URLs that AWS clients use for this installation, from `public_url`, `[clients] start_url_label` and
    /// `former_labels`.
    pub start_urls: StartUrls,
    /// `[issuer] keys`: directory of the signing keys.
    pub issuer_keys: PathBuf,
    /// `[issuer] url`, unless it is `public_url`: where AWS finds the documents of the issuer of tokens.
    pub issuer_url: Option<Url>,
    /// `[aws]`: partition, Regions and endpoints.
    pub aws: AwsSettings,
    /// `[egress]`: proxy and CA certificates for outbound connections.
    pub egress: Egress,
    /// `[[provider]]`
    pub providers: Vec<ProviderSettings>,
    /// The files that the `[[provider]]` sections name.
    pub provider_files: Vec<ProviderFiles>,
    /// `[portal] contact`
    pub contact: Option<String>,
    /// `access`: the files of the access policy.
    pub access: AccessFiles,
}

impl Settings {
    /// `iss` of the tokens for AWS, at which AWS fetches their keys.
    pub fn issuer(&self) -> &Url {
        self.issuer_url.as_ref().unwrap_or(&self.public_url)
    }
}

/// A complete configuration.
#[derive(Debug)]
pub struct Loaded {
    /// `rolecall.toml`
    pub settings: Settings,
    /// The policy of the access files.
    pub access: AccessRead,
    /// Reads the files of the providers again.
    pub provider_source: ProviderSource,
    /// SHA-256 of all files, hexadecimal.
    pub digest: String,
    /// Valid settings that are probably unintended.
    pub warnings: Vec<ConfigError>,
}

/// An error in a configuration file.
#[derive(Debug)]
pub enum ConfigFileError {
    /// A file cannot be read.
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// An error at a position in a file.
    Invalid(ConfigError),
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                let path = path.display();
                write!(f, "{path}: cannot read file: {source}")?;
                match hint_for(source.kind()) {
                    Some(hint) => write!(f, "\n  hint: {hint}"),
                    None => Ok(()),
                }
            }
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

/// The hint for a configuration file that cannot be read.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum of the standard library is non-exhaustive"
)]
fn hint_for(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => Some(
            "set --config to the path of rolecall.toml; paths in it are relative to its folder",
        ),
        ErrorKind::PermissionDenied => {
            Some("grant read permission to the user that runs the gateway")
        }
        ErrorKind::InvalidData => Some("save it as UTF-8 text"),
        ErrorKind::FileTooLarge => Some("split the file: `access` accepts several files"),
        _ => None,
    }
}

/// All errors of a configuration, in the order of files and lines.
#[derive(Debug)]
pub struct LoadError(Vec<ConfigFileError>);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.0 {
            writeln!(f, "{error}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 error in the configuration"),
            count => write!(f, "{count} errors in the configuration"),
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    /// Number of errors.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The errors of all files, in the order in which they were read.
    pub fn errors(&self) -> &[ConfigFileError] {
        &self.0
    }

    fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self(vec![ConfigFileError::Unreadable {
            path: path.to_owned(),
            source,
        }])
    }

    fn in_files(errors: Vec<ConfigError>) -> Self {
        Self(errors.into_iter().map(ConfigFileError::Invalid).collect())
    }
}

/// Reads a configuration: the file at `path` and the access files it names.
///
/// # Errors
/// [`LoadError`], with all errors of all files.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    load_with_access(path, &[])
}

/// As [`load`], with other access files than those the configuration names, unless `access` is empty.
///
/// # Errors
/// [`LoadError`], with all errors of all files.
pub fn load_with_access(path: &Path, access: &[PathBuf]) -> Result<Loaded, LoadError> {
    let text = read_text(path)?;
    let mut read = read::settings(path, &text, folder(path));
    if let Some(files) = read.access.as_mut().filter(|_| !access.is_empty()) {
        access.clone_into(&mut files.paths);
    }
    let mut errors = LoadError::in_files(read.findings.errors).0;
    let access = read.access.map(|access| access.load()).transpose();
    match (read.settings, access) {
        (Some(settings), Ok(Some(access))) if errors.is_empty() => {
            let mut warnings = read.findings.warnings;
            warnings.extend(access.policy.warnings().iter().cloned());
            let digest = access::digest([text.as_bytes(), access.digest.as_bytes()]);
            Ok(Loaded {
                provider_source: ProviderSource::new(path, text, &settings),
                settings,
                digest,
                access,
                warnings,
            })
        }
        (_, Ok(_)) => Err(LoadError(errors)),
        (_, Err(more)) => {
            errors.extend(more.0);
            Err(LoadError(errors))
        }
    }
}

/// The folder to which paths in the file at `path` are relative.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Reads only `[issuer]`, and `public_url` if it exists, of the file at `path`. The other sections can be incomplete.
///
/// # Errors
/// [`LoadError`].
pub fn issuer(path: &Path) -> Result<IssuerSettings, LoadError> {
    read_one(path, issuer::settings)
}

/// Reads only `[egress]` of the file at `path`. The other sections can be incomplete.
///
/// # Errors
/// [`LoadError`].
pub fn egress(path: &Path) -> Result<Egress, LoadError> {
    read_one(path, |root, folder| Some(egress::egress(root, folder)))
}

/// Reads only `[database]` of the file at `path`. The other sections can be incomplete.
///
/// # Errors
/// [`LoadError`].
pub fn database(path: &Path) -> Result<DatabaseUrl, LoadError> {
    read_one(path, read::database)
}

/// Reads only `[database]`, and `[audit] people`, of the file at `path`. The other sections can be incomplete.
///
/// # Errors
/// [`LoadError`].
pub fn recorded_people(path: &Path) -> Result<(DatabaseUrl, TimeDelta), LoadError> {
    read_one(path, |root, folder| {
        let kept = sections::audit(root.table("audit"));
        Some((read::database(root, folder)?, kept))
    })
}

fn read_one<T>(
    path: &Path,
    read: impl FnOnce(&Reader<'_>, &Path) -> Option<T>,
) -> Result<T, LoadError> {
    let text = read_text(path)?;
    let document = Document::parse(path, &text);
    let found = read(&document.root(), folder(path));
    let errors = document.into_findings().errors;
    found
        .filter(|_| errors.is_empty())
        .ok_or_else(|| LoadError::in_files(errors))
}

/// Reads a file of at most the maximum size of a configuration file.
///
/// # Errors
/// [`LoadError`], if it cannot be read.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    read_bounded(path).map_err(|source| LoadError::unreadable(path, source))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let bound = limits::POLICY_FILE_BYTES_MAX as u64;
    File::open(path)?
        .take(bound + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > bound {
        let message = format!("the file is larger than {bound} bytes");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
