//! `rolecall.toml` and the access files, read once into types. Every mistake of every file is reported in one run.
//!
//! An adapter owns the type of its own section and knows nothing of this module, which fills them all. Secrets are
//! never inline: they come from a file or from the environment.

mod access;
mod clients;
mod egress;
mod listen;
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
pub use listen::{Listen, Tls};
pub use provider_files::{ProviderFiles, ProviderSource, ProvidersRead};
pub use secret_ref::complaint;
pub use sections::SealingKey;

/// Everything that `rolecall.toml` says.
#[derive(Debug)]
pub struct Settings {
    /// Our own origin.
    pub public_url: Url,
    /// `[listen]`
    pub listen: Listen,
    /// `[store]`
    pub store: StoreSettings,
    /// `[store] sealing_keys`: the first seals, all open.
    pub sealing_keys: Vec<SealingKey>,
    /// `[database]`
    pub database: DatabaseUrl,
    /// `[session]`
    pub lifetimes: Lifetimes,
    /// `[clients]`
    pub clients: ClientRules,
    /// `[limits]` and `[aws] sts_rate`
    pub limits: RateLimits,
    /// What AWS's clients call this installation: `public_url`, `[clients] start_url_label` and `former_labels`.
    pub start_urls: StartUrls,
    /// `[issuer] keys`
    pub issuer_keys: PathBuf,
    /// `[aws]`
    pub aws: AwsSettings,
    /// `[egress]`
    pub egress: Egress,
    /// `[[provider]]`
    pub providers: Vec<ProviderSettings>,
    /// The files that they name.
    pub provider_files: Vec<ProviderFiles>,
    /// `[portal] contact`
    pub contact: Option<String>,
    /// `access`
    pub access: AccessFiles,
}

/// A configuration that was read whole.
#[derive(Debug)]
pub struct Loaded {
    /// `rolecall.toml`
    pub settings: Settings,
    /// The access files.
    pub access: AccessRead,
    /// For reading the files of providers again.
    pub provider_source: ProviderSource,
    /// SHA-256 of everything that was read, hexadecimal.
    pub digest: String,
    /// What is valid but looks wrong.
    pub warnings: Vec<ConfigError>,
}

/// One thing that makes a configuration unusable.
#[derive(Debug)]
pub enum Mistake {
    /// A file cannot be read at all.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in a file.
    InFile(ConfigError),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                let path = path.display();
                write!(f, "{path}: cannot be read: {source}")?;
                match hint_for(source.kind()) {
                    Some(hint) => write!(f, "\n  hint: {hint}"),
                    None => Ok(()),
                }
            }
            Self::InFile(error) => error.fmt(f),
        }
    }
}

/// What to do about a file of the configuration that cannot be read.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is not ours, and open"
)]
fn hint_for(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => {
            Some("name rolecall.toml with --config; the paths in it are relative to its own folder")
        }
        ErrorKind::PermissionDenied => Some("the user the gateway runs as must be able to read it"),
        ErrorKind::InvalidData => Some("save it as UTF-8 text"),
        ErrorKind::FileTooLarge => Some("split it: `access` takes several files"),
        _ => None,
    }
}

/// Why a configuration cannot be used: everything that is wrong, in the order of the files and then of their lines.
#[derive(Debug)]
pub struct LoadError(Vec<Mistake>);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 mistake in the configuration"),
            count => write!(f, "{count} mistakes in the configuration"),
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    /// How many mistakes there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// What is wrong.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }

    fn unreadable(path: &Path, source: std::io::Error) -> Self {
        Self(vec![Mistake::Unreadable {
            path: path.to_owned(),
            source,
        }])
    }

    fn in_files(errors: Vec<ConfigError>) -> Self {
        Self(errors.into_iter().map(Mistake::InFile).collect())
    }
}

/// Reads a configuration: the file at `path` and the access files it names.
///
/// # Errors
/// [`LoadError`], with every mistake of every file.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    load_with_access(path, &[])
}

/// As [`load`], with other access files than the file at `path` names, where there are any.
///
/// # Errors
/// [`LoadError`], with every mistake of every file.
pub fn load_with_access(path: &Path, access: &[PathBuf]) -> Result<Loaded, LoadError> {
    let text = read_text(path)?;
    let mut read = read::settings(path, &text, folder(path));
    if let Some(files) = read.access.as_mut().filter(|_| !access.is_empty()) {
        access.clone_into(&mut files.places);
    }
    let mut mistakes = LoadError::in_files(read.findings.errors).0;
    let access = read.access.map(|access| access.load()).transpose();
    match (read.settings, access) {
        (Some(settings), Ok(Some(access))) if mistakes.is_empty() => {
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
        (_, Ok(_)) => Err(LoadError(mistakes)),
        (_, Err(more)) => {
            mistakes.extend(more.0);
            Err(LoadError(mistakes))
        }
    }
}

/// The folder that relative paths in the file at `path` are relative to.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Where the issuer's keys are, by the file at `path`; nothing else of it needs to be right yet.
///
/// # Errors
/// [`LoadError`].
pub fn issuer_keys(path: &Path) -> Result<PathBuf, LoadError> {
    read_one(path, read::issuer_keys)
}

/// Where the audit trail is, by the file at `path`; nothing else of it needs to be right yet.
///
/// # Errors
/// [`LoadError`].
pub fn database(path: &Path) -> Result<DatabaseUrl, LoadError> {
    read_one(path, read::database)
}

fn read_one<T>(
    path: &Path,
    read: impl FnOnce(&Reader<'_>, &Path) -> Option<T>,
) -> Result<T, LoadError> {
    let text = read_text(path)?;
    let document = Document::parse(path, &text);
    let found = read(&document.root(), folder(path));
    let mistakes = document.into_findings().errors;
    found
        .filter(|_| mistakes.is_empty())
        .ok_or_else(|| LoadError::in_files(mistakes))
}

/// Reads a text that is not larger than any configuration.
fn read_text(path: &Path) -> Result<String, LoadError> {
    read_bounded(path).map_err(|source| LoadError::unreadable(path, source))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let bound = limits::POLICY_FILE_BYTES_MAX as u64;
    File::open(path)?
        .take(bound + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > bound {
        let message = format!("it is larger than {bound} bytes");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
