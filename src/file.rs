//! Files that only the user of the gateway may read.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

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
