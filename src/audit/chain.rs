//! The chain of one writer in the database: its head, and how a batch of events is appended to it, all or nothing.
//!
//! A transaction that failed does not move the head. If the outcome of a commit is unknown, nothing is appended before the
//! database has returned the end of the chain. So there is never a gap, and no event is written twice.

mod begin;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, ChainHash};
use tokio::time::{Instant, timeout};

use super::append::HeadUpdate;
use super::committed::Committed;
use super::connection::Connection;
use super::retry_queue::RetryQueue;
use super::row::{self, Columns, Row};
use super::waiter::Pending;
use super::write_error::WriteError;
use crate::database::Database;

/// How long a transaction may take: two seconds for the lock of another process, and the writing itself.
const TRANSACTION_MAX: Duration = Duration::from_millis(2_500);

/// An event to write: its canonical form, and the columns that repeat parts of it.
pub(super) type Entry = (String, Columns);

/// The last event of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    sequence: i64,
    hash: ChainHash,
}

impl Head {
    /// Appends an event.
    fn push(&mut self, writer: &str, (canonical, columns): Entry) -> Row {
        self.sequence += 1;
        self.hash = self.hash.next(self.sequence.unsigned_abs(), &canonical);
        Row {
            writer: writer.to_owned(),
            sequence: self.sequence,
            columns,
            canonical,
            hash: self.hash.to_string(),
        }
    }
}

/// This process's chain.
pub(super) struct Chain {
    trail: Database,
    /// The connection that writes; none after an error on it.
    connection: Option<Connection>,
    writer: String,
    head: Head,
    /// The value in the database; see [`Connection::raise_fence`].
    fence: i64,
    /// The last transaction, if its outcome is unknown. No other transaction starts before it is known.
    unknown_commit: Option<UnknownCommit>,
    retries: RetryQueue,
}

/// A transaction with an unknown outcome. The callers that waited for its events received an error.
struct UnknownCommit {
    /// The end of the chain if the transaction was committed.
    head: Head,
    events: Vec<Pending>,
}

impl Chain {
    /// Commits a batch in one transaction or, if the database rejects the content of an event, each event in a transaction of its
    /// own.
    ///
    /// Outcomes that are not written are kept for [`Self::commit_retries`].
    pub(super) async fn commit(&mut self, events: Vec<Pending>) -> Committed {
        let (committed, rejected) = self.commit_separately(events).await;
        for (event, error) in rejected {
            report(&event.entry.1, &error);
            self.keep_outcomes(vec![event]);
        }
        committed
    }

    /// Commits queued events, as many as fit into one transaction.
    pub(super) async fn commit_retries(&mut self) -> Committed {
        // Events of a transaction with an unknown outcome may have to be written again.
        if self.retries.is_empty()
            && let Err(error) = self.settle_and_keep().await
        {
            return Committed::failed(0, error);
        }
        let events: Vec<_> = self
            .retries
            .take()
            .into_iter()
            .map(Pending::retried)
            .collect();
        if events.is_empty() {
            return Committed::default();
        }
        let (committed, rejected) = self.commit_separately(events).await;
        if rejected.is_empty() && committed.fault.is_none() {
            self.retries.succeeded();
        }
        if !rejected.is_empty() && self.retries.failed() {
            for (event, error) in &rejected {
                report(&event.entry.1, error);
            }
        }
        self.keep_outcomes(rejected.into_iter().map(|(event, _)| event).collect());
        committed
    }

    /// Delays the next attempt: queued events were not committed, although the database can be written.
    pub(super) fn postpone_retries(&mut self) {
        self.retries.failed();
    }

    /// The number of events to retry, including those of the transaction with an unknown outcome.
    pub(super) fn retries(&self) -> usize {
        let doubtful = self
            .unknown_commit
            .as_ref()
            .map_or(0, |unknown_commit| unknown_commit.events.len());
        self.retries.len() + doubtful
    }

