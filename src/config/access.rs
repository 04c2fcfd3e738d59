//! The access files: `*.toml` files and directories of them, read together as one policy.

use std::path::{Path, PathBuf};

use rolecall_core::access::{Files, Policy, PolicyContext, ProviderFacts, Source};
use rolecall_core::limits;
use sha2::{Digest as _, Sha256};

use super::{LoadError, Settings, read_text};

/// Which files hold the access policy.
#[derive(Clone, Debug)]
pub struct AccessFiles {
    places: Vec<PathBuf>,
}

/// Files that a policy refers to, relative to the file that does.
struct Beside;

impl Files for Beside {
    fn read(&self, relative_to: &Path, path: &str) -> Result<String, String> {
        let folder = relative_to.parent().unwrap_or(Path::new("."));
        std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string())
    }
}

impl AccessFiles {
    /// Files or directories.
    pub fn new(places: Vec<PathBuf>) -> Self {
        Self { places }
    }

    /// Every file there is now, in order: as listed, and by name within a directory.
    ///
    /// # Errors
    /// [`LoadError::Unreadable`].
    pub fn files(&self) -> Result<Vec<PathBuf>, LoadError> {
        let mut files = Vec::new();
        for place in &self.places {
            if place.is_dir() {
                let unreadable = |source| LoadError::Unreadable {
                    path: place.clone(),
                    source,
                };
                let entries = std::fs::read_dir(place)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(unreadable)?;
                let mut found: Vec<PathBuf> = entries
                    .into_iter()
                    .map(|entry| entry.path())
                    .filter(|path| {
                        path.extension()
                            .is_some_and(|extension| extension == "toml")
                    })
                    .collect();
                found.sort();
                files.append(&mut found);
            } else {
                files.push(place.clone());
            }
        }
        Ok(files)
    }

    /// Reads and parses them under the rest of the configuration; also the digest of what was read.
    ///
    /// # Errors
    /// [`LoadError`], with every mistake of every file.
    pub fn load(&self, settings: &Settings) -> Result<(Policy, String), LoadError> {
        let mut sources = Vec::new();
        for path in self.files()? {
            let text = read_bounded(&path)?;
            sources.push(Source { path, text });
        }
        let digest = digest(sources.iter().map(|source| source.text.as_bytes()));
        let providers: Vec<ProviderFacts> = settings
            .providers
            .iter()
            .map(|provider| ProviderFacts {
                id: provider.id.clone(),
                title: provider.title.clone(),
                domains: provider.believed_domains(),
            })
            .collect();
        let context = PolicyContext {
            partition: settings.aws.partition,
            providers: &providers,
            files: &Beside,
        };
        let policy = Policy::parse(&sources, &context)
            .map_err(|errors| LoadError::Mistakes(errors.into_vec()))?;
        Ok((policy, digest))
    }
}

fn read_bounded(path: &Path) -> Result<String, LoadError> {
    let size = std::fs::metadata(path)
        .map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?
        .len();
    if usize::try_from(size).map_or(true, |size| size > limits::POLICY_FILE_BYTES_MAX) {
        let source = std::io::Error::other(format!(
            "larger than {} bytes",
            limits::POLICY_FILE_BYTES_MAX
        ));
        return Err(LoadError::Unreadable {
            path: path.to_owned(),
            source,
        });
    }
    read_text(path)
}

/// SHA-256 over all parts, each with its length, hexadecimal.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
