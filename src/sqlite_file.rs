//! A SQLite database file with its `-wal` and `-shm`, accessible to its owner only, and opened by SQLite only.
//!
//! SQLite holds POSIX advisory locks on the database and on `-shm`. A process loses all of its locks on a file as soon
//! as it closes any descriptor of that file (<https://sqlite.org/howtocorrupt.html>, 2.2). Without the locks, another
//! process assumes that it is the last user and deletes `-wal`. This module therefore uses only functions that take a
//! path: `stat`, `chmod`, `statvfs`. The `-wal` file carries no locks; [`crate::audit`] may open it to flush it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Minimum free space in bytes; a tenth of the file system, if that is less. The WAL grows to 4 MiB before it is
/// written back, and more while a long read is active.
const SPACE_MIN: u64 = 64 * 1024 * 1024;
const SPACE_MIN_SHARE: u64 = 10;

/// The limit of the kernel.
const SYMLINKS_MAX: usize = 40;

/// Held while a new file is created and its descriptor closed, so that no other thread opens the database in between.
static CREATING: Mutex<()> = Mutex::new(());

/// An existing database file, with its inode at the time it was opened.
#[derive(Clone, Debug)]
pub(crate) struct SqliteFile {
    /// Path as configured.
    name: PathBuf,
    /// Path without symbolic links, from which SQLite derives the names of `-wal` and `-shm`.
    path: PathBuf,
    inode: Inode,
}

/// Space of a file system, in bytes.
struct Space {
    free: u64,
    total: u64,
}

/// Device and inode number of a file.
type Inode = (u64, u64);

/// Why a database file cannot be used, or cannot be used any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// The file was deleted, moved or replaced. Its content is lost when the last process closes it.
    #[error(
        "the database file {0} was deleted or replaced while it was in use; hint: restore the original file, or restart rolecalld"
    )]
    Replaced(PathBuf),
    /// The file system is nearly full. Requests are rejected before writes fail.
    #[error(
        "the file system of the database file {path} is nearly full: {free} bytes are free, {least} are required; hint: free disk space, or move the database"
    )]
    Full {
        /// Path of the database file.
        path: PathBuf,
        free: u64,
        /// Required free bytes.
        least: u64,
    },
    /// Other users can access the file, and its mode cannot be changed.
    #[error(
        "other users can access the database file {path} (mode {mode:04o}), and its mode cannot be changed; hint: as its owner, run chmod 600 {path}"
    )]
    Open {
        /// Path of the database file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
    /// An I/O error.
    #[error("cannot use the database file {path}")]
    Io {
        /// Path of the database file.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
}

impl SqliteFile {
    /// Creates the file with mode 0600 unless it exists, and removes permissions of group and others from all three
    /// files.
    ///
    /// # Errors
    /// [`FileFault`].
    pub(crate) fn prepare(name: &Path) -> Result<Self, FileFault> {
        let failed = |source| FileFault::Io {
            path: name.to_owned(),
            source,
        };
        create_if_missing(name).map_err(failed)?;
        let path = name.canonicalize().map_err(failed)?;
        // The database first: SQLite creates the other files with its mode.
        for suffix in ["", "-wal", "-shm"] {
            make_private(&beside(&path, suffix))?;
        }
        let metadata = path.metadata().map_err(failed)?;
        if metadata.nlink() > 1 {
            tracing::warn!(
                file = %path.display(),
                "the database file has several hard links; hint: keep one, because SQLite can lose transactions if a database is used under two names"
            );
        }
        Ok(Self {
            name: name.to_owned(),
            path,
            inode: inode(&metadata),
        })
    }

    /// Checks that there is enough free space for the gateway to keep running while an operator frees more.
    ///
    /// # Errors
    /// [`FileFault::Full`], [`FileFault::Io`].
    pub(crate) fn has_space(&self) -> Result<(), FileFault> {
        let Space { free, total } = space(&self.path).map_err(|source| FileFault::Io {
            path: self.path.clone(),
            source,
        })?;
        let least = SPACE_MIN.min(total / SPACE_MIN_SHARE);
        if free < least {
            return Err(FileFault::Full {
                path: self.path.clone(),
                free,
                least,
            });
        }
        Ok(())
    }

    /// Path of the database, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the WAL.
    pub(crate) fn wal(&self) -> PathBuf {
        beside(&self.path, "-wal")
    }

    /// Checks that the configured path still leads to the file that was opened.
    ///
    /// # Errors
    /// [`FileFault::Replaced`], [`FileFault::Io`].
    pub(crate) fn is_in_place(&self) -> Result<(), FileFault> {
        expect(&self.name, self.inode)
    }

    /// Checks that `-wal` is still the file that was opened.
    ///
    /// # Errors
    /// As [`SqliteFile::is_in_place`].
    pub(crate) fn is_wal_in_place(&self, opened: &File) -> Result<(), FileFault> {
        let path = self.wal();
        match opened.metadata() {
            Ok(metadata) => expect(&path, inode(&metadata)),
            Err(source) => Err(FileFault::Io { path, source }),
        }
    }
}

/// Whether two paths are hard links to the same file. SQLite would keep a `-wal` for each of them.
pub(crate) fn is_hard_linked(one: &Path, other: &Path) -> bool {
    let known = |name: &Path| Some((name.canonicalize().ok()?, inode(&name.metadata().ok()?)));
    match (known(one), known(other)) {
        (Some((one, inode)), Some((other, same))) => one != other && inode == same,
        (None, _) | (_, None) => false,
    }
}

/// Free bytes in the file system of this file, for this user.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    space(path).ok().map(|space| space.free)
}

