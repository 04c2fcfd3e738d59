//! Files of this machine that hold the gateway's state: how they are named, and that nobody else may read them.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Creates an empty file of mode 0600, unless there is a file already; that one stays as it is.
///
/// # Errors
/// Those of the file system.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Why what follows `sqlite:` names no file: the reason, and a hint.
pub(crate) type NoFile = (&'static str, &'static str);

/// The file in `sqlite:FILE`, with `//` before it or without.
pub(crate) fn parse_sqlite(rest: &str) -> Result<PathBuf, NoFile> {
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() || file.starts_with(':') {
        return Err((
            "`sqlite:` needs a file",
            "write sqlite:FILE; nothing else survives a restart",
        ));
    }
    if file.contains(['?', '\0']) {
        return Err((
            "`sqlite:FILE` takes no parameters",
            "write only the file's path",
        ));
    }
    Ok(PathBuf::from(file))
}
