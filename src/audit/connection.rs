//! The connection that appends, by the database's own driver: through `Any`, which serves everything else, each text would
//! be copied once more on its way.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, Postgres, Sqlite, SqliteConnection};

use tokio::time::timeout;

use super::append::{Appender, Move};
use super::database::{DatabaseUrl, SQLITE_SETTINGS};
use super::not_written::NotWritten;
use super::row::Row;

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
        /// Where commits stand first.
        log_path: OsString,
        /// What must be flushed before its commits are durable. Looked up after its first commit: from then on, and as long
        /// as it is open, SQLite keeps this very file.
        log: Option<Arc<File>>,
    },
    Postgres(PgConnection),
}

impl Connection {
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, NotWritten> {
        let opened = timeout(OPEN_MAX, Self::connect(url)).await;
        Ok(opened.map_err(|_| NotWritten::TimedOut)??)
    }

    async fn connect(url: &DatabaseUrl) -> Result<Self, sqlx::Error> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut sql = SqliteConnection::connect_with(&options).await?;
                for settings in [SQLITE_SETTINGS, COMMIT_ONLY] {
                    sqlx::raw_sql(settings).execute(&mut sql).await?;
                }
                let mut log_path = path.as_os_str().to_owned();
                log_path.push("-wal");
                Ok(Self::Sqlite {
                    sql,
                    log_path,
                    log: None,
                })
            }
            DatabaseUrl::Postgres(url) => {
                Ok(Self::Postgres(PgConnection::connect(url.expose()).await?))
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

    /// As [`Appender::append`].
    pub(super) async fn append(
        &mut self,
        appender: &mut Appender,
        head: Move<'_>,
        rows: Vec<Row>,
    ) -> Result<bool, sqlx::Error> {
        match self {
            Self::Sqlite { sql, .. } => appender.append::<Sqlite>(sql, head, rows).await,
            Self::Postgres(sql) => appender.append::<Postgres>(sql, head, rows).await,
        }
    }

    /// What must be flushed to make the commits so far durable, unless they are.
    pub(super) fn log(&mut self) -> io::Result<Option<Arc<File>>> {
        let Self::Sqlite { log_path, log, .. } = self else {
            return Ok(None);
        };
        if log.is_none() {
            *log = Some(Arc::new(File::open(log_path)?));
        }
        Ok(log.clone())
    }
}
