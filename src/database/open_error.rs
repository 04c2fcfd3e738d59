//! Errors when opening the database, with hints.

use std::path::PathBuf;
use std::time::Duration;

use rolecall_core::base::BoxError;
use sqlx::migrate::MigrateError;

use super::postgres_error::PostgresError;

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseError {
    /// The file does not exist.
    #[error("{0} does not contain an audit trail")]
    Missing(PathBuf),
    /// The database has no tables of the audit trail.
    #[error("the database does not contain an audit trail")]
    Empty,
    /// The file cannot be created, or the server is not reachable or rejects the connection.
    #[error("cannot open the audit database")]
    Unreachable(#[source] BoxError),
    /// PostgreSQL is not reachable or rejects the connection.
    #[error("cannot open the audit database")]
    Postgres(#[source] PostgresError),
    /// The schema was migrated by a newer version.
    #[error(
        "the audit database has schema version {0}, which is newer than this version of rolecalld"
    )]
    Newer(i64),
    /// A migration was interrupted.
    #[error("migration {0} of the audit database is incomplete")]
    HalfApplied(i64),
    /// A migration differs from the one with the same version in this program.
    #[error(
        "migration {0} of the audit database differs from the one in this version of rolecalld"
    )]
    Altered(i64),
    /// The server was reached, but a statement or a commit did not complete.
    #[error("the audit database did not respond within {} seconds", .0.as_secs())]
    Stalled(Duration),
    /// The writer could not append its first event.
    #[error("cannot write to the audit database")]
    NotWritable(#[source] BoxError),
}

impl OpenDatabaseError {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Empty => {
                "start `rolecalld serve`, which creates it, or check database.url; its path is relative to the folder of rolecall.toml"
            }
            Self::Postgres(fault) => fault.hint(),
            Self::Unreachable(_) | Self::NotWritable(_) => {
                "check database.url, that the server is running or the folder exists, and that the user has write permission"
            }
            Self::Stalled(_) => {
                "check what its transactions wait for: an unavailable synchronous standby (synchronous_standby_names), a lock (pg_stat_activity), or a stalled disk"
            }
            Self::Newer(_) => {
                "a newer version of rolecalld has used this database: run that version, or restore a backup"
            }
            Self::HalfApplied(_) | Self::Altered(_) => {
                "restore the database from a backup; do not repair it manually"
            }
        }
    }
}

impl From<MigrateError> for OpenDatabaseError {
    fn from(error: MigrateError) -> Self {
        // The enum of sqlx is non-exhaustive; other errors mean that the database is not usable.
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
    /// Converts an error that occurred after the connection was established.
    fn from(error: sqlx::Error) -> Self {
        match PostgresError::access_error(&error) {
            Some(fault) => Self::Postgres(fault),
            None => Self::Unreachable(error.into()),
        }
    }
}
