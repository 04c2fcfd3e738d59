//! Replaces an access file. Permissions and owner stay, and the former content is kept beside it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::file;

/// Replaces the content of the file. `former` is its content as it was read; `None` creates the file. Returns the path of
/// the copy of the former content.
pub fn replace(path: &Path, former: Option<&str>, text: &str) -> io::Result<Option<PathBuf>> {
    let Some(former) = former else {
        file::replace(path, text.as_bytes(), 0o644, |_| is_missing(path))?;
        return Ok(None);
    };
    // A symbolic link stays, and the file that it names is replaced.
    let path = fs::canonicalize(path)?;
    let backup = backup(&path);
    file::replace(&path, text.as_bytes(), 0o600, |new| {
        keep_permissions(&path, new)?;
        if fs::read(&path)? != former.as_bytes() {
            let message = "it changed while the command ran: run the command again";
            return Err(io::Error::new(ErrorKind::ResourceBusy, message));
        }
        file::keep_copy(&path, &backup)
    })?;
    Ok(Some(backup))
}

fn is_missing(path: &Path) -> io::Result<()> {
    match path.exists() {
        false => Ok(()),
        true => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "it exists now: run the command again",
        )),
    }
}

/// Gives the new file permissions and owner of the file that it replaces.
fn keep_permissions(path: &Path, new: &File) -> io::Result<()> {
    let (former, own) = (fs::metadata(path)?, new.metadata()?);
    if (former.uid(), former.gid()) != (own.uid(), own.gid()) {
        fchown(new, Some(former.uid()), Some(former.gid()))?;
    }
    new.set_permissions(former.permissions())
}

/// `access.toml` becomes `access.toml.bak`: directories of access files are searched for `*.toml`.
fn backup(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".bak");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_backup_stays_until_there_is_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.toml");
        let backup = folder.path().join("access.toml.bak");
        fs::write(&path, "changed").unwrap();
        fs::write(&backup, "earlier").unwrap();
        let error = replace(&path, Some("read"), "new").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        assert_eq!(fs::read(&path).unwrap(), b"changed");
        assert_eq!(fs::read(&backup).unwrap(), b"earlier");
        let kept = replace(&path, Some("changed"), "new").unwrap();
        assert_eq!(
            kept.map(|kept| fs::read(kept).unwrap()),
            Some(b"changed".to_vec())
        );
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn file_that_exists_now_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.toml");
        assert_eq!(replace(&path, None, "new").unwrap(), None);
        let error = replace(&path, None, "other").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
