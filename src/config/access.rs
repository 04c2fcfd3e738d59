//! The access files: `*.toml` files and directories of them, read together as one policy.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rolecall_core::access::{Files, Policy, PolicyContext, ProviderFacts, Source};
use rolecall_core::aws::Partition;
use sha2::{Digest as _, Sha256};

use super::{LoadError, folder, read_bounded, read_text};

/// Which files hold the access policy, and what they must know of the rest of the configuration.
#[derive(Clone, Debug)]
pub struct AccessFiles {
    /// Files or directories.
    pub(super) places: Vec<PathBuf>,
    /// Where all accounts are.
    pub(super) partition: Partition,
    /// Whom people may come from.
    pub(super) providers: Vec<ProviderFacts>,
    /// Whose machines report the addresses of their clients.
    pub(super) trusted_proxies: Vec<IpNet>,
}

/// A policy, and what it was read from.
#[derive(Debug)]
pub struct AccessRead {
    /// The policy.
    pub policy: Policy,
    /// SHA-256 of everything that was read, hexadecimal.
    pub digest: String,
    /// The files that the access files refer to, such as session policies.
    pub referred: Vec<PathBuf>,
}

/// Files that a policy refers to, relative to the file that does; remembers what was read.
#[derive(Default)]
struct Beside(RefCell<Vec<(PathBuf, String)>>);

impl Files for Beside {
    fn read(&self, relative_to: &Path, path: &str) -> Result<String, String> {
        let path = folder(relative_to).join(path);
        let text = read_bounded(&path).map_err(|error| error.to_string())?;
        self.0.borrow_mut().push((path, text.clone()));
        Ok(text)
    }
}

impl AccessFiles {
    /// Every access file there is now, in order: as listed, and by name within a directory.
    ///
    /// # Errors
    /// [`LoadError`], when a directory cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, LoadError> {
        let mut files = Vec::new();
        for place in &self.places {
            if place.is_dir() {
                let entries = std::fs::read_dir(place)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|source| LoadError::unreadable(place, source))?;
                let is_toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
                let mut found: Vec<PathBuf> = entries
                    .into_iter()
                    .map(|entry| entry.path())
                    .filter(is_toml)
                    .collect();
                found.sort();
                files.append(&mut found);
            } else {
                files.push(place.clone());
            }
        }
        Ok(files)
    }

    /// Reads and parses them.
    ///
    /// # Errors
    /// [`LoadError`], with every file that cannot be read, or else every mistake of every file.
    pub fn load(&self) -> Result<AccessRead, LoadError> {
        let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
        for path in self.files()? {
            match read_text(&path) {
                Ok(text) => sources.push(Source { path, text }),
                Err(error) => unreadable.extend(error.0),
            }
        }
        if !unreadable.is_empty() {
            return Err(LoadError(unreadable));
        }
        let beside = Beside::default();
        let context = PolicyContext {
            partition: self.partition,
            providers: &self.providers,
            files: &beside,
            trusted_proxies: &self.trusted_proxies,
        };
        let policy = Policy::parse(&sources, &context)
            .map_err(|errors| LoadError::in_files(errors.into_vec()))?;
        let referred = beside.0.into_inner();
        let texts = sources
            .iter()
            .map(|source| &source.text)
            .chain(referred.iter().map(|(_, text)| text));
        Ok(AccessRead {
            policy,
            digest: digest(texts.map(String::as_bytes)),
            referred: referred.into_iter().map(|(path, _)| path).collect(),
        })
    }
}

/// SHA-256 over all parts, each with its length, hexadecimal.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}
