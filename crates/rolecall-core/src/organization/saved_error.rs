//! Errors in saved responses.

use std::fmt;
use std::path::{Path, PathBuf};

use super::hierarchy::HierarchyError;
use crate::base::text;

/// An error in a saved file, or between saved files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavedError {
    path: Option<PathBuf>,
    message: String,
    hint: String,
}

impl SavedError {
    pub(super) fn in_file(path: &Path, Invalid(message, hint): Invalid) -> Self {
        let path = Some(path.to_owned());
        Self {
            path,
            message,
            hint,
        }
    }

    pub(super) fn between_files(error: &HierarchyError) -> Self {
        Self {
            path: None,
            message: error.to_string(),
            hint: error.hint().to_owned(),
        }
    }

    pub(super) fn no_accounts() -> Self {
        Self {
            path: None,
            message: "no file contains accounts".to_owned(),
            hint: "save list-accounts as well".to_owned(),
        }
    }
}

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}\n  hint: {}", self.message, self.hint)
    }
}

/// What is wrong with a document, and what to do next.
pub(super) struct Invalid(String, String);

impl Invalid {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(message.into(), hint.into())
    }
}

pub(super) const SAVE_AGAIN: &str = "save the response again with --output json";

pub(super) fn conflict(error: HierarchyError) -> Invalid {
    Invalid::new(error.to_string(), error.hint())
}

/// The response does not say what it is about.
pub(super) fn unnamed(operation: &'static str, option: &'static str) -> Invalid {
    Invalid::new(
        format!("this response of {operation} does not say what it is about"),
        format!(
            "end the name of the file in the value of --{option}, such as {operation}-{}.json, or add the member {} to the response",
            if option == "parent-id" {
                "r-ab12"
            } else {
                "111122223333"
            },
            match option {
                "parent-id" => "ParentId",
                "child-id" => "ChildId",
                _ => "ResourceId",
            }
        ),
    )
}

pub(super) fn not_a_response(error: &serde_json::Error) -> Invalid {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Eof => Invalid::new(
            format!("the file ends in the middle of a response (line {line}, column {column})"),
            "it was not saved completely: save it again",
        ),
        serde_json::error::Category::Data => Invalid::new(
            format!(
                "this is not a response of aws organizations: {}",
                text::one_line(&error.to_string(), 200)
            ),
            SAVE_AGAIN,
        ),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => Invalid::new(
            format!("not JSON (line {line}, column {column})"),
            SAVE_AGAIN,
        ),
    }
}
