//! Where a secret is: in a file or in the environment, never in the configuration itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rolecall_core::base::secret::SecretText;
use rolecall_core::config_file::Value;

/// A secret is a line of text; a key file is not larger either.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Reads the secret that `{ file = "…" }` or `{ env = "…" }` names; reports what is wrong with it.
pub fn read(value: &Value<'_>, folder: &Path) -> Option<SecretText> {
    read_with_path(value, folder).map(|(secret, _)| secret)
}

/// As [`read`], with the file where it was in one.
pub fn read_with_path(value: &Value<'_>, folder: &Path) -> Option<(SecretText, Option<PathBuf>)> {
    if value.as_text().is_some() {
        value.invalid("a secret does not stand in the configuration: write { file = \"…\" } or { env = \"NAME\" }");
        return None;
    }
    let spot = value.spot();
    let reference = value.table("a secret")?;
    let (file, env) = (reference.string("file"), reference.string("env"));
    reference.done();
    let found = match (file, env) {
        (Some(file), None) => {
            let path = folder.join(file.value);
            from_file(&path).map(|secret| (secret, Some(path)))
        }
        (None, Some(env)) => from_env(env.value).map(|secret| (secret, None)),
        (Some(_), Some(_)) | (None, None) => Err((
            "a secret is in one place".to_owned(),
            "write { file = \"…\" } or { env = \"NAME\" }".to_owned(),
        )),
    };
    match found {
        Ok(found) => Some(found),
        Err((message, hint)) => {
            spot.error(message, hint);
            None
        }
    }
}

/// The file in `{ file = "…" }`, for whoever reads it later; reports one that is not there or open to everybody.
pub fn private_file(value: &Value<'_>, folder: &Path) -> Option<PathBuf> {
    let reference = value.table("a secret file")?;
    let file = reference.required("file").and_then(|file| file.string());
    reference.done();
    let path = folder.join(file?.value);
    if let Err((message, hint)) = look_at(&path) {
        value.spot().error(message, hint);
    }
    Some(path)
}

/// Why a file must not hold a secret, in one line; nothing when it may.
pub fn complaint(path: &Path) -> Option<String> {
    let (message, hint) = look_at(path).err()?;
    Some(format!("{message}; {hint}"))
}

/// What is wrong, and what to do about it.
type Wrong = (String, String);

fn unreadable(path: &Path, error: &std::io::Error) -> Wrong {
    (
        format!("the secret file {} cannot be read: {error}", path.display()),
        "check the path and that the gateway's user may read it".to_owned(),
    )
}

fn look_at(path: &Path) -> Result<(), Wrong> {
    let shown = path.display();
    let metadata = std::fs::File::open(path)
        .and_then(|file| file.metadata())
        .map_err(|error| unreadable(path, &error))?;
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err((
            format!("the secret file {shown} is open to everybody on this machine"),
            format!(
                "run: chmod o= {shown}; for a Kubernetes Secret set defaultMode: 0440 in its volume and fsGroup in the pod's securityContext"
            ),
        ));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err((
            format!("the secret file {shown} is larger than {SECRET_BYTES_MAX} bytes"),
            "it should hold the secret and nothing else".to_owned(),
        ));
    }
    Ok(())
}

fn from_file(path: &Path) -> Result<SecretText, Wrong> {
    look_at(path)?;
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    // Editors and `echo` end a file with a line break that is not part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err((
            format!("the secret file {} is empty", path.display()),
            "write the secret into it".to_owned(),
        ));
    }
    Ok(SecretText::new(secret))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the configuration may name a variable"
)]
fn from_env(name: &str) -> Result<SecretText, Wrong> {
    match std::env::var(name) {
        Ok(secret) if !secret.is_empty() => Ok(SecretText::new(secret)),
        Ok(_) | Err(_) => Err((
            format!("the environment variable {name} is not set"),
            format!("set {name}, or use {{ file = \"…\" }}"),
        )),
    }
}
