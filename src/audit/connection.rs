//! The connection that appends. It uses the driver of the database: `Any`, which all other queries use, copies each text once
//! more.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};

use tokio::time::timeout;

use super::append::{self, HeadUpdate, Scope, append};
use super::row::Row;
use super::write_error::WriteError;
use crate::database::{Backend, Database, SQLITE_SETTINGS};
use crate::sqlite_file::SqliteFile;

/// How long opening may take; callers wait for it.
const OPEN_MAX: Duration = Duration::from_millis(900);
/// How long the process waits at its end for the connection to close.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The [`super::flush::Flusher`] flushes the log.
const COMMIT_ONLY: &str = "PRAGMA synchronous = NORMAL";

/// Shorter than the writer's own timeouts, so that the server ends what it cannot finish and releases the locks. The third
/// setting ends a transaction whose client disappeared, as after a network failure. They are statements because connection poolers
/// reject options at the start of a connection.
const POSTGRES_SETTINGS: &str = "SET lock_timeout = '2s'; SET statement_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '5s'";

/// Writes as much as a large event, to be committed. In SQLite the row stays until the next probe: a row that is inserted and
/// deleted in one transaction is not written to the log.
const SQLITE_PROBE: &str =
    "DELETE FROM audit_probes; INSERT INTO audit_probes (filler) VALUES (hex(zeroblob(8192)))";
const POSTGRES_PROBE: &str =
    "INSERT INTO audit_probes (filler) VALUES (repeat('-', 16384)); DELETE FROM audit_probes";

/// Makes all transactions that started before append nothing, and returns the end of the chain.
const RAISE_FENCE: &str =
    "UPDATE audit_writers SET fence = fence + 1 WHERE writer = $1 RETURNING sequence, hash, fence";

/// The end of a chain in the database: sequence, hash, fence.
pub(super) type Recorded = (i64, String, i64);

/// Closed when dropped. Whether a transaction in progress is then committed is known to the database only.
pub(super) enum Connection {
    Sqlite {
        sql: SqliteConnection,
        file: SqliteFile,
        /// The file to flush before commits are durable. It is opened after the first commit; SQLite keeps this file as long as
        /// the connection is open.
        log: Option<Arc<File>>,
    },
    Postgres(PgConnection),
}

impl Connection {
    pub(super) async fn open(trail: &Database) -> Result<Self, WriteError> {
        let opened = timeout(OPEN_MAX, Self::connect(trail)).await;
        opened.map_err(|_| WriteError::TimedOut)?
    }

    async fn connect(trail: &Database) -> Result<Self, WriteError> {
        match &trail.backend {
            Backend::Sqlite(file) => {
                file.is_in_place()?;
                let options = SqliteConnectOptions::new().filename(file.path());
                let mut sql = SqliteConnection::connect_with(&options).await?;
                for settings in [SQLITE_SETTINGS, COMMIT_ONLY] {
                    sqlx::raw_sql(settings).execute(&mut sql).await?;
                }
                Ok(Self::Sqlite {
                    sql,
                    file: file.clone(),
                    log: None,
                })
            }
            Backend::Postgres(url) => {
                let mut sql = PgConnection::connect(url.expose()).await?;
                sqlx::raw_sql(POSTGRES_SETTINGS).execute(&mut sql).await?;
                Ok(Self::Postgres(sql))
            }
        }
    }

    /// Closes the connection. SQLite then moves its log into the database file, unless another connection is open.
    pub(super) async fn close(self) -> Result<(), WriteError> {
        let closed = timeout(CLOSE_MAX, async {
            match self {
                Self::Sqlite { sql, .. } => sql.close().await,
                Self::Postgres(sql) => sql.close().await,
            }
        });
        Ok(closed.await.map_err(|_| WriteError::TimedOut)??)
    }

    /// Appends the rows in a transaction; see [`append()`].
    pub(super) async fn append(
        &mut self,
        head: HeadUpdate,
        rows: Vec<Row>,
    ) -> Result<bool, sqlx::Error> {
        match self {
            Self::Sqlite { sql, .. } => {
                let statement = append::sqlite(rows.len(), Scope::Own);
                append::<Sqlite>(sql, statement, head, rows).await
            }
            Self::Postgres(sql) => {
                let statement = append::postgres(rows.len());
                append::<Postgres>(sql, statement, head, rows).await
            }
        }
    }

    /// Appends the row, rolls that back, and commits as much elsewhere. Returns `false`, and commits nothing, if the chain does
    /// not end at [`HeadUpdate::from`].
    pub(super) async fn probe(&mut self, head: HeadUpdate, row: Row) -> Result<bool, sqlx::Error> {
        let rows = vec![row];
        match self {
            Self::Sqlite { sql, .. } => {
                let mut transaction = sql.begin_with("BEGIN IMMEDIATE").await?;
                let mut trial = transaction.begin().await?;
                let statement = append::sqlite(rows.len(), Scope::Callers);
                if !append::<Sqlite>(&mut trial, statement, head, rows).await? {
                    return Ok(false);
                }
                trial.rollback().await?;
                sqlx::raw_sql(SQLITE_PROBE)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }
            Self::Postgres(sql) => {
                let mut transaction = sql.begin().await?;
                let mut trial = transaction.begin().await?;
                let statement = append::postgres(rows.len());
                if !append::<Postgres>(&mut trial, statement, head, rows).await? {
                    return Ok(false);
                }
                trial.rollback().await?;
                sqlx::raw_sql(POSTGRES_PROBE)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }
        }
        Ok(true)
    }

    /// Returns the end of the writer's chain, or none if there is no such writer. Transactions that started with an earlier
    /// fence append nothing from now on.
    pub(super) async fn raise_fence(
        &mut self,
        writer: &str,
    ) -> Result<Option<Recorded>, sqlx::Error> {
        // Fetches all rows, because a statement is committed only at its end.
        let mut recorded: Vec<Recorded> = match self {
            Self::Sqlite { sql, .. } => {
                let fence = sqlx::query_as(RAISE_FENCE).bind(writer);
                fence.fetch_all(sql).await?
            }
            Self::Postgres(sql) => {
                let fence = sqlx::query_as(RAISE_FENCE).bind(writer);
                fence.fetch_all(sql).await?
            }
        };
        Ok(recorded.pop())
    }

    /// The file to flush before the commits so far are durable; none if they are durable already.
    ///
    /// # Errors
    /// [`WriteError::File`] if the database or its log was deleted or replaced, so that the commits would be lost.
    pub(super) fn log(&mut self) -> Result<Option<Arc<File>>, WriteError> {
        let Self::Sqlite { file, log, .. } = self else {
            return Ok(None);
        };
        file.is_in_place()?;
        let opened = match log {
            Some(opened) => Arc::clone(opened),
            None => Arc::new(File::open(file.wal()).map_err(sqlx::Error::Io)?),
        };
        file.is_wal_in_place(&opened)?;
        Ok(Some(Arc::clone(log.insert(opened))))
    }
}
