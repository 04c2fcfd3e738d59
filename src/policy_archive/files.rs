//! The files of a policy, and their compressed form.

use std::io::{Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes of the files of one policy. One file has at most
/// [`rolecall_core::base::limits::POLICY_FILE_BYTES_MAX`].
const FILES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of the compressed form. A policy with 1,000 accounts needs about 20 KiB.
const COMPRESSED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a file is to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A file of `access`.
    Access,
    /// A file that an access file names.
    Referenced,
    /// As [`FileKind::Referenced`], with a secret. Its digest is kept in place of its text.
    Secret,
}

/// A file of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Path below the folder that all files of the policy share.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Its text.
    pub text: String,
}

/// The files of a policy, in the order in which they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFiles {
    files: Vec<KeptFile>,
}

/// Why the files of a policy cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPolicyFiles {
    /// They are too large.
    #[error(
        "the files of the policy are larger than {} MiB, or than {} MiB when compressed",
        FILES_BYTES_MAX >> 20,
        COMPRESSED_BYTES_MAX >> 20
    )]
    TooLarge,
    /// Not compressed, or not the expected JSON.
    #[error("the kept files cannot be read")]
    Malformed(#[source] rolecall_core::base::BoxError),
}

impl PolicyFiles {
    /// The files with these paths, kinds and texts.
    pub fn new(read: Vec<(PathBuf, FileKind, String)>) -> Self {
        let paths: Vec<PathBuf> = read.iter().map(|(path, _, _)| normal(path)).collect();
        let shared = shared_folder(&paths);
        let files = paths.iter().zip(read);
        let files = files.map(|(path, (_, kind, text))| KeptFile {
            path: path
                .strip_prefix(&shared)
                .unwrap_or(path)
                .to_string_lossy()
                .into_owned(),
            kind,
            text,
        });
        Self {
            files: files.collect(),
        }
    }

    /// The files.
    pub fn files(&self) -> &[KeptFile] {
        &self.files
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }

    /// SHA-256 of all files, hexadecimal: the digest of the policy.
    pub fn digest(&self) -> String {
        digest(self.files.iter().map(|file| file.text.as_bytes()))
    }

    /// The compressed form.
    ///
    /// # Errors
    /// [`InvalidPolicyFiles::TooLarge`].
    pub(super) fn compress(&self) -> Result<Vec<u8>, InvalidPolicyFiles> {
        if self.bytes() > FILES_BYTES_MAX {
            return Err(InvalidPolicyFiles::TooLarge);
        }
        let malformed = |error: std::io::Error| InvalidPolicyFiles::Malformed(error.into());
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        serde_json::to_writer(&mut encoder, self).map_err(|error| malformed(error.into()))?;
        encoder.flush().map_err(malformed)?;
        let compressed = encoder.finish().map_err(malformed)?;
        match compressed.len() > COMPRESSED_BYTES_MAX {
            true => Err(InvalidPolicyFiles::TooLarge),
            false => Ok(compressed),
        }
    }

    /// Reads the compressed form.
    ///
    /// # Errors
    /// [`InvalidPolicyFiles`].
    pub(super) fn decompress(compressed: &[u8]) -> Result<Self, InvalidPolicyFiles> {
        // Escaped text has up to six bytes for one.
        let bound = FILES_BYTES_MAX as u64 * 2;
        let mut json = Vec::new();
        let mut decoder = ZlibDecoder::new(compressed).take(bound + 1);
        decoder
            .read_to_end(&mut json)
            .map_err(|error| InvalidPolicyFiles::Malformed(error.into()))?;
        if json.len() as u64 > bound {
            return Err(InvalidPolicyFiles::TooLarge);
        }
        serde_json::from_slice(&json).map_err(|error| InvalidPolicyFiles::Malformed(error.into()))
    }
}

impl KeptFile {
    /// The path, if it stays below the folder to which it is relative.
    pub fn relative_path(&self) -> Option<&Path> {
        let path = Path::new(&self.path);
        let is_normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        let is_relative = path.components().all(is_normal) && !self.path.is_empty();
        is_relative.then_some(path)
    }
}

/// SHA-256 over all parts, each preceded by its length; hexadecimal.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

