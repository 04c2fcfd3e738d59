//! Output: progress on stderr, requested text on stdout, and the error with exit code 2.

use std::io::Write;

/// Prints a line of progress. Errors on stderr are ignored.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "xtask: {line}");
}

/// Prints requested text on stdout.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// An error that the user must fix, such as invalid arguments: exit code 2.
#[derive(Debug)]
pub(crate) struct UserError(String);

impl UserError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UserError {}
