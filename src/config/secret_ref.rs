//! References to secrets: a file or an environment variable. Secrets are never inline.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rolecall_core::base::secret::SecretText;
use rolecall_core::config_file::Value;

/// A secret is a line of text; key files are not larger either.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Whether the secrets that a configuration refers to are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are read, and errors are reported.
    Read,
    /// Only the references are checked.
    Skip,
}

/// Where a secret is.
enum Reference {
    File(PathBuf),
    Env(String),
}

/// Reads the secret that `{ file = "…" }` or `{ env = "…" }` refers to; reports errors.
pub fn read(value: &Value<'_>, folder: &Path) -> Option<SecretText> {
    read_with_path(value, folder).map(|(secret, _)| secret)
}

/// As [`read`], with the path if the secret is in a file.
pub fn read_with_path(value: &Value<'_>, folder: &Path) -> Option<(SecretText, Option<PathBuf>)> {
    let found = match reference(value, folder)? {
        Reference::File(path) => from_file(&path).map(|secret| (secret, Some(path))),
        Reference::Env(name) => from_env(&name).map(|secret| (secret, None)),
    };
    match found {
        Ok(found) => Some(found),
        Err((message, hint)) => {
            value.spot().error(message, hint);
            None
        }
    }
}

/// Reports a value that does not refer to a secret. The secret is not read.
pub fn check_reference(value: &Value<'_>, folder: &Path) {
    reference(value, folder);
}

fn reference(value: &Value<'_>, folder: &Path) -> Option<Reference> {
    if value.as_text().is_some() {
        value.invalid("secrets are not allowed in the configuration: write { file = \"…\" } or { env = \"NAME\" }");
        return None;
    }
    let table = value.table("a secret")?;
    let (file, env) = (table.string("file"), table.string("env"));
    table.done();
    match (file, env) {
        (Some(file), None) => Some(Reference::File(folder.join(file.value))),
        (None, Some(env)) => Some(Reference::Env(env.value.to_owned())),
        (Some(_), Some(_)) | (None, None) => {
            value.spot().error(
                "a secret requires either a file or an environment variable",
                "write { file = \"…\" } or { env = \"NAME\" }",
            );
            None
        }
    }
}

/// Reads the path in `{ file = "…" }` without reading the file; reports a file that is missing or readable by all
/// users.
pub fn private_file(value: &Value<'_>, folder: &Path) -> Option<PathBuf> {
    let reference = value.table("a secret file")?;
    let file = reference.required("file").and_then(|file| file.string());
    reference.done();
    let path = folder.join(file?.value);
    if let Err((message, hint)) = check_secret_file(&path) {
        value.spot().error(message, hint);
    }
    Some(path)
}

/// The error and hint, in one line, for a file that must not contain a secret; `None` if the file is fine.
pub fn secret_file_error(path: &Path) -> Option<String> {
    let (message, hint) = check_secret_file(path).err()?;
    Some(format!("{message}; {hint}"))
}

/// Message and hint.
pub(super) type MessageAndHint = (String, String);

fn unreadable(path: &Path, error: &std::io::Error) -> MessageAndHint {
    (
        format!("cannot read the secret file {}: {error}", path.display()),
        "check the path, and that the user that runs the gateway can read the file".to_owned(),
    )
}

fn check_secret_file(path: &Path) -> Result<(), MessageAndHint> {
    let shown = path.display();
    let metadata = std::fs::File::open(path)
        .and_then(|file| file.metadata())
        .map_err(|error| unreadable(path, &error))?;
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err((
            format!("the secret file {shown} is accessible to all users of this host"),
            format!(
                "run: chmod o= {shown}; for a Kubernetes Secret set defaultMode: 0440 in its volume and fsGroup in the pod's securityContext"
            ),
        ));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err((
            format!("the secret file {shown} is larger than {SECRET_BYTES_MAX} bytes"),
            "the file must contain only the secret".to_owned(),
        ));
    }
    Ok(())
}

/// Reads the secret from a file; returns why it cannot be used.
pub(super) fn from_file(path: &Path) -> Result<SecretText, MessageAndHint> {
    check_secret_file(path)?;
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    // Editors and `echo` add a line break at the end, which is not part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err((
            format!("the secret file {} is empty", path.display()),
            "write the secret to the file".to_owned(),
        ));
    }
    Ok(SecretText::new(secret))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration names the variable"
)]
fn from_env(name: &str) -> Result<SecretText, MessageAndHint> {
    match std::env::var(name) {
        Ok(secret) if !secret.is_empty() => Ok(SecretText::new(secret)),
        Ok(_) | Err(_) => Err((
            format!("the environment variable {name} is not set"),
            format!("set {name}, or use {{ file = \"…\" }}"),
        )),
    }
}
