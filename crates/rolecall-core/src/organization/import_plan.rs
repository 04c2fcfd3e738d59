//! What an import changes, and what it reports.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::aws::AccountId;

/// What an import changes besides `ou` and `tags` of AWS.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Replace names of accounts that have another name in AWS.
    pub rename: bool,
    /// Keep tags that the account does not have in AWS.
    pub keep_tags: bool,
}

/// The result of `plan`.
#[derive(Debug, Default)]
pub struct ImportPlan {
    /// The files that change, in the order of the configuration.
    pub files: Vec<FileChange>,
    /// Accounts that are new.
    pub added: Vec<AddedAccount>,
    /// Accounts whose entries change.
    pub changed: Vec<AccountChange>,
    /// Accounts that have another name in AWS, which is not imported.
    pub renamed: Vec<NameDifference>,
    /// Accounts in the files that are not active in AWS. Their entries stay.
    pub closed: Vec<Mismatch>,
    /// Accounts in the files that the organization does not have. Their entries stay.
    pub absent: Vec<Mismatch>,
    /// Accounts that are not imported, with the reason.
    pub skipped: Vec<Mismatch>,
    /// Tags that an access file cannot contain, by account.
    pub omitted_tags: Vec<Mismatch>,
    /// Number of active accounts whose organizational unit is not known.
    pub without_ou: usize,
    /// Number of active accounts whose tags are not known.
    pub without_tags: usize,
    /// Number of accounts of the organization that are not active and not in the files.
    pub inactive: usize,
}

/// A file that changes.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Path of the file.
    pub path: PathBuf,
    /// Text after the import.
    pub text: String,
    /// Unified diff.
    pub diff: String,
}

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddedAccount {
    /// Account ID.
    pub id: AccountId,
    /// Name in the file.
    pub name: String,
    /// Name in AWS, if the file cannot contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_in_aws: Option<String>,
    /// Organizational unit.
    pub ou: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// An account whose entry changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// Account ID.
    pub id: AccountId,
    /// Name in the file before the import.
    pub name: String,
    /// For `name`, `ou` and `tags.KEY`: the value before and after.
    pub values: BTreeMap<String, (Option<String>, Option<String>)>,
}

/// An account with another name in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameDifference {
    /// Account ID.
    pub id: AccountId,
    /// Name in the file.
    pub name: String,
    /// Name in AWS.
    pub name_in_aws: String,
}

/// An account that is not imported as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Account ID.
    pub id: AccountId,
    /// Name in the file, or in AWS.
    pub name: String,
    /// What differs.
    pub reason: String,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The file, if the error is about one.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl ImportError {
    pub(super) fn in_file(path: &Path, message: impl Into<String>, hint: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            message: message.into(),
            hint: hint.to_owned(),
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}\n  hint: {}", self.message, self.hint)
    }
}
