//! The key directory on disk: modes 0700 and 0600, atomic writes, one writer at a time. A mounted Kubernetes Secret is
//! accepted as it is: files of mode 0440 behind the symbolic link `..data`; see [`super::permissions`].

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeyError;
use super::permissions::{FilePermissions, PermissionProblem, Process};
use crate::file;

const LOCK: &str = "keys.lock";
/// Maximum file size. The largest file is the index; a private RSA key takes 2 KiB.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A directory that only its owner can write to.
pub(super) struct Directory(PathBuf);

/// If root creates a file, changes its owner to the owner of the directory, so that the gateway can read it.
fn chown_to_directory_owner(made: &File, directory: &Path) -> io::Result<()> {
    let owner = directory.metadata()?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    fchown(made, Some(owner.uid()), Some(owner.gid()))
}

impl Directory {
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        match path.metadata() {
            Ok(metadata) => {
                let permissions = FilePermissions::of(path, &metadata);
                let trusted = permissions.check_directory(&Process::current());
                trusted.map_err(|reason| key_error(path, permissions, reason))?;
                Ok(Self(path.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(KeyError::Empty(path.to_owned()))
            }
            Err(source) => Err(KeyError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let made = DirBuilder::new().mode(0o700).create(path).and_then(|()| {
            let above = path.parent().filter(|above| !above.as_os_str().is_empty());
            chown_to_directory_owner(&File::open(path)?, above.unwrap_or(Path::new(".")))
        });
        match made {
            Ok(()) => Ok(Self(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
            Err(source) => Err(KeyError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether the file exists.
    ///
    /// # Errors
    /// [`KeyError::Io`], if this user has no permission.
    pub fn exists(&self, name: &str) -> Result<bool, KeyError> {
        let path = self.0.join(name);
        path.try_exists()
            .map_err(|source| KeyError::Io { path, source })
    }

    /// Excludes other writers until the file is dropped. Fails if others can access the directory.
    pub fn lock(&self) -> Result<File, KeyError> {
        let metadata = self.0.metadata().map_err(|source| KeyError::Io {
            path: self.0.clone(),
            source,
        })?;
        if metadata.mode() & 0o077 != 0 {
            let permissions = FilePermissions::of(&self.0, &metadata);
            return Err(key_error(&self.0, permissions, PermissionProblem::Open));
        }
        let path = self.0.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| chown_to_directory_owner(&file, &self.0).map(|()| file))
            .map_err(|source| KeyError::Io {
                path: path.clone(),
                source,
            })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(KeyError::Busy(self.0.clone())),
            Err(TryLockError::Error(source)) => Err(KeyError::Io { path, source }),
        }
    }

    /// Reads a file that only its owner can read, or, in a mounted Secret, a group of this process.
    pub fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let path = self.0.join(name);
        let read = || -> io::Result<(FilePermissions, Zeroizing<Vec<u8>>)> {
            let file = File::open(&path)?;
            let permissions = FilePermissions::of(&path, &file.metadata()?);
            let mut bytes = Zeroizing::new(Vec::new());
            file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
            Ok((permissions, bytes))
        };
        let (permissions, bytes) = read().map_err(|source| KeyError::Io {
            path: path.clone(),
            source,
        })?;
        let trusted = permissions.check_file(&Process::current());
        trusted.map_err(|reason| key_error(&path, permissions, reason))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(KeyError::TooLarge(path));
        }
        Ok(bytes)
    }

    /// Writes a file atomically and durably.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), KeyError> {
        let path = self.0.join(name);
        let chown = |file: &File| chown_to_directory_owner(file, &self.0);
        // The lock excludes other writers.
        file::replace_exclusively(&path, bytes, 0o600, chown)
            .map_err(|source| KeyError::Io { path, source })
    }

    /// Removes a file; a missing file is not an error.
    pub fn remove(&self, name: &str) -> Result<(), KeyError> {
        let path = self.0.join(name);
        file::remove_if_there(&path)
            .and_then(|()| File::open(&self.0)?.sync_all())
            .map_err(|source| KeyError::Io {
                path: path.clone(),
                source,
            })
    }
}

fn key_error(path: &Path, permissions: FilePermissions, reason: PermissionProblem) -> KeyError {
    let path = path.to_owned();
    match reason {
        PermissionProblem::Open => KeyError::Open {
            path,
            mode: permissions.mode,
        },
        PermissionProblem::OtherOwner => KeyError::OtherOwner {
            path,
            user: permissions.user,
        },
    }
}
