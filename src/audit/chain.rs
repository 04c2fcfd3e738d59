//! One writer's chain in the database: where it ends, and how a batch of events is put behind its end, all or nothing.
//!
//! A transaction that failed moves nothing. If the outcome of a commit is unknown, the database is asked before the next
//! one, so no gap can arise.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, ChainHash, Happened, ReferenceId, WriterHead};
use rolecall_core::port::{Clock, Entropy, Source};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::time::timeout;

use super::append::{Appender, End, Move};
use super::connection::Connection;
use super::database::Trail;
use super::not_written::NotWritten;
use super::row::{self, Columns, Row, sortable};
use super::task::BATCH_MAX;
use super::waiter::{Intent, Kind, Pending};

/// How long a transaction may take: two seconds of another process's lock, and the writing itself.
const TRANSACTION_MAX: Duration = Duration::from_millis(2_500);
/// Commits of unknown outcome that are remembered.
const DOUBTS_MAX: usize = 64;
/// Outcomes that wait while the database fails; they take about a kilobyte each.
const OWED_MAX: usize = 4_096;

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
    trail: Trail,
    /// The connection that writes, as long as nothing has gone wrong on it.
    connection: Option<Connection>,
    appender: Appender,
    writer: String,
    head: Head,
    /// Where the chain may end instead, after transactions of unknown outcome. Empty: `head` is certain.
    doubts: Vec<Doubt>,
    /// Events that must be written, and that nobody waits for: outcomes that could not be, and ends of abandoned intents.
    owed: VecDeque<Entry>,
}

/// A transaction of unknown outcome.
struct Doubt {
    /// Where the chain ends if it stands.
    head: Head,
    /// The intents in it. Their callers were told that they failed.
    intents: Vec<Intent>,
    /// The outcomes in it.
    outcomes: Vec<Entry>,
}