fn space(path: &Path) -> io::Result<Space> {
    let answer = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(answer.f_frsize);
    Ok(Space {
        free: bytes(answer.f_bavail),
        total: bytes(answer.f_blocks),
    })
}

fn expect(path: &Path, opened: Inode) -> Result<(), FileFault> {
    match path.metadata() {
        Ok(metadata) if inode(&metadata) == opened => Ok(()),
        Ok(_) => Err(FileFault::Replaced(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(FileFault::Replaced(path.to_owned()))
        }
        Err(source) => Err(FileFault::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn inode(metadata: &Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates an empty file of mode 0600, unless it exists.
fn create_if_missing(name: &Path) -> io::Result<()> {
    let _alone = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut target = name.to_owned();
    // `O_EXCL` treats a symbolic link as an existing file.
    for _ in 0..SYMLINKS_MAX {
        let Ok(next) = fs::read_link(&target) else {
            break;
        };
        target = target
            .parent()
            .map_or_else(|| next.clone(), |folder| folder.join(&next));
    }
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&target);
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn make_private(path: &Path) -> Result<(), FileFault> {
    let mode = match path.metadata() {
        Ok(metadata) => metadata.mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(FileFault::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o7700)) {
        Ok(()) => {
            tracing::warn!(
                file = %path.display(),
                mode = format!("{mode:04o}"),
                "other users could access the database file; their permissions were removed"
            );
            Ok(())
        }
        // SQLite removes `-wal` and `-shm` when the last process closes the database.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(FileFault::Open {
            path: path.to_owned(),
            mode,
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn new_file_is_private_and_existing_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        SqliteFile::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, "content").unwrap();
        let before = path.metadata().unwrap().atime_nsec();
        SqliteFile::prepare(&path).unwrap();
        assert_eq!(path.metadata().unwrap().atime_nsec(), before);
        assert_eq!(fs::read(&path).unwrap(), b"content");
    }

    #[test]
    fn dangling_symlink_creates_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link.db"), folder.path().join("real.db"));
        symlink("real.db", &link).unwrap();
        let file = SqliteFile::prepare(&link).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(
            file.wal(),
            path.canonicalize().unwrap().with_file_name("real.db-wal")
        );
    }

    #[test]
    fn permissions_of_others_are_removed_from_all_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.db", "a.db-wal", "a.db-shm"] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o664)).unwrap();
        }
        SqliteFile::prepare(&folder.path().join("a.db")).unwrap();
        for name in ["a.db", "a.db-wal", "a.db-shm"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn deleted_or_replaced_file_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let file = SqliteFile::prepare(&path).unwrap();
        file.is_in_place().unwrap();
        fs::rename(&path, &away).unwrap();
        assert!(matches!(file.is_in_place(), Err(FileFault::Replaced(_))));
        fs::write(&path, "").unwrap();
        assert!(matches!(file.is_in_place(), Err(FileFault::Replaced(_))));
        fs::rename(&away, &path).unwrap();
        file.is_in_place().unwrap();
    }

    #[test]
    fn hard_links_are_detected_and_symlinks_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        SqliteFile::prepare(&name("a.db")).unwrap();
        symlink("a.db", name("soft.db")).unwrap();
        fs::hard_link(name("a.db"), name("hard.db")).unwrap();
        assert!(is_hard_linked(&name("a.db"), &name("hard.db")));
        assert!(!is_hard_linked(&name("a.db"), &name("soft.db")));
        assert!(!is_hard_linked(&name("a.db"), &name("a.db")));
        assert!(!is_hard_linked(&name("a.db"), &name("none.db")));
    }
}
