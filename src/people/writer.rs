//! Writes the queue in batches, and deletes old records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use rolecall_core::base::{Clock, timestamp};
use tokio::time::{Instant, timeout};

use super::queue::{Losses, QUEUE_MAX, Waiting};
use super::table::{self, Row};
use crate::database::Database;

/// Records of one batch. In SQLite, a batch holds the write lock, and the audit trail waits for it.
const BATCH: usize = 40;
/// Bytes of one batch, unless a single record is larger.
const BATCH_BYTES: usize = 256 * 1024;
/// How long a batch or a deletion may take.
const WRITE_MAX: Duration = Duration::from_secs(15);
/// Attempts to write a record that the database rejects. A full disk rejects all of them.
const ATTEMPTS_MAX: u32 = 3;
/// Interval of the deletion of old records.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3_600);

/// What was done with records since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records that were written.
    pub recorded: u64,
    /// Records that were dropped, because the database rejects them or does not keep up.
    pub dropped: u64,
    /// Records that were dropped, because they are too large.
    pub too_large: u64,
    /// Whether more records wait.
    pub more: bool,
}

/// The task that writes the records of this process.
pub struct PeopleWriter {
    source: Waiting,
    losses: Arc<Losses>,
    /// The records to write, of each person the latest.
    pending: BTreeMap<(String, String), Row>,
    /// Failed attempts since the last success. After a failure, records are written one by one.
    failures: u32,
    database: Database,
    clock: Arc<dyn Clock>,
    /// Age at which records are deleted.
    kept: TimeDelta,
    prune_due: Option<Instant>,
}

impl PeopleWriter {
    pub(super) fn new(
        source: Waiting,
        losses: Arc<Losses>,
        database: Database,
        clock: Arc<dyn Clock>,
        kept: TimeDelta,
    ) -> Self {
        Self {
            source,
            losses,
            pending: BTreeMap::new(),
            failures: 0,
            database,
            clock,
            kept,
            prune_due: None,
        }
    }

    /// Writes a batch. Records of a failed batch are written later.
    pub async fn write_batch(&mut self) -> (Written, Result<(), sqlx::Error>) {
        self.collect();
        let outcome = self.write().await;
        let written = Written {
            recorded: *outcome.as_ref().unwrap_or(&0),
            dropped: self.losses.dropped.swap(0, Ordering::Relaxed),
            too_large: self.losses.too_large.swap(0, Ordering::Relaxed),
            more: !self.pending.is_empty(),
        };
        (written, outcome.map(drop))
    }

    /// Deletes some of the old records, if that is due. Returns whether there may be more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn prune_if_due(&mut self) -> Result<bool, sqlx::Error> {
        let now = Instant::now();
        if self.prune_due.is_some_and(|due| now < due) {
            return Ok(false);
        }
        let before = match self.kept.is_zero() {
            // Also those that a wrong clock has written.
            true => timestamp::LATEST,
            false => self.clock.now() - self.kept,
        };
        let more = in_time(table::prune(&self.database, before)).await?;
        if !more {
            self.prune_due = Some(now + PRUNE_INTERVAL);
        }
        Ok(more)
    }

    /// Takes the waiting records, and keeps the latest of each person. While the database fails, they wait here, and their
    /// bytes count as those in the queue.
    fn collect(&mut self) {
        while self.pending.len() < QUEUE_MAX
            && let Some(row) = self.source.next()
        {
            let key = (row.provider.clone(), row.subject.clone());
            let is_later = |known: &Row| known.signed_in_at > row.signed_in_at;
            let has_later = self.pending.get(&key).is_some_and(is_later);
            let obsolete = match has_later {
                true => Some(row),
                false => self.pending.insert(key, row),
            };
            if let Some(obsolete) = obsolete {
                self.source.release(&obsolete);
            }
        }
    }

    /// Removes the first record.
    fn pop_first(&mut self) {
        if let Some((_, row)) = self.pending.pop_first() {
            self.source.release(&row);
        }
    }

    async fn write(&mut self) -> Result<u64, sqlx::Error> {
        let mut bytes = 0;
        let fits = |row: &&Row| {
            let is_first = bytes == 0;
            bytes += row.bytes();
            is_first || bytes <= BATCH_BYTES
        };
        let rows_max = if self.failures == 0 { BATCH } else { 1 };
        let rows = self.pending.values().take(rows_max).take_while(fits);
        let batch: Vec<&Row> = rows.collect();
        if batch.is_empty() {
            return Ok(0);
        }
        let count = batch.len();
        let future = table::future(self.clock.now());
        let writing = self
            .database
            .transact(async |connection| table::upsert(&batch, future, connection).await);
        let written = in_time(writing).await;
        match written {
            Ok(()) => {
                self.failures = 0;
                for _ in 0..count {
                    self.pop_first();
                }
                Ok(count as u64)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let is_rejected = error.as_database_error().is_some();
                if is_rejected && count == 1 && self.failures >= ATTEMPTS_MAX {
                    self.pop_first();
                    self.losses.dropped.fetch_add(1, Ordering::Relaxed);
                    self.failures = 1;
                }
                Err(error)
            }
        }
    }
}

/// Limits the time of work in the database.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answer = timeout(WRITE_MAX, work).await;
    answer.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