impl Chain {
    /// A new chain with its first event.
    pub(super) async fn begin(
        trail: Trail,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, Source> {
        let pool = &trail.pool;
        let writer = ReferenceId::generate(entropy);
        let grown = sqlx::query(
            "SELECT writer, sequence, hash FROM audit_writers WHERE witnessed < sequence ORDER BY writer",
        )
        .fetch_all(pool)
        .await?;
        let earlier = grown
            .iter()
            .map(|row| {
                Ok(WriterHead {
                    writer: row.try_get(0)?,
                    sequence: u64::try_from(row.try_get::<i64, _>(1)?)?,
                    hash: row.try_get(2)?,
                })
            })
            .collect::<Result<Vec<_>, Source>>()?;
        let event = AuditEvent {
            at: clock.now(),
            reference: writer.clone(),
            address: None,
            user_agent: None,
            happened: Happened::WriterStarted {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                earlier: earlier.clone(),
            },
        };
        let writer = writer.as_str().to_owned();
        let mut head = Head {
            sequence: 0,
            hash: ChainHash::genesis(&writer),
        };
        let first = head.push(&writer, entry(&event)?);

        let mut transaction = pool.begin().await?;
        sqlx::query(
            "INSERT INTO audit_writers (writer, started_at, sequence, hash, witnessed) VALUES ($1, $2, $3, $4, 0)",
        )
        .bind(&writer)
        .bind(sortable(event.at))
        .bind(head.sequence)
        .bind(head.hash.to_string())
        .execute(&mut *transaction)
        .await?;
        let insert = format!(
            "INSERT INTO audit_events ({}) VALUES {}",
            row::NAMES,
            row::values(Some(0), 1)
        );
        row::bind(sqlx::query(AssertSqlSafe(insert)), first)
            .execute(&mut *transaction)
            .await?;
        for seen in &earlier {
            sqlx::query(
                "UPDATE audit_writers SET witnessed = $1 WHERE writer = $2 AND witnessed < $1",
            )
            .bind(i64::try_from(seen.sequence)?)
            .bind(&seen.writer)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(Self {
            appender: Appender::new(trail.is_postgres()),
            trail,
            connection: None,
            writer,
            head,
            doubts: Vec::new(),
            owed: VecDeque::new(),
        })
    }

    /// Commits a batch in one transaction. Says what must be flushed to make the commit durable, unless it is.
    ///
    /// After a failure the outcomes in it are kept, to be written by [`Self::commit_owed`].
    pub(super) async fn commit(
        &mut self,
        events: Vec<Pending>,
    ) -> Result<Option<Arc<File>>, NotWritten> {
        let mut events = Some(events);
        let outcome = timeout(TRANSACTION_MAX, async {
            self.settle().await?;
            let (mut after, mut rows) = (self.head, Vec::new());
            let (mut intents, mut outcomes) = (Vec::new(), Vec::new());
            for Pending { entry, kind } in events.take().unwrap_or_default() {
                match kind {
                    Kind::Intent(intent) => intents.push(*intent),
                    Kind::Outcome => outcomes.push(entry.clone()),
                    Kind::Other => {}
                }
                rows.push(after.push(&self.writer, entry));
            }
            if self.doubts.len() == DOUBTS_MAX {
                self.doubts.remove(0);
            }
            self.doubts.push(Doubt {
                head: after,
                intents,
                outcomes,
            });
            let log = self.send(after, rows, End::Commit).await?;
            self.head = after;
            let stands = self.doubts.pop();
            self.give_up_doubts(&stands.map(|doubt| doubt.outcomes).unwrap_or_default());
            Ok(log)
        })
        .await
        .unwrap_or(Err(NotWritten::TimedOut));
        if outcome.is_err() {
            // It may stand within a transaction that nobody ends.
            self.connection = None;
            self.keep_outcomes(events.unwrap_or_default());
        }
        outcome
    }

    /// Commits what is owed, as much as goes into one transaction.
    pub(super) async fn commit_owed(&mut self) -> Result<Option<Arc<File>>, NotWritten> {
        if !self.owes() {
            return Ok(None);
        }
        if self.owed.is_empty() {
            // Written again: of two transactions that both begin at the head, one stands.
            let again = self.doubts.iter().flat_map(|doubt| doubt.outcomes.clone());
            let again: Vec<Entry> = again.collect();
            again.into_iter().for_each(|outcome| self.owe_once(outcome));
        }
        let count = self.owed.len().min(BATCH_MAX);
        let owed = self.owed.drain(..count).map(|entry| Pending {
            entry,
            kind: Kind::Outcome,
        });
        let owed = owed.collect();
        self.commit(owed).await
    }

    /// Whether something is owed.
    pub(super) fn owes(&self) -> bool {
        let doubtful = |doubt: &Doubt| !doubt.outcomes.is_empty();
        !self.owed.is_empty() || self.doubts.iter().any(doubtful)
    }

    /// Takes in an event that must be written, whoever waits for it.
    pub(super) fn owe(&mut self, event: Option<Entry>) {
        if self.owed.len() == OWED_MAX {
            tracing::error!(
                "an issue stays open in the audit trail: too many outcomes wait to be written"
            );
            return;
        }
        self.owed.extend(event);
    }

    /// Keeps the outcomes of events that were not written.
    pub(super) fn keep_outcomes(&mut self, events: Vec<Pending>) {
        for Pending { entry, kind } in events {
            if matches!(kind, Kind::Outcome) {
                self.owe(Some(entry));
            }
        }
    }

    /// Whether an event could be written: writes one of the usual size, and undoes it.
    pub(super) async fn probe(&mut self) -> Result<Option<Arc<File>>, NotWritten> {
        let outcome = timeout(TRANSACTION_MAX, async {
            self.settle().await?;
            let mut after = self.head;
            let row = after.push(&self.writer, row::sample());
            self.send(after, vec![row], End::Rollback).await
        })
        .await
        .unwrap_or(Err(NotWritten::TimedOut));
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
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

    /// After a failure, asks the database where the chain ends.
    async fn settle(&mut self) -> Result<(), NotWritten> {
        if self.doubts.is_empty() {
            return Ok(());
        }
        let row = sqlx::query("SELECT sequence, hash FROM audit_writers WHERE writer = $1")
            .bind(&self.writer)
            .fetch_optional(&self.trail.pool)
            .await?
            .ok_or(NotWritten::Changed)?;
        let found = Head {
            sequence: row.try_get(0)?,
            hash: row
                .try_get::<String, _>(1)?
                .parse()
                .map_err(|_| NotWritten::Changed)?,
        };
        if found == self.head {
            return Ok(());
        }
        let stands = self.doubts.iter().position(|doubt| doubt.head == found);
        let stands = self.doubts.swap_remove(stands.ok_or(NotWritten::Changed)?);
        self.head = found;
        self.give_up_doubts(&stands.outcomes);
        for intent in stands.intents {
            self.owe(intent.closing());
        }
        Ok(())
    }

    /// The chain has moved on, so nothing that was tried from where it was stands or ever will, except what is `written`: the
    /// other outcomes are owed again.
    fn give_up_doubts(&mut self, written: &[Entry]) {
        self.owed.retain(|owed| !written.contains(owed));
        for doubt in std::mem::take(&mut self.doubts) {
            for outcome in doubt.outcomes {
                if !written.contains(&outcome) {
                    self.owe_once(outcome);
                }
            }
        }
    }

    fn owe_once(&mut self, outcome: Entry) {
        if !self.owed.contains(&outcome) {
            self.owe(Some(outcome));
        }
    }

    async fn send(
        &mut self,
        after: Head,
        rows: Vec<Row>,
        end: End,
    ) -> Result<Option<Arc<File>>, NotWritten> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.trail).await?,
        };
        let connection = self.connection.insert(connection);
        let head = Move {
            writer: &self.writer,
            from: (self.head.sequence, self.head.hash.to_string()),
            to: (after.sequence, after.hash.to_string()),
        };
        let appended = connection
            .append(&mut self.appender, head, rows, end)
            .await?;
        if !appended {
            return Err(NotWritten::Changed);
        }
        connection.log()
    }
}

/// What is written of an event.
pub(super) fn entry(event: &AuditEvent) -> Result<Entry, serde_json::Error> {
    let (canonical, columns) = (event.canonical()?, Columns::of(event));
    debug_assert_eq!(Columns::read(&canonical).ok().as_ref(), Some(&columns));
    Ok((canonical, columns))
}
