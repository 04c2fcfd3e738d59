//! Stable error codes and the metric label derived from them.

use std::fmt;

use rolecall_core::aws_login::LoginError;
use rolecall_core::clients::{ConsentChoice, ConsentError};
use rolecall_core::issue::{DecodeError, IssueError};
use rolecall_core::sign_in::{SignInError, SignOutError};

/// The stable code of an error: a field of log lines, a label of metrics, `error` of JSON. Never text from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(&'static str);

impl ErrorCode {
    /// A code in `snake_case`.
    pub const fn new(code: &'static str) -> Self {
        Self(code)
    }

    /// The code, such as `rate_limited`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An error with a stable code.
pub trait Coded {
    /// The stable code of this error.
    fn code(&self) -> ErrorCode;
}

impl Coded for IssueError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

impl Coded for DecodeError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

impl Coded for LoginError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

impl Coded for SignInError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

impl Coded for SignOutError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

impl Coded for ConsentError {
    fn code(&self) -> ErrorCode {
        ErrorCode(self.code())
    }
}

/// The `outcome` label of a metric: `ok`, `allowed` or `denied`, or the code of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeLabel(&'static str);

impl OutcomeLabel {
    /// `ok`: the operation succeeded.
    pub const OK: Self = Self("ok");

    /// `ok`, or the code of the error.
    pub fn of<T>(result: &Result<T, impl Coded>) -> Self {
        match result {
            Ok(_) => Self::OK,
            Err(error) => Self::failed(error),
        }
    }

    /// The outcome of an operation that failed with this error.
    pub fn failed(error: &impl Coded) -> Self {
        error.code().into()
    }

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<ErrorCode> for OutcomeLabel {
    fn from(code: ErrorCode) -> Self {
        Self(code.0)
    }
}

impl From<ConsentChoice> for OutcomeLabel {
    fn from(decision: ConsentChoice) -> Self {
        Self(match decision {
            ConsentChoice::Allow => "allowed",
            ConsentChoice::Deny => "denied",
        })
    }
}
