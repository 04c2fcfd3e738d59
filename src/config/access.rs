//! The access files: `*.toml` files and directories of such files, read together as one policy.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rolecall_core::access::{Files, Policy, PolicyContext, PolicyFile, ProviderFacts};
use rolecall_core::aws::Partition;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::EmailDomain;

use super::secret_ref::{self, Secrets};
use super::{LoadError, folder, read_bounded, read_text};
pub(super) use crate::policy_archive::digest;
use crate::policy_archive::{FileKind, PolicyFiles};

/// The location of the access files, and the parts of the configuration they refer to.
#[derive(Clone, Debug)]
pub struct AccessFiles {
    /// Files or directories.
    pub(super) paths: Vec<PathBuf>,
    /// The AWS partition of all accounts.
    pub(super) partition: Partition,
    /// The configured identity providers.
    pub(super) providers: Vec<ProviderFacts>,
    /// `[listen] trusted_proxies`, which policies must not use as a network condition.
    pub(super) trusted_proxies: Vec<IpNet>,
}

/// A policy with the digest and the files it was read from.
#[derive(Debug)]
pub struct AccessRead {
    /// The policy of all files.
    pub policy: Policy,
    /// SHA-256 of all files, hexadecimal.
    pub digest: String,
    /// All files, for the archive.
    pub files: PolicyFiles,
    /// Files that the access files reference, such as session policies.
    pub referenced_files: Vec<PathBuf>,
}

/// Reads referenced files relative to the referencing file, and records them.
struct ReferencedFiles {
    secrets: Secrets,
    read: RefCell<Vec<(PathBuf, FileKind, String)>>,
}

impl Files for ReferencedFiles {
    fn read(&self, relative_to: &Path, path: &str) -> Result<String, String> {
        let path = folder(relative_to).join(path);
        let text = read_bounded(&path).map_err(|error| error.to_string())?;
        self.read
            .borrow_mut()
            .push((path, FileKind::Referenced, text.clone()));
        Ok(text)
    }

    fn read_secret(&self, relative_to: &Path, path: &str) -> Result<Option<SecretText>, String> {
        if self.secrets == Secrets::Skip {
            return Ok(None);
        }
        let path = folder(relative_to).join(path);
        let secret =
            secret_ref::from_file(&path).map_err(|(message, hint)| format!("{message}; {hint}"))?;
        // A digest is sufficient to detect changes, so there is no second copy of the secret.
        let read = digest([secret.expose().as_bytes()]);
        self.read.borrow_mut().push((path, FileKind::Secret, read));
        Ok(Some(secret))
    }
}

impl AccessFiles {
    /// The mail domains for which the identity providers are trusted, sorted, without duplicates.
    pub fn email_domains(&self) -> Vec<EmailDomain> {
        let domains = self.providers.iter().flat_map(|provider| &provider.domains);
        let domains: BTreeSet<&EmailDomain> = domains.collect();
        domains.into_iter().cloned().collect()
    }

    /// The configured files and directories.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// All access files that exist now: in the configured order, and by name within a directory.
    ///
    /// # Errors
    /// [`LoadError`], if a directory cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, LoadError> {
        let mut files = Vec::new();
        for path in &self.paths {
            if path.is_dir() {
                let entries = std::fs::read_dir(path)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|source| LoadError::unreadable(path, source))?;
                let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
                let mut found: Vec<PathBuf> = entries
                    .into_iter()
                    .map(|entry| entry.path())
                    .filter(is_toml)
                    .collect();
                found.sort();
                files.append(&mut found);
            } else {
                files.push(path.clone());
            }
        }
        Ok(files)
    }

    /// Reads and parses the access files.
    ///
    /// # Errors
    /// [`LoadError`], with every file that cannot be read, or otherwise all errors of all files.
    pub fn load(&self) -> Result<AccessRead, LoadError> {
        self.load_with(Secrets::Read)
    }

    /// As [`load`](Self::load), with or without the secrets to which the access files refer. The digest covers what is read.
    pub(super) fn load_with(&self, secrets: Secrets) -> Result<AccessRead, LoadError> {
        let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
        for path in self.files()? {
            match read_text(&path) {
                Ok(text) => sources.push(PolicyFile { path, text }),
                Err(error) => unreadable.extend(error.0),
            }
        }
        if !unreadable.is_empty() {
            return Err(LoadError(unreadable));
        }
        self.parse(sources, secrets)
    }

    /// Parses the texts of access files without the secrets to which they refer.
    ///
    /// # Errors
    /// [`LoadError`], with all errors of all files.
    pub fn parse_offline(&self, sources: &[PolicyFile]) -> Result<AccessRead, LoadError> {
        self.parse(sources.to_vec(), Secrets::Skip)
    }

    fn parse(&self, sources: Vec<PolicyFile>, secrets: Secrets) -> Result<AccessRead, LoadError> {
        let referenced = ReferencedFiles {
            secrets,
            read: RefCell::default(),
        };
        let context = PolicyContext {
            partition: self.partition,
            providers: &self.providers,
            files: &referenced,
            trusted_proxies: &self.trusted_proxies,
        };
        let policy = Policy::parse(&sources, &context)
            .map_err(|errors| LoadError::in_files(errors.into_vec()))?;
        let referenced = referenced.read.into_inner();
        let referenced_files = referenced.iter().map(|(path, _, _)| path.clone());
        let referenced_files = referenced_files.collect();
        let sources = sources.into_iter();
        let sources = sources.map(|file| (file.path, FileKind::Access, file.text));
        let files = PolicyFiles::new(sources.chain(referenced).collect());
        Ok(AccessRead {
            policy,
            digest: files.digest(),
            files,
            referenced_files,
        })
    }
}
