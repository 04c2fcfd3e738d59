//! The connection that appends, by the database's own driver: through `Any`, which serves everything else, each text would
//! be copied once more on its way.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};

use tokio::time::timeout;

use super::append::{Appender, Move, Scope};
use super::not_written::NotWritten;
use super::row::Row;
use crate::database::{Database, Place, SQLITE_SETTINGS};
use crate::sqlite_file::SqliteFile;

/// How long it may take to be had; callers wait for it.
const OPEN_MAX: Duration = Duration::from_millis(900);
/// How long the process waits for it at its end.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The log is flushed by a [`super::flush::Flusher`].
const COMMIT_ONLY: &str = "PRAGMA synchronous = NORMAL";

/// Shorter than we wait, so that the server ends what it cannot finish, and its locks with it. A transaction whose client is
/// gone without a word, as after a network failure, ends by the third. Set by statements, since connection poolers refuse
/// options at the start of a connection.
const POSTGRES_SETTINGS: &str = "SET lock_timeout = '2s'; SET statement_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '5s'";

/// Writes as much as a large event, to be committed. SQLite keeps the row until the next time: what is inserted and deleted
/// in one transaction does not reach its log.
const SQLITE_PROBE: &str =
    "DELETE FROM audit_probes; INSERT INTO audit_probes (filler) VALUES (hex(zeroblob(8192)))";
const POSTGRES_PROBE: &str =
    "INSERT INTO audit_probes (filler) VALUES (repeat('-', 16384)); DELETE FROM audit_probes";

/// Ends every transaction that was begun before, and asks where the chain ends.
const FENCE: &str =
    "UPDATE audit_writers SET fence = fence + 1 WHERE writer = $1 RETURNING sequence, hash, fence";

/// Where a chain ends, as the database says: sequence, hash, fence.
pub(super) type Recorded = (i64, String, i64);

/// See the module. Closed when dropped; what it has begun then is undone or done, as only the database knows.
pub(super) enum Connection {
    Sqlite {
        sql: SqliteConnection,
        file: SqliteFile,
        /// What must be flushed before its commits are durable. Looked up after its first commit: from then on, and as long
        /// as it is open, SQLite keeps this very file.
        log: Option<Arc<File>>,
    },
    Postgres(PgConnection),
}

impl Connection {
    pub(super) async fn open(trail: &Database) -> Result<Self, NotWritten> {
        let opened = timeout(OPEN_MAX, Self::connect(trail)).await;
        opened.map_err(|_| NotWritten::TimedOut)?
    }

    async fn connect(trail: &Database) -> Result<Self, NotWritten> {
        match &trail.place {
            Place::Sqlite(file) => {
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
            Place::Postgres(url) => {
                let mut sql = PgConnection::connect(url.expose()).await?;
                sqlx::raw_sql(POSTGRES_SETTINGS).execute(&mut sql).await?;
                Ok(Self::Postgres(sql))
            }
        }
    }

    /// Says goodbye: SQLite brings what stands in its log into the database, if nobody else has it open.
    pub(super) async fn close(self) -> Result<(), NotWritten> {
        let closed = timeout(CLOSE_MAX, async {
            match self {
                Self::Sqlite { sql, .. } => sql.close().await,
                Self::Postgres(sql) => sql.close().await,
            }
        });
        Ok(closed.await.map_err(|_| NotWritten::TimedOut)??)
    }

    /// As [`Appender::append`], in a transaction of its own.
    pub(super) async fn append(
        &mut self,
        appender: &mut Appender,
        head: Move,
        rows: Vec<Row>,
    ) -> Result<bool, sqlx::Error> {
        let scope = Scope::Transaction;
        match self {
            Self::Sqlite { sql, .. } => appender.append::<Sqlite>(sql, head, rows, scope).await,
            Self::Postgres(sql) => appender.append::<Postgres>(sql, head, rows, scope).await,
        }
    }

    /// Tries to append the row, undoes that, and commits something of the same size elsewhere. Says as [`Appender::append`]
    /// whether the chain ends where it should; if not, nothing is committed.
    pub(super) async fn probe(
        &mut self,
        appender: &mut Appender,
        head: Move,
        row: Row,
    ) -> Result<bool, sqlx::Error> {
        let (rows, scope) = (vec![row], Scope::Statement);
        match self {
            Self::Sqlite { sql, .. } => {
                let mut transaction = sql.begin_with("BEGIN IMMEDIATE").await?;
                let mut trial = transaction.begin().await?;
                let appended = appender.append::<Sqlite>(&mut trial, head, rows, scope);
                if !appended.await? {
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
                let appended = appender.append::<Postgres>(&mut trial, head, rows, scope);
                if !appended.await? {
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

    /// Asks where the writer's chain ends. Transactions that were begun with an earlier fence append nothing from now on.
    /// Answers with nothing if there is no such writer.
    pub(super) async fn raise_fence(
        &mut self,
        writer: &str,
    ) -> Result<Option<Recorded>, sqlx::Error> {
        // All rows are fetched: a statement is committed when it has ended.
        let mut recorded: Vec<Recorded> = match self {
            Self::Sqlite { sql, .. } => {
                let fence = sqlx::query_as(FENCE).bind(writer);
                fence.fetch_all(sql).await?
            }
            Self::Postgres(sql) => {
                let fence = sqlx::query_as(FENCE).bind(writer);
                fence.fetch_all(sql).await?
            }
        };
        Ok(recorded.pop())
    }

    /// What must be flushed to make the commits so far durable, unless they are. Refuses commits to files that nobody will
    /// find again.
    pub(super) fn log(&mut self) -> Result<Option<Arc<File>>, NotWritten> {
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
