//! What commands print: results on stdout, problems on stderr, and the exit code that belongs to each.

use std::io::Write as _;
use std::process::ExitCode;

/// How a command that did not fail has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Exit code 0.
    Well,
    /// Exit code 1: it worked, and the answer is no.
    Refused,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            hint: None,
        }
    }

    /// Exit code 2.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
            hint: None,
        }
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<anyhow::Error> for Failure {
    /// With the whole chain of causes.
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

/// Prints a line of a result.
///
/// # Errors
/// When nobody reads any more.
pub fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// Prints a value as JSON.
///
/// # Errors
/// When nobody reads any more.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?)
}

/// Prints a remark on stderr.
pub fn remark(text: impl std::fmt::Display) {
    // Nothing can be done about a closed stderr.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints what went wrong, and gives the exit code.
pub fn finish(outcome: Result<Done, Failure>) -> ExitCode {
    match outcome {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Refused) => ExitCode::from(1),
        Err(Failure {
            code,
            message,
            hint,
        }) => {
            remark(message);
            if let Some(hint) = hint {
                remark(format!("hint: {hint}"));
            }
            ExitCode::from(code)
        }
    }
}
