//! What tests need beyond cargo: programs, corpora, permissions. A test that lacks one is left out, and says so.
//!
//! libtest counts a test that returns early as passed and hides its output. So a left-out test adds a line to the file that
//! `cargo xtask test` names in [`RECORD_VARIABLE`], and `cargo xtask test` reports these tests apart from those that passed.
//! Without the variable the line goes to stderr, where `cargo test -- --nocapture` shows it.

mod record;
mod requirement;

pub use record::{Extent, LeftOut, RECORD_VARIABLE};
pub use requirement::{
    AWS_CLI, AWS_CLI_RELEASE, CHROMIUM, CORPUS, MOUNT_NAMESPACE, NODE_PEERS, PYTHON_PEERS, ROOT,
    Requirement, SQLITE3, STRACE,
};
