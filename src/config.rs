//! `rolecall.toml` and the access files, read once into types. Every mistake of every file is reported in one run.
//!
//! An adapter owns the type of its own section and knows nothing of this module, which fills them all. Secrets are
//! never inline: they come from a file or from the environment.

mod access;
mod provider;
mod read;
mod secret_ref;
mod sections;

use std::fmt;
use std::path::{Path, PathBuf};

use rolecall_core::access::Policy;
use rolecall_core::config_error::ConfigError;
use rolecall_core::session::Lifetimes;
use rolecall_core::toml_reader::{Document, Reader};
use url::Url;

use crate::audit::DatabaseUrl;
use crate::aws::AwsSettings;
use crate::idp::OidcSettings;
use crate::store::StoreSettings;

pub use access::AccessFiles;
pub use sections::{Listen, SealingKey, Tls};

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
    /// `[issuer] keys`
    pub issuer_keys: PathBuf,
    /// `[aws]`
    pub aws: AwsSettings,
    /// `[[provider]]`
    pub providers: Vec<OidcSettings>,
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
    pub policy: Policy,
    /// SHA-256 of everything that was read, hexadecimal.
    pub digest: String,
    /// What is valid but looks wrong.
    pub warnings: Vec<ConfigError>,
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum LoadError {
    /// A file cannot be read at all.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Everything that is wrong in the files, in order.
    Mistakes(Vec<ConfigError>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => write!(
                f,
                "{}: cannot be read: {source}\n  hint: name the file with --config, or create it from config/rolecall.toml",
                path.display()
            ),
            Self::Mistakes(mistakes) => {
                for mistake in mistakes {
                    writeln!(f, "{mistake}")?;
                }
                let count = mistakes.len();
                write!(
                    f,
                    "{count} {} in the configuration",
                    if count == 1 { "mistake" } else { "mistakes" }
                )
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    /// How many mistakes there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Unreadable { .. } => 1,
            Self::Mistakes(mistakes) => mistakes.len() as u64,
        }
    }
}

/// Reads a configuration: the file at `path` and the access files it names.
///
/// # Errors
/// [`LoadError`], with every mistake of every file.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let text = read_text(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let read = read::settings(path, &text, folder);
    let mut mistakes = read.findings.errors;
    let mut warnings = read.findings.warnings;
    let Some(settings) = read.settings else {
        return Err(LoadError::Mistakes(mistakes));
    };
    match settings.access.load(&settings) {
        Ok((policy, digest)) if mistakes.is_empty() => {
            warnings.extend(policy.warnings().iter().cloned());
            let digest = access::digest([text.as_bytes(), digest.as_bytes()]);
            Ok(Loaded {
                settings,
                policy,
                digest,
                warnings,
            })
        }
        Ok(_) => Err(LoadError::Mistakes(mistakes)),
        Err(LoadError::Mistakes(more)) => {
            mistakes.extend(more);
            Err(LoadError::Mistakes(mistakes))
        }
        Err(error @ LoadError::Unreadable { .. }) => Err(error),
    }
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
    let found = read(&document.root(), path.parent().unwrap_or(Path::new(".")));
    let mistakes = document.into_findings().errors;
    found
        .filter(|_| mistakes.is_empty())
        .ok_or(LoadError::Mistakes(mistakes))
}

fn read_text(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
