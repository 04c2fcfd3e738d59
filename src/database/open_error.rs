//! Why a trail cannot be opened, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use rolecall_core::base::Source;
use sqlx::migrate::MigrateError;

use super::postgres_fault::PostgresFault;

/// Why the trail cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseError {
    /// There is no such file.
    #[error("there is no audit trail in {0}")]
    Missing(PathBuf),
    /// There is a database, and no trail in it.
    #[error("there is no audit trail in the database")]
    Empty,
    /// The file cannot be created, the server cannot be reached, or it refuses.
    #[error("the audit database cannot be opened")]
    Unreachable(#[source] Source),
    /// PostgreSQL cannot be reached, or it refuses.
    #[error("the audit database cannot be opened")]
    Postgres(#[source] PostgresFault),
    /// A newer program has been here.
    #[error("the audit database has schema version {0}, which this program does not know")]
    Newer(i64),
    /// A change of the schema ended half-way.
    #[error("schema version {0} of the audit database is half applied")]
    HalfApplied(i64),
    /// The schema is not what its version says.
    #[error("schema version {0} of the audit database is not the one this program was built with")]
    Altered(i64),
    /// The server was reached, and a statement or a commit did not return.
    #[error("the audit database did not answer within {} seconds", .0.as_secs())]
    Stalled(Duration),
    /// The writer could not enter its first event.
    #[error("the audit database cannot be written to")]
    NotWritable(#[source] Source),
}

impl OpenDatabaseError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Empty => {
                "`rolecalld serve` makes it; compare database.url, which is relative to rolecall.toml"
            }
            Self::Postgres(fault) => fault.hint(),
            Self::Unreachable(_) | Self::NotWritable(_) => {
                "check database.url, that the server runs or the folder exists, and that the user may write there"
            }
            Self::Stalled(_) => {
                "look for what its transactions wait for: a synchronous standby that is gone (synchronous_standby_names), a lock (pg_stat_activity), or a disk that hangs"
            }
            Self::Newer(_) => {
                "a newer rolecalld has used this database: run that version, or restore a backup"
            }
            Self::HalfApplied(_) | Self::Altered(_) => {
                "restore the database from a backup; do not mend it by hand"
            }
        }
    }
}

impl From<MigrateError> for OpenDatabaseError {
    fn from(error: MigrateError) -> Self {
        // The foreign enum is open: whatever else there is, the database could not be used.
        if let MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) =
            error
        {
            Self::Newer(version)
        } else if let MigrateError::Dirty(version) = error {
            Self::HalfApplied(version)
        } else if let MigrateError::VersionMismatch(version) = error {
            Self::Altered(version)
        } else if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) =
            error
        {
            error.into()
        } else {
            Self::Unreachable(error.into())
        }
    }
}

impl From<sqlx::Error> for OpenDatabaseError {
    /// Of an error after the connection was made.
    fn from(error: sqlx::Error) -> Self {
        match PostgresFault::refused(&error) {
            Some(fault) => Self::Postgres(fault),
            None => Self::Unreachable(error.into()),
        }
    }
}
