//! Records in a SQLite file: the embedded store of a single host. Records survive a restart.
//!
//! Each operation is one statement, and therefore atomic. The audit trail may use the same file; the table belongs to
//! this store.

mod counter;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock;
use rolecall_core::record::{Counter, CounterResult, Key, RecordStore, StoreError, Version};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlitePool};
use tokio::time::timeout;

use super::OpenStoreError;
use crate::sqlite_file::SqliteFile;

/// Time limit of an operation, including waiting for other writers.
const OPERATION_MAX: Duration = Duration::from_secs(1);

/// Time limit of SQLite for waiting for another writer: shorter than the operation, so that an operation that timed out
/// has not been written.
const BUSY_MAX: Duration = Duration::from_millis(800);

/// Size of the probe record: larger than a page, so that it allocates new pages.
const SAMPLE_BYTES: usize = 16 * 1024;

/// Whether commits are synced to disk. Records do not need this, but a failing disk is detected only by a sync.
const FLUSHED: &str = "PRAGMA synchronous = FULL";
const UNFLUSHED: &str = "PRAGMA synchronous = NORMAL";

/// Connections for reading. Writers share the single one that SQLite allows.
const READERS: u32 = 4;

/// Number of expired records that each insertion deletes: more than one, so that the table cannot grow indefinitely,
/// and few, so that no insertion takes long.
const SWEEP: i64 = 8;

/// The store `sqlite:FILE`.
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    file: SqliteFile,
    prefix: String,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the file, or creates it with mode 0600.
    ///
    /// # Errors
    /// [`OpenStoreError::Sqlite`].
    pub async fn open(
        path: &Path,
        prefix: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenStoreError> {
        let failed = |source| OpenStoreError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let file = SqliteFile::prepare(path).map_err(|error| failed(error.into()))?;
        let (writer, readers) = pools(file.path())
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(Self {
            writer,
            readers,
            file,
            prefix: prefix.to_owned(),
            clock,
        })
    }

    fn key(&self, key: Key) -> String {
        format!("{}{key}", self.prefix)
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    async fn sweep(&self, now: i64) -> Result<(), sqlx::Error> {
        let sweep = sqlx::query(
            "DELETE FROM records WHERE rowid IN
             (SELECT rowid FROM records WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        );
        let swept = sweep.bind(now).bind(SWEEP).execute(&self.writer).await;
        swept.map(drop)
    }
}

async fn pools(path: &Path) -> Result<(SqlitePool, SqlitePool), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A power failure can lose the last transactions, but cannot corrupt the file. A one-time value restored this
        // way has already been consumed at its provider.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_MAX);
    // Connections have no maximum age: closing the only one would release the file lock for a moment.
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(OPERATION_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool()
        .max_connections(1)
        .connect_with(options.clone())
        .await?;
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS records (
             key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER NOT NULL);
         CREATE INDEX IF NOT EXISTS records_expiry ON records (expires_at);",
    )
    .execute(&writer)
    .await?;
    let readers = pool()
        .max_connections(READERS)
        .connect_with(options)
        .await?;
    Ok((writer, readers))
}

/// Applies the time limit to an operation and converts its error.
async fn bounded<T>(
    operation: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match timeout(OPERATION_MAX, operation).await {
        Ok(done) => done.map_err(|error| StoreError::Unavailable(error.into())),
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

#[async_trait]
impl RecordStore for SqliteStore {
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let insert = sqlx::query(
            "INSERT INTO records (key, value, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
             WHERE records.expires_at <= $4",
        )
        .bind(self.key(key))
        .bind(value)
        .bind(expires_at.timestamp_millis())
        .bind(now);
        let stored = bounded(async {
            self.sweep(now).await?;
            insert.execute(&self.writer).await
        })
        .await?;
        (stored.rows_affected() == 1)
            .then_some(())
            .ok_or(StoreError::Exists)
    }

    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let select =
            sqlx::query_scalar("SELECT value FROM records WHERE key = $1 AND expires_at > $2")
                .bind(self.key(key))
                .bind(self.now());
        let value: Option<Vec<u8>> = bounded(select.fetch_optional(&self.readers)).await?;
        Ok(value.map(|value| (value.clone(), Version(value))))
    }

    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(
            "UPDATE records SET value = $1, expires_at = $2
             WHERE key = $3 AND value = $4 AND expires_at > $5",
        )
        .bind(value)
        .bind(expires_at.timestamp_millis())
        .bind(self.key(key))
        .bind(seen.0)
        .bind(self.now());
        let updated = bounded(update.execute(&self.writer)).await?;
        (updated.rows_affected() == 1)
            .then_some(())
            .ok_or(StoreError::Conflict)
    }

    /// Reads first, because most requests of unauthenticated clients are for records that do not exist; only a match
    /// causes a write.
    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        if self.get(key).await?.is_none() {
            return Ok(None);
        }
        let delete = sqlx::query("DELETE FROM records WHERE key = $1 RETURNING value, expires_at")
            .bind(self.key(key));
        let row = bounded(delete.fetch_optional(&self.writer)).await?;
        Ok(row
            .filter(|row| row.get::<i64, _>(1) > self.now())
            .map(|row| row.get(0)))
    }

    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        bounded(async {
            let mut counted = Vec::with_capacity(counters.len());
            for counter in counters {
                counted.push(self.add(counter).await?);
            }
            Ok(counted)
        })
        .await
    }

    /// Commits an expired record with a sync to disk.
    async fn ready(&self) -> Result<(), StoreError> {
        let usable = self.file.is_in_place().and_then(|()| self.file.has_space());
        usable.map_err(|fault| StoreError::Unavailable(fault.into()))?;
        let insert = sqlx::query(
            "INSERT INTO records (key, value, expires_at) VALUES ('', $1, 0)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(sample(self.now()));
        bounded(async {
            let mut connection = self.writer.acquire().await?;
            sqlx::raw_sql(FLUSHED).execute(&mut *connection).await?;
            let inserted = insert.execute(&mut *connection).await;
            // Also after a failure, because the connection returns to the pool.
            sqlx::raw_sql(UNFLUSHED).execute(&mut *connection).await?;
            inserted.map(drop)
        })
        .await
    }
}

/// Random bytes, because SQLite does not write unchanged pages.
fn sample(now: i64) -> Vec<u8> {
    now.to_le_bytes()
        .into_iter()
        .cycle()
        .take(SAMPLE_BYTES)
        .collect()
}
