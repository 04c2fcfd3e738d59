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
mod open_error;
mod owed;
mod people;
mod postgres_fault;
mod row;
mod schema;
mod task;
mod verify;
mod waiter;
mod writer;

pub use self::database::{DatabaseUrl, InvalidDatabaseUrl, Trail};
pub use self::export::{ExportError, Format, export};
pub use self::finding::Finding;
pub use self::open_error::OpenAuditError;
pub use self::people::{KnownPerson, has_signed_in, people_with_email};
pub use self::postgres_fault::PostgresFault;
pub use self::verify::{OpenIntent, VerifyReport, verify};
pub use self::writer::SqlAudit;
