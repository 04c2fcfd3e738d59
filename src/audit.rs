//! The audit trail in SQL: one code path for SQLite and PostgreSQL.
//!
//! It appends and verifies; it never changes or deletes an event. [`rolecall_core::audit`] defines the events and the hash chain.

mod append;
#[cfg(test)]
mod carried_over;
mod chain;
mod committed;
mod connection;
mod export;
mod finding;
mod flush;
mod gate;
mod index;
mod people;
mod retry_queue;
mod row;
mod search;
mod task;
mod verify;
mod waiter;
mod write_error;
mod writer;

pub use self::export::{ExportError, Format, export};
pub use self::finding::Finding;
pub use self::index::{events_behind, fill_index};
pub use self::people::{KnownPerson, has_signed_in, people_with_email};
pub use self::search::SqlAuditReader;
pub use self::verify::{OpenIntent, VerifyReport, verify};
pub use self::writer::SqlAudit;
