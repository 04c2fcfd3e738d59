//! What tests require besides cargo: programs, corpora, permissions. A test without a requirement is left out and recorded.
//!
//! libtest counts a test that returns early as passed and hides its output. Therefore a left-out test adds a line to the file in
//! [`RECORD_VARIABLE`], which `cargo xtask test` sets, and `cargo xtask test` reports it separately from tests that passed.
//! Without the variable, the line is written to stderr, where `cargo test -- --nocapture` shows it.

mod record;
mod requirement;

pub use record::{Extent, LeftOut, RECORD_VARIABLE};
pub use requirement::{
    AWS_CLI, AWS_CLI_RELEASE, CHROMIUM, CORPUS, MOUNT_NAMESPACE, NODE_PEERS, PYTHON_PEERS, ROOT,
    Requirement, SQLITE3, STRACE,
};
