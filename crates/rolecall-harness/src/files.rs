//! Files that only the owner can read.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Creates a file with mode 0600. It must not exist.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(std::io::Write::write_all(&mut file, content)?)
}
