//! The connection that appends, by the database's own driver: through `Any`, which serves everything else, each text would
//! be copied once more on its way.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};

use tokio::time::timeout;

use super::append::{Appender, End, Move};
use super::database::{Place, SQLITE_SETTINGS, Trail};
use super::not_written::NotWritten;
use super::row::Row;
use crate::sqlite_file::SqliteFile;

/// How long it may take to be had; callers wait for it.
const OPEN_MAX: Duration = Duration::from_millis(900);
/// How long the process waits for it at its end.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// The log is flushed by a [`super::flush::Flusher`].
const COMMIT_ONLY: &str = "PRAGMA synchronous = NORMAL";

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
    pub(super) async fn open(trail: &Trail) -> Result<Self, NotWritten> {
        let opened = timeout(OPEN_MAX, Self::connect(trail)).await;
        opened.map_err(|_| NotWritten::TimedOut)?
    }

    async fn connect(trail: &Trail) -> Result<Self, NotWritten> {
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
            Place::Postgres(url) => Ok(Self::Postgres(PgConnection::connect(url.expose()).await?)),
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

    /// As [`Appender::append`].
    pub(super) async fn append(
        &mut self,
        appender: &mut Appender,
        head: Move<'_>,
        rows: Vec<Row>,
        end: End,
    ) -> Result<bool, sqlx::Error> {
        match (self, end) {
            (Self::Sqlite { sql, .. }, end) => {
                appender.append::<Sqlite>(sql, head, rows, end).await
            }
            (Self::Postgres(sql), End::Commit) => {
                appender.append::<Postgres>(sql, head, rows, end).await
            }
            (Self::Postgres(sql), End::Rollback) => {
                let mut transaction = sql.begin().await?;
                let appended = appender
                    .append::<Postgres>(&mut transaction, head, rows, end)
                    .await?;
                transaction.rollback().await?;
                Ok(appended)
            }
        }
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
