//! One writer's chain in the database: where it ends, and how a batch of events is put behind its end, all or nothing.
//!
//! A transaction that failed moves nothing. If the outcome of a commit is unknown, nothing is appended before the database has
//! said where the chain ends, so no gap can arise and no event is written twice.

mod begin;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, ChainHash};
use tokio::time::{Instant, timeout};

use super::append::Move;
use super::committed::Committed;
use super::connection::Connection;
use super::not_written::NotWritten;
use super::owed::Owed;
use super::row::{self, Columns, Row};
use super::waiter::{Kind, Pending};
use crate::database::Database;

/// How long a transaction may take: two seconds of another process's lock, and the writing itself.
const TRANSACTION_MAX: Duration = Duration::from_millis(2_500);

/// An event on its way: its canonical form, and the columns that repeat parts of it.
pub(super) type Entry = (String, Columns);

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    sequence: i64,
    hash: ChainHash,
}

impl Head {
    /// Puts an event behind this head and moves it.
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
    /// The connection that writes, as long as nothing has gone wrong on it.
    connection: Option<Connection>,
    writer: String,
    head: Head,
    /// As the database has it; see [`Connection::raise_fence`].
    fence: i64,
    /// The last transaction, if its outcome is unknown. It is settled before the next one is begun.
    doubt: Option<Doubt>,
    owed: Owed,
}

/// A transaction of unknown outcome. Those who waited for its events were told that they failed.
struct Doubt {
    /// Where the chain ends if it stands.
    head: Head,
    events: Vec<Pending>,
}

impl Chain {
    /// Commits a batch: in one transaction or, if the database refuses what an event holds, each event in one of its own.
    ///
    /// Outcomes that are not written are kept, to be written by [`Self::commit_owed`].
    pub(super) async fn commit(&mut self, events: Vec<Pending>) -> Committed {
        let (committed, refused) = self.commit_parted(events).await;
        for (event, error) in refused {
            report(&event.entry.1, &error);
            self.keep_outcomes(vec![event]);
        }
        committed
    }

    /// Commits what is owed, as much as goes into one transaction.
    pub(super) async fn commit_owed(&mut self) -> Committed {
        // What is in doubt may turn out to be owed.
        if self.owed.is_empty()
            && let Err(error) = self.settle_and_keep().await
        {
            return Committed::failed(0, error);
        }
        let events = self.owed.take().into_iter().map(|entry| Pending {
            entry,
            kind: Kind::Outcome,
        });
        let events: Vec<_> = events.collect();
        if events.is_empty() {
            return Committed::default();
        }
        let (committed, refused) = self.commit_parted(events).await;
        if refused.is_empty() && committed.fault.is_none() {
            self.owed.succeeded();
        }
        if !refused.is_empty() && self.owed.failed() {
            for (event, error) in &refused {
                report(&event.entry.1, error);
            }
        }
        self.keep_outcomes(refused.into_iter().map(|(event, _)| event).collect());
        committed
    }

    /// What is owed was not committed, though the database can be written to.
    pub(super) fn postpone_owed(&mut self) {
        self.owed.failed();
    }

    /// What is owed, which includes what may turn out to be.
    pub(super) fn owed(&self) -> usize {
        let doubtful = self.doubt.as_ref().map_or(0, |doubt| doubt.events.len());
        self.owed.len() + doubtful
    }

