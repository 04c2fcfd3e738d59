//! Replaces a file atomically and durably. Permissions and owner stay, and the former content is kept beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Replaces the content of the file. `former` is its content as it was read; `None` creates the file. Returns the path of
/// the copy of the former content.
pub fn replace(path: &Path, former: Option<&str>, text: &str) -> io::Result<Option<PathBuf>> {
    // A symbolic link stays, and the file that it names is replaced.
    let path = match former {
        Some(_) => fs::canonicalize(path)?,
        None => path.to_owned(),
    };
    let (new, backup) = (beside(&path, "new"), beside(&path, "bak"));
    if former.is_none() && path.exists() {
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "it exists now: run the command again",
        ));
    }
    let result = write(&path, &new, former.is_some(), text).and_then(|()| {
        if let Some(former) = former {
            if fs::read(&path)? != former.as_bytes() {
                let message = "it changed while the command ran: run the command again";
                return Err(io::Error::new(ErrorKind::ResourceBusy, message));
            }
            remove_if_there(&backup)?;
            fs::hard_link(&path, &backup).or_else(|_| fs::copy(&path, &backup).map(|_| ()))?;
        }
        fs::rename(&new, &path)
    });
    if let Err(error) = result {
        // The error of the write matters more than that of the removal.
        let _ = remove_if_there(&new);
        return Err(error);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(former.map(|_| backup))
}

/// Writes the new content into a file of its own, with permissions and owner of the file that it replaces.
fn write(path: &Path, new: &Path, replaces: bool, text: &str) -> io::Result<()> {
    // Left behind by an interrupted run.
    remove_if_there(new)?;
    let mode = if replaces { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(new)?;
    file.write_all(text.as_bytes())?;
    if replaces {
        let (former, own) = (fs::metadata(path)?, file.metadata()?);
        if (former.uid(), former.gid()) != (own.uid(), own.gid()) {
            fchown(&file, Some(former.uid()), Some(former.gid()))?;
        }
        file.set_permissions(former.permissions())?;
    }
    file.sync_all()
}

/// `access.toml` becomes `.access.toml.new`: directories of access files are searched for `*.toml`.
fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(match end {
        "bak" => format!("{name}.{end}"),
        _ => format!(".{name}.{end}"),
    })
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
