//! Why an event was not written to the trail.

use std::sync::Arc;

use rolecall_core::record::StoreError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::sqlite_file::FileFault;

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the audit database failed")]
    Database(#[source] Arc<sqlx::Error>),
    #[error("the audit database cannot be used")]
    File(#[source] Arc<FileFault>),
    #[error("the audit database did not respond in time")]
    TimedOut,
    #[error(
        "the audit trail was changed by something other than its writer; hint: run `rolecalld audit verify`"
    )]
    Changed,
    #[error("the disk did not keep the audit trail; hint: repair the disk, then restart rolecalld")]
    NotKept(#[source] Arc<std::io::Error>),
    #[error("the audit trail is closed")]
    Closed,
    #[error("the audit queue is full")]
    Full,
}

/// SQLSTATE codes of PostgreSQL: a lock was not available in time, a statement took too long.
const POSTGRES_TIMEOUTS: [&str; 2] = ["55P03", "57014"];
/// Classes of SQLSTATE that concern a row: data exception, constraint, program limit, trigger.
const POSTGRES_ROW: [&str; 4] = ["22", "23", "54", "P0"];
/// Primary result codes of SQLite that concern a row: `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH`.
const SQLITE_ROW: [i32; 3] = [18, 19, 20];

impl WriteError {
    /// Whether the database rejects the content of an event, and may accept others.
    pub(super) fn is_about_a_row(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        matches!(**error, sqlx::Error::Encode(_))
            || error.as_database_error().is_some_and(rejects_a_row)
    }

    /// Whether only this process cannot write; other replicas may.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Changed | Self::NotKept(_) | Self::Closed => true,
            Self::Database(_) | Self::File(_) | Self::TimedOut | Self::Full => false,
        }
    }
}

fn rejects_a_row(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(_) => POSTGRES_ROW.iter().any(|class| code.starts_with(class)),
        // The last byte of the extended code is the primary code.
        None => code
            .parse()
            .is_ok_and(|code: i32| SQLITE_ROW.contains(&(code & 0xff))),
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code {
            Some(code) if POSTGRES_TIMEOUTS.contains(&&*code) => Self::TimedOut,
            Some(_) | None => Self::Database(Arc::new(error)),
        }
    }
}

impl From<FileFault> for WriteError {
    fn from(fault: FileFault) -> Self {
        Self::File(Arc::new(fault))
    }
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.into())
    }
}
