//! Parts of SQL statements that both databases understand, and transactions of background work.

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{AnyConnection, Connection as _};

use super::Database;

/// A process that hangs, or whose machine disappeared, must not block the others.
const POSTGRES_LIMITS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'; \
     SET LOCAL idle_in_transaction_session_timeout = '15s'";

/// A time as text that sorts: UTC, RFC 3339, always with six decimals.
pub(crate) fn sortable(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Placeholders of a `VALUES` clause with this many rows, numbered after `before` others: `($7, …, $17), ($18, …`.
pub(crate) fn values(before: usize, columns: usize, rows: usize) -> String {
    let row = |row: usize| {
        let first = before + row * columns + 1;
        let numbers: Vec<String> = (first..first + columns)
            .map(|number| format!("${number}"))
            .collect();
        format!("({})", numbers.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    rows.join(", ")
}

impl Database {
    /// Runs `work` in one transaction, and commits it. In SQLite, no other writer of this process interferes.
    ///
    /// After a failure, the connection is closed: SQLite ends a transaction itself after some errors of the disk, which the driver
    /// does not notice. Its next transaction would be a savepoint, and after another failure keep the write lock.
    ///
    /// # Errors
    /// If the database fails. Then nothing was written, unless the commit itself failed.
    pub(crate) async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let _write_lock = self.write_lock().await;
        let done = self.commit(&mut connection, work).await;
        if done.is_err() {
            connection.close_on_drop();
        }
        done
    }

    async fn commit<T>(
        &self,
        connection: &mut AnyConnection,
        work: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let mut transaction = connection.begin().await?;
        if self.is_postgres() {
            sqlx::raw_sql(POSTGRES_LIMITS)
                .execute(&mut *transaction)
                .await?;
        }
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }
}
