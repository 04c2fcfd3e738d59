//! Output of commands: results on stdout, errors and warnings on stderr, exit codes.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use rolecall_core::base::text;

use crate::aws::keys::KeyError;
use crate::config::LoadError;
use crate::database::OpenDatabaseError;
use crate::server::{
    DifferentDocument, HardLinkedFiles, ListenError, PublicUrlError, UnreachableDocument,
};
use crate::store::OpenStoreError;

/// The result of a command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// Exit code 0.
    Success,
    /// Exit code 1: the command worked, and its result is negative.
    Negative,
}

/// The error of a command, with its exit code and hint.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// An error with exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            hint: None,
        }
    }

    /// An error with exit code 2.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
            hint: None,
        }
    }

    /// The same error with exit code 2, for a command whose exit code 1 is a result.
    #[must_use]
    pub fn not_a_result(mut self) -> Self {
        self.code = 2;
        self
    }

    /// Adds the next step for the user.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<anyhow::Error> for Failure {
    /// The message contains the chain of causes; the hint is that of the first cause that has one.
    fn from(error: anyhow::Error) -> Self {
        Self {
            hint: hint_of(&error),
            ..Self::failed(text::chain(error.as_ref()))
        }
    }
}

impl From<LoadError> for Failure {
    /// Each error in the message has a hint of its own.
    fn from(error: LoadError) -> Self {
        Self::configuration(error.to_string())
    }
}

/// The hint of the first error in the chain that has one.
pub fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let keys = cause.downcast_ref().and_then(KeyError::hint);
        let store = cause.downcast_ref().map(OpenStoreError::hint);
        let audit = cause.downcast_ref().map(OpenDatabaseError::hint);
        let names = cause.downcast_ref().map(HardLinkedFiles::hint);
        let listen = cause.downcast_ref().map(ListenError::hint);
        let public = cause.downcast_ref().map(PublicUrlError::hint);
        let unreachable = cause.downcast_ref().map(UnreachableDocument::hint);
        let different = cause.downcast_ref().map(DifferentDocument::hint);
        let fixed = keys.or(store).or(audit).or(names);
        let fixed = fixed.or(unreachable).or(different).map(str::to_owned);
        fixed.or(listen).or(public)
    })
}

/// Prints a line of the result to stdout. A closed pipe, for example `| head`, is not an error.
///
/// # Errors
/// If stdout cannot be written, for example because the disk is full.
pub fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "cannot write to standard output: {error}"
        ))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a value as JSON to stdout. Control and formatting characters are escaped, because a terminal could interpret
/// them; the value is the same.
///
/// # Errors
/// As [`line`].
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::failed(error.to_string()))?;
    line(escaped(&text))
}

/// JSON with `\u` escapes for hidden characters. Outside of strings there are only line breaks.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !text::is_hidden(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// A number with its noun, such as `1 account` or `2 accounts`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Prints a line to stderr.
pub fn note(text: impl std::fmt::Display) {
    // A closed stderr cannot be reported anywhere.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints how far a command is, to stderr: on a terminal, the line is replaced.
pub fn progress(text: impl std::fmt::Display, is_terminal: bool) {
    let mut stderr = std::io::stderr().lock();
    let written = match is_terminal {
        true => write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush()),
        false => writeln!(stderr, "{text}"),
    };
    // A closed stderr cannot be reported anywhere.
    let _ = written;
}

/// Prints the error, if any, and returns the exit code.
pub fn finish(outcome: Result<CommandStatus, Failure>) -> ExitCode {
    match outcome {
        Ok(CommandStatus::Success) => ExitCode::SUCCESS,
        Ok(CommandStatus::Negative) => ExitCode::from(1),
        Err(Failure {
            code,
            message,
            hint,
        }) => {
            note(message);
            if let Some(hint) = hint {
                note(format!("hint: {hint}"));
            }
            ExitCode::from(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_in_json() {
        let value = serde_json::json!({"name": "a\u{202e}\u{9b}31m\u{1b}[0m\u{e0041}\nü"});
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        let hidden = |c: char| c != '\n' && text::is_hidden(c);
        assert!(!text.contains(hidden), "{text:?}");
        assert!(
            text.contains("\\u202e\\u009b31m\\u001b[0m\\udb40\\udc41\\nü"),
            "{text}"
        );
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, value);
    }
}
