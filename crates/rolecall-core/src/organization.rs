//! The accounts of an AWS organization, and their import into the access files: `[[account]]` entries with `ou` and `tags`.
//!
//! An [`Organization`] comes from saved responses of AWS Organizations ([`read_saved`]) or from the service itself. [`plan`]
//! changes the text of the access files and nothing in it but the accounts: every other byte stays as it is. Which people
//! gain by the result is computed from the policies before and after ([`crate::access::Policy::coverage_changes`]).

mod account;
mod block;
mod edit;
mod hierarchy;
mod import_plan;
mod inline_table;
mod names;
mod plan;
mod response;
mod saved;
mod saved_error;
mod toml_text;
mod unified_diff;
mod verify;

pub use account::{AccountState, Organization, OrganizationAccount, Placement};
pub use hierarchy::{Hierarchy, HierarchyError, Parent};
pub use import_plan::{
    AccountChange, AddedAccount, FileChange, ImportError, ImportOptions, ImportPlan, Mismatch,
    NameDifference,
};
pub use plan::plan;
pub use saved::{SavedFile, read_saved};
pub use saved_error::SavedError;
