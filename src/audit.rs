//! The audit trail in SQL: one code path for SQLite and PostgreSQL.
//!
//! Appends and proves; never changes or deletes. What an event is and how it is chained stands in
//! [`rolecall_core::audit`].

mod append;
mod chain;
mod committed;
mod connection;
mod database;
mod export;
mod finding;
mod flush;
mod gate;
mod not_written;
mod owed;
mod row;
mod task;
mod verify;
mod waiter;
mod writer;

pub use self::database::{DatabaseUrl, InvalidDatabaseUrl, OpenAuditError, Trail};
pub use self::export::{ExportError, Format, export};
pub use self::finding::Finding;
pub use self::verify::{OpenIntent, VerifyReport, verify};
pub use self::writer::SqlAudit;
