//! Signing keys of the gateway: one for ID tokens and one for SAML responses.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use rolecall_core::base::Clock;
use rolecalld::aws::keys::{KeyAlgorithm, KeyDirectory, KeyUse};
use tempfile::TempDir;

use crate::files::write_secret;

/// Names and contents of the files of a key directory.
type Files = Vec<(String, Vec<u8>)>;

/// Creates a key directory in `folder` with one key of each use. Generating an RSA key is slow, so all stacks of a process
/// share one.
pub(crate) fn create(folder: &Path, clock: &dyn Clock) -> anyhow::Result<KeyDirectory> {
    static RSA: Mutex<Option<Files>> = Mutex::new(None);
    let mut rsa = RSA.lock().unwrap_or_else(PoisonError::into_inner);
    if rsa.is_none() {
        let home = TempDir::new()?;
        let keys = KeyDirectory::new(home.path().join("keys")).used_for(KeyUse::Saml);
        keys.generate(KeyAlgorithm::Rs256, clock.now())?;
        *rsa = Some(read(keys.path())?);
    }
    let keys = folder.join("keys");
    write(&keys, rsa.as_deref().unwrap_or_default())?;
    drop(rsa);
    let keys = KeyDirectory::new(keys);
    keys.generate(KeyAlgorithm::Es256, clock.now())?;
    Ok(keys)
}

fn read(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        files.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
    }
    Ok(files)
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    files
        .iter()
        .try_for_each(|(name, bytes)| write_secret(&folder.join(name), bytes))
}