    /// When [`Self::commit_owed`] should be called next.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.owed.due_at()
    }

    /// Takes in an event that must be written, whoever waits for it.
    pub(super) fn owe(&mut self, event: Entry) {
        self.owed.push(event);
    }

    /// Keeps the outcomes of events that were not written.
    pub(super) fn keep_outcomes(&mut self, events: Vec<Pending>) {
        for Pending { entry, kind } in events {
            if matches!(kind, Kind::Outcome) {
                self.owe(entry);
            }
        }
    }

    /// Whether an event could be written: tries one of the usual size, and commits as much.
    pub(super) async fn probe(&mut self) -> Result<Option<Arc<File>>, NotWritten> {
        self.settle_and_keep().await?;
        let probing = timeout(TRANSACTION_MAX, async {
            let mut after = self.head;
            let row = after.push(&self.writer, row::sample());
            let head = self.moving_to(after);
            let connection = open(&mut self.connection, &self.trail).await?;
            if !connection.probe(head, row).await? {
                return Err(NotWritten::Changed);
            }
            connection.log()
        });
        let outcome = probing.await.unwrap_or(Err(NotWritten::TimedOut));
        self.keep_connection_after(outcome)
    }

    /// Gives everything back to the database.
    pub(super) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the audit trail's connection was not closed");
        }
        self.trail.pool.close().await;
    }

    /// As [`Self::commit`], and hands back the events that the database refused while it took others.
    async fn commit_parted(
        &mut self,
        events: Vec<Pending>,
    ) -> (Committed, Vec<(Pending, NotWritten)>) {
        let (count, mut refused) = (events.len(), Vec::new());
        let error = match self.commit_together(events).await {
            Ok(log) => return (Committed::all(count, log), refused),
            Err(error) => error,
        };
        let Some(events) = self.refused_by(&error).await else {
            return (Committed::failed(count, error), refused);
        };
        if count == 1 {
            refused.extend(events.into_iter().map(|event| (event, error.clone())));
            return (Committed::refused(error), refused);
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
            let Some(event) = self.refused_by(&error).await else {
                committed.fault = Some(error);
                break;
            };
            refused.extend(event.into_iter().map(|event| (event, error.clone())));
            committed.push(Err(error), None);
        }
        self.keep_outcomes(events.collect());
        (committed.of(count), refused)
    }

    /// The events of the last transaction, if the database refused what one of them holds, and could write others.
    async fn refused_by(&mut self, error: &NotWritten) -> Option<Vec<Pending>> {
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
    ) -> Result<Option<Arc<File>>, NotWritten> {
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
        self.doubt = Some(Doubt {
            head: after,
            events,
        });
        let writing = timeout(TRANSACTION_MAX, async {
            let connection = open(&mut self.connection, &self.trail).await?;
            if !connection.append(head, rows).await? {
                return Err(NotWritten::Changed);
            }
            connection.log()
        });
        let outcome = writing.await.unwrap_or(Err(NotWritten::TimedOut));
        if outcome.is_ok() {
            self.head = after;
            self.doubt = None;
        }
        self.keep_connection_after(outcome)
    }

    /// As [`Self::settle`], and keeps the outcomes that are not written.
    async fn settle_and_keep(&mut self) -> Result<(), NotWritten> {
        let events = self.settle().await?;
        self.keep_outcomes(events);
        Ok(())
    }

    /// After a transaction of unknown outcome, asks the database where the chain ends. Hands back the events of that
    /// transaction, if they are not written.
    async fn settle(&mut self) -> Result<Vec<Pending>, NotWritten> {
        if self.doubt.is_none() {
            return Ok(Vec::new());
        }
        let asking = timeout(TRANSACTION_MAX, async {
            let connection = open(&mut self.connection, &self.trail).await?;
            let recorded = connection.raise_fence(&self.writer).await?;
            let (sequence, hash, fence) = recorded.ok_or(NotWritten::Changed)?;
            let hash = hash.parse().map_err(|_| NotWritten::Changed)?;
            Ok((Head { sequence, hash }, fence))
        });
        let answer = asking.await.unwrap_or(Err(NotWritten::TimedOut));
        let (found, fence) = self.keep_connection_after(answer)?;
        let is_known = found == self.head || self.doubt.as_ref().is_some_and(|d| d.head == found);
        let Some(doubt) = self.doubt.take_if(|_| is_known) else {
            return Err(NotWritten::Changed);
        };
        self.fence = fence;
        if found == self.head {
            return Ok(doubt.events);
        }
        self.head = found;
        let intents = doubt.events.iter().filter_map(Pending::intent);
        for closing in intents.filter_map(|intent| intent.closing()) {
            self.owe(closing);
        }
        Ok(Vec::new())
    }

    /// A transaction may stand within a connection that has failed, so that one is closed.
    fn keep_connection_after<T>(
        &mut self,
        outcome: Result<T, NotWritten>,
    ) -> Result<T, NotWritten> {
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    fn moving_to(&self, after: Head) -> Move {
        Move {
            writer: self.writer.clone(),
            from: (self.head.sequence, self.head.hash.to_string()),
            to: (after.sequence, after.hash.to_string()),
            fence: self.fence,
        }
    }
}

/// The connection, opened if it is not.
async fn open<'a>(
    connection: &'a mut Option<Connection>,
    trail: &Database,
) -> Result<&'a mut Connection, NotWritten> {
    let open = match connection.take() {
        Some(open) => open,
        None => Connection::open(trail).await?,
    };
    Ok(connection.insert(open))
}

/// Of an event that the database refuses while it takes others.
fn report(columns: &Columns, error: &NotWritten) {
    tracing::error!(
        reference = columns.reference,
        event = columns.event,
        error = error as &dyn std::error::Error,
        "the audit database refuses this event and takes others; what depends on it is refused, and an outcome is tried again"
    );
}

/// What is written of an event.
pub(super) fn entry(event: &AuditEvent) -> Result<Entry, serde_json::Error> {
    let (canonical, columns) = (event.canonical()?, Columns::of(event));
    debug_assert_eq!(Columns::read(&canonical).ok().as_ref(), Some(&columns));
    Ok((canonical, columns))
}
