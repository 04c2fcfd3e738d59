//! Atomic and durable replacement of a file: the new content is written to a file of its own beside it, which is then
//! renamed. A reader finds the former or the new content, also after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Names that are tried for a file with new content. Interrupted runs can leave some behind.
const NAMES_MAX: u32 = 100;

/// Replaces the content of the file, or creates it. The new file has this mode, as far as the umask permits it. `prepare`
/// then sets permissions and owner, and is the last chance to fail. Several processes can replace the same file: each
/// writes to a file of its own.
///
/// # Errors
/// Those of the file system and of `prepare`. The file is then unchanged, and the new content is removed.
pub(crate) fn replace(
    path: &Path,
    content: &[u8],
    mode: u32,
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let (file, new) = at_free_name(path, |new| create(new, mode))?;
    complete(path, file, &new, content, prepare)
}

/// As [`replace`], for a caller that excludes other writers. Content that an interrupted run has left behind is removed,
/// because it can be secret.
///
/// # Errors
/// As [`replace`].
pub(crate) fn replace_exclusively(
    path: &Path,
    content: &[u8],
    mode: u32,
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove_if_there(&new)?;
    complete(path, create(&new, mode)?, &new, content, prepare)
}

/// Keeps the file under a second name too. A file that already has this name is replaced at the end, so that it is not
/// lost if an earlier step fails.
///
/// # Errors
/// Those of the file system. Both names are then unchanged.
pub(crate) fn keep_copy(path: &Path, copy: &Path) -> io::Result<()> {
    if is_same_file(path, copy) {
        return Ok(());
    }
    let linked = at_free_name(copy, |new| fs::hard_link(path, new));
    let ((), new) = linked.or_else(|_| copied(path, copy))?;
    let renamed = fs::rename(&new, copy);
    discard_unless(renamed.is_ok(), &new);
    renamed
}

/// Whether both names are links to one file. Renaming one to the other would then have no effect.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| {
        let found = fs::symlink_metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    identity(one).is_some_and(|found| identity(other) == Some(found))
}

/// Copies the file to a new one beside `copy`, for file systems without hard links.
fn copied(path: &Path, copy: &Path) -> io::Result<((), PathBuf)> {
    let (mut file, new) = at_free_name(copy, |new| create(new, 0o600))?;
    let written = File::open(path)
        .and_then(|mut former| io::copy(&mut former, &mut file))
        .and_then(|_| fs::metadata(path))
        .and_then(|former| file.set_permissions(former.permissions()))
        .and_then(|()| file.sync_all());
    discard_unless(written.is_ok(), &new);
    written.map(|()| ((), new))
}

/// Removes a file; a missing file is not an error.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn complete(
    path: &Path,
    mut file: File,
    new: &Path,
    content: &[u8],
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| prepare(&file))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(new, path));
    discard_unless(written.is_ok(), new);
    written?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The error of the write matters more than that of the removal.
fn discard_unless(is_complete: bool, new: &Path) {
    if !is_complete {
        let _ = remove_if_there(new);
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)
}

/// Makes a file beside `path` under a name that no other process uses: `access.toml` becomes `.access.toml.PID.0.new`.
/// Directories of access files are searched for `*.toml`.
fn at_free_name<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let process = std::process::id();
    let mut taken = io::Error::from(ErrorKind::AlreadyExists);
    for number in 0..NAMES_MAX {
        let new = path.with_file_name(format!(".{name}.{process}.{number}.new"));
        match make(&new) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => taken = error,
            made => return made.map(|made| (made, new)),
        }
    }
    Err(taken)
}

#[cfg(test)]
mod tests;
