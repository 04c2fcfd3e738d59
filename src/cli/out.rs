//! What commands print: results on stdout, problems on stderr, and the exit code that belongs to each.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use rolecall_core::base::text;

use crate::aws::keys::KeyError;
use crate::config::LoadError;
use crate::database::OpenDatabaseError;
use crate::server::{CannotListen, PublicUrlFault, TwoNames};
use crate::store::OpenStoreError;

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
    /// With the whole chain of causes, and the hint of the first that has one.
    fn from(error: anyhow::Error) -> Self {
        Self {
            hint: hint_of(&error),
            ..Self::failed(text::chain(error.as_ref()))
        }
    }
}

impl From<LoadError> for Failure {
    /// Every mistake has its own hint.
    fn from(error: LoadError) -> Self {
        Self::configuration(error.to_string())
    }
}

/// What the first cause that knows says to do next.
pub fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let keys = cause.downcast_ref().and_then(KeyError::hint);
        let store = cause.downcast_ref().map(OpenStoreError::hint);
        let audit = cause.downcast_ref().map(OpenDatabaseError::hint);
        let names = cause.downcast_ref().map(TwoNames::hint);
        let listen = cause.downcast_ref().map(CannotListen::hint);
        let public = cause.downcast_ref().map(PublicUrlFault::hint);
        let fixed = keys.or(store).or(audit).or(names).map(str::to_owned);
        fixed.or(listen).or(public)
    })
}

/// Prints a line of a result. That nobody reads any more, as behind `| head`, changes no outcome.
///
/// # Errors
/// When it cannot be written, such as to a full disk.
pub fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "the result cannot be written: {error}"
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a value as JSON.
///
/// # Errors
/// As [`line`].
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?)
}

/// So many of these, such as `1 account` or `2 accounts`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
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