    /// When [`Self::commit_retries`] should be called next.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.retries.due_at()
    }

    /// Keeps an event that must be written.
    pub(super) fn retry_later(&mut self, event: Entry) {
        self.retries.push(event);
    }

    /// Keeps the outcomes of events that were not written.
    pub(super) fn keep_outcomes(&mut self, events: Vec<Pending>) {
        for event in events.into_iter().filter(Pending::is_outcome) {
            self.retry_later(event.entry);
        }
    }

    /// Whether an event could be written: tries one of the usual size, and commits as much. Returns the file to flush.
    pub(super) async fn probe(&mut self) -> Result<Option<Arc<File>>, WriteError> {
        self.settle_and_keep().await?;
        let probing = timeout(TRANSACTION_MAX, async {
            let mut after = self.head;
            let row = after.push(&self.writer, row::sample());
            let head = self.moving_to(after);
            let connection = open(&mut self.connection, &self.trail).await?;
            if !connection.probe(head, row).await? {
                return Err(WriteError::Changed);
            }
            connection.log()
        });
        let outcome = probing.await.unwrap_or(Err(WriteError::TimedOut));
        self.keep_connection_after(outcome)
    }

    /// Closes the connections.
    pub(super) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the audit trail's connection was not closed");
        }
        self.trail.pool.close().await;
    }

    /// As [`Self::commit`]. Also returns the events that the database rejected while it accepted others.
    async fn commit_separately(
        &mut self,
        events: Vec<Pending>,
    ) -> (Committed, Vec<(Pending, WriteError)>) {
        let (count, mut rejected) = (events.len(), Vec::new());
        let error = match self.commit_together(events).await {
            Ok(log) => return (Committed::all(count, log), rejected),
            Err(error) => error,
        };
        let Some(events) = self.rejected_by(&error).await else {
            return (Committed::failed(count, error), rejected);
        };
        if count == 1 {
            rejected.extend(events.into_iter().map(|event| (event, error.clone())));
            return (Committed::rejected(error), rejected);
        }
        let mut committed = Committed::default();
        let mut events = events.into_iter();
        for event in events.by_ref() {
            let error = match self.commit_together(vec![event]).await {
                Ok(log) => {
                    committed.push(Ok(()), log);
                    continue;
                }
                Err(error) => error,
            };
            let Some(event) = self.rejected_by(&error).await else {
                committed.fault = Some(error);
                break;
            };
            rejected.extend(event.into_iter().map(|event| (event, error.clone())));
            committed.push(Err(error), None);
        }
        self.keep_outcomes(events.collect());
        (committed.filled_to(count), rejected)
    }

    /// The events of the last transaction, if the database rejected the content of one of them and accepts others.
    async fn rejected_by(&mut self, error: &WriteError) -> Option<Vec<Pending>> {
        if !error.is_about_a_row() {
            return None;
        }
        let events = self.settle().await.ok()?;
        match self.probe().await {
            Ok(_) if !events.is_empty() => Some(events),
            Ok(_) | Err(_) => {
                self.keep_outcomes(events);
                None
            }
        }
    }

    async fn commit_together(
        &mut self,
        events: Vec<Pending>,
    ) -> Result<Option<Arc<File>>, WriteError> {
        if let Err(error) = self.settle_and_keep().await {
            self.keep_outcomes(events);
            return Err(error);
        }
        let mut after = self.head;
        let rows = events
            .iter()
            .map(|event| after.push(&self.writer, event.entry.clone()))
            .collect();
        let head = self.moving_to(after);
        self.unknown_commit = Some(UnknownCommit {
            head: after,
            events,
        });
        let writing = timeout(TRANSACTION_MAX, async {
            let connection = open(&mut self.connection, &self.trail).await?;
            let _write_lock = self.trail.write_lock().await;
            if !connection.append(head, rows).await? {
                return Err(WriteError::Changed);
            }
            connection.log()
        });
        let outcome = writing.await.unwrap_or(Err(WriteError::TimedOut));
        if outcome.is_ok() {
            self.head = after;
            self.unknown_commit = None;
        }
        self.keep_connection_after(outcome)
    }

    /// As [`Self::settle`], and keeps the outcomes that are not written.
    async fn settle_and_keep(&mut self) -> Result<(), WriteError> {
        let events = self.settle().await?;
        self.keep_outcomes(events);
        Ok(())
    }

    /// After a transaction with an unknown outcome, gets the end of the chain from the database. Returns the events of that
    /// transaction if they are not written.
    async fn settle(&mut self) -> Result<Vec<Pending>, WriteError> {
        if self.unknown_commit.is_none() {
            return Ok(Vec::new());
        }
        let reading = timeout(TRANSACTION_MAX, async {
            let connection = open(&mut self.connection, &self.trail).await?;
            let recorded = connection.raise_fence(&self.writer).await?;
            let (sequence, hash, fence) = recorded.ok_or(WriteError::Changed)?;
            let hash = hash.parse().map_err(|_| WriteError::Changed)?;
            Ok((Head { sequence, hash }, fence))
        });
        let recorded = reading.await.unwrap_or(Err(WriteError::TimedOut));
        let (found, fence) = self.keep_connection_after(recorded)?;
        let is_known = found == self.head
            || self
                .unknown_commit
                .as_ref()
                .is_some_and(|d| d.head == found);
        let Some(unknown_commit) = self.unknown_commit.take_if(|_| is_known) else {
            return Err(WriteError::Changed);
        };
        self.fence = fence;
        if found == self.head {
            return Ok(unknown_commit.events);
        }
        self.head = found;
        let intents = unknown_commit.events.iter().filter_map(Pending::intent);
        for closing in intents.filter_map(|intent| intent.closing()) {
            self.retry_later(closing);
        }
        Ok(Vec::new())
    }

    /// Closes the connection after an error: it may be within a transaction.
    fn keep_connection_after<T>(
        &mut self,
        outcome: Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    fn moving_to(&self, after: Head) -> HeadUpdate {
        HeadUpdate {
            writer: self.writer.clone(),
            from: (self.head.sequence, self.head.hash.to_string()),
            to: (after.sequence, after.hash.to_string()),
            fence: self.fence,
        }
    }
}

/// The connection, opened if necessary.
async fn open<'a>(
    connection: &'a mut Option<Connection>,
    trail: &Database,
) -> Result<&'a mut Connection, WriteError> {
    let open = match connection.take() {
        Some(open) => open,
        None => Connection::open(trail).await?,
    };
    Ok(connection.insert(open))
}

/// Reports an event that the database rejects while it accepts others.
fn report(columns: &Columns, error: &WriteError) {
    tracing::error!(
        reference = columns.reference,
        event = columns.event,
        error = error as &dyn std::error::Error,
        "the audit database rejects this event and accepts others; its request is refused, or, if it is an outcome, writing is retried"
    );
}

/// The canonical form and the columns of an event.
pub(super) fn entry(event: &AuditEvent) -> Result<Entry, serde_json::Error> {
    let (canonical, columns) = (event.canonical()?, Columns::of(event));
    debug_assert_eq!(Columns::read(&canonical).ok().as_ref(), Some(&columns));
    Ok((canonical, columns))
}