/// The absolute path without `.` and `..`. Links are not followed.
fn normal(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Prefix(_) | Component::RootDir => normal.push(part),
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            Component::Normal(name) => normal.push(name),
        }
    }
    normal
}

/// The deepest folder that contains all of these files.
fn shared_folder(paths: &[PathBuf]) -> PathBuf {
    let mut folders = paths.iter().filter_map(|path| path.parent());
    let Some(first) = folders.next() else {
        return PathBuf::new();
    };
    let mut shared = first;
    for folder in folders {
        while !folder.starts_with(shared)
            && let Some(parent) = shared.parent()
        {
            shared = parent;
        }
    }
    shared.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(read: &[(&str, &str)]) -> PolicyFiles {
        let read = read.iter();
        let read = read.map(|(path, text)| ((*path).into(), FileKind::Access, (*text).to_owned()));
        PolicyFiles::new(read.collect())
    }

    #[test]
    fn paths_are_relative_to_the_shared_folder() {
        for (read, wanted) in [
            (&["/etc/rolecall/access.toml"][..], &["access.toml"][..]),
            (
                &[
                    "/etc/rolecall/a/one.toml",
                    "/etc/rolecall/a/../policies/p.json",
                ],
                &["a/one.toml", "policies/p.json"],
            ),
            (
                &["/etc/rolecall/one.toml", "/etc/rolecallx/two.toml"],
                &["rolecall/one.toml", "rolecallx/two.toml"],
            ),
            (&["/a.toml", "/../../b/c.toml"], &["a.toml", "b/c.toml"]),
        ] {
            let read: Vec<_> = read.iter().map(|path| (*path, "")).collect();
            let kept = files(&read);
            let paths: Vec<&str> = kept.files().iter().map(|file| file.path.as_str()).collect();
            assert_eq!(paths, wanted);
            assert!(
                kept.files()
                    .iter()
                    .all(|file| file.relative_path().is_some())
            );
        }
    }

    #[test]
    fn compressed_files_are_restored() {
        let text = "name = \"ünïcode \u{202e}\u{0}\"\r\n".repeat(1_000);
        let kept = files(&[("/p/a.toml", &text), ("/p/b.toml", "")]);
        let compressed = kept.compress().unwrap();
        assert!(compressed.len() < 1_000, "{}", compressed.len());
        assert_eq!(PolicyFiles::decompress(&compressed).unwrap(), kept);
        assert_eq!(kept.digest().len(), 64);
        // The length of each part counts, and the order.
        assert_ne!(
            files(&[("/p/a", "x"), ("/p/b", "yz")]).digest(),
            files(&[("/p/a", "xy"), ("/p/b", "z")]).digest()
        );
    }

    #[test]
    fn damaged_and_huge_forms_are_rejected() {
        let compressed = files(&[("/p/a.toml", "text")]).compress().unwrap();
        for damaged in [&compressed[..compressed.len() / 2], b"", b"{}"] {
            let read = PolicyFiles::decompress(damaged);
            assert!(matches!(read, Err(InvalidPolicyFiles::Malformed(_))));
        }
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..=FILES_BYTES_MAX * 2 / zeros.len() {
            bomb.write_all(&zeros).unwrap();
        }
        let read = PolicyFiles::decompress(&bomb.finish().unwrap());
        assert!(matches!(read, Err(InvalidPolicyFiles::TooLarge)));
        // Text that does not compress.
        let mut state = 1u32;
        let mut noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(33 + u8::try_from((state >> 24) % 90).unwrap())
        };
        let noise: String = (0..COMPRESSED_BYTES_MAX * 3 / 2).map(&mut noise).collect();
        let kept = files(&[("/p/a.toml", &noise)]);
        assert!(matches!(kept.compress(), Err(InvalidPolicyFiles::TooLarge)));
    }

    #[test]
    fn paths_that_leave_the_folder_are_not_used() {
        for path in ["", "/etc/passwd", "../x", "a/../../x", "./a"] {
            let file = KeptFile {
                path: path.to_owned(),
                kind: FileKind::Access,
                text: String::new(),
            };
            assert_eq!(file.relative_path(), None, "{path}");
        }
    }
}
