//! Counters: rows of the same table with an integer value.

use chrono::TimeDelta;
use rolecall_core::record::{Counter, CounterResult};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;

impl SqliteStore {
    /// Each addition is one statement. Only after a rejection, a second one reads the total.
    pub(super) async fn add(&self, counter: &Counter) -> Result<CounterResult, sqlx::Error> {
        let now = self.now();
        let row = match counter.by > 0 {
            true => self.raise(counter, now).await?,
            false => self.lower(counter, now).await?,
        };
        if let Some(row) = row {
            let counted = counted(&row, now);
            if counted.total == counter.by {
                self.sweep(now).await?;
            }
            return Ok(counted);
        }
        let none = CounterResult {
            total: 0,
            added: counter.by <= 0,
            resets_in: counter.window,
        };
        if none.added {
            return Ok(none);
        }
        let select = sqlx::query(
            "SELECT CAST(value AS INTEGER), expires_at FROM records WHERE key = $1 AND expires_at > $2",
        )
        .bind(self.key(counter.key))
        .bind(now);
        let row = select.fetch_optional(&self.readers).await?;
        Ok(row.map_or(none, |row| CounterResult {
            added: false,
            ..counted(&row, now)
        }))
    }

    async fn raise(&self, counter: &Counter, now: i64) -> Result<Option<SqliteRow>, sqlx::Error> {
        sqlx::query(
            "INSERT INTO records (key, value, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET
                 value = CASE WHEN records.expires_at <= $4 THEN excluded.value
                              ELSE records.value + excluded.value END,
                 expires_at = CASE WHEN records.expires_at <= $4 THEN excluded.expires_at
                                   ELSE records.expires_at END
             WHERE records.expires_at <= $4 OR records.value + excluded.value <= $5
             RETURNING CAST(value AS INTEGER), expires_at",
        )
        .bind(self.key(counter.key))
        .bind(counter.by)
        .bind(now.saturating_add(counter.window.num_milliseconds()))
        .bind(now)
        .bind(counter.max)
        .fetch_optional(&self.writer)
        .await
    }

    async fn lower(&self, counter: &Counter, now: i64) -> Result<Option<SqliteRow>, sqlx::Error> {
        sqlx::query(
            "UPDATE records SET value = MAX(0, value + $1) WHERE key = $2 AND expires_at > $3
             RETURNING CAST(value AS INTEGER), expires_at",
        )
        .bind(counter.by)
        .bind(self.key(counter.key))
        .bind(now)
        .fetch_optional(&self.writer)
        .await
    }
}

fn counted(row: &SqliteRow, now: i64) -> CounterResult {
    let expires_at: i64 = row.get(1);
    CounterResult {
        total: row.get(0),
        added: true,
        resets_in: TimeDelta::milliseconds(expires_at.saturating_sub(now).max(0)),
    }
}
