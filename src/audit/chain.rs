//! One writer's chain in the database: where it ends, and how a batch of events is put behind its end, all or nothing.
//!
//! A transaction that failed moves nothing. If the outcome of a commit is unknown, the database is asked before the next
//! one, so no gap can arise.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, ChainHash, Happened, ReferenceId, WriterHead};
use rolecall_core::port::{Clock, Entropy, Source};
use sqlx::{AssertSqlSafe, Row as _};
use tokio::time::timeout;

use super::append::{Appender, Move};
use super::connection::Connection;
use super::database::Trail;
use super::not_written::NotWritten;
use super::row::{self, Columns, Row, sortable};

/// How long a transaction may take: two seconds of another process's lock, and the writing itself.
const TRANSACTION_MAX: Duration = Duration::from_millis(2_500);
/// Commits of unknown outcome that are remembered.
const DOUBTS_MAX: usize = 64;

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
    doubts: Vec<Head>,
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
        })
    }

    /// Commits a batch in one transaction. An empty one only tells whether the trail can be written to. Says what must be
    /// flushed to make the commit durable, unless it is.
    pub(super) async fn commit(
        &mut self,
        events: Vec<Entry>,
    ) -> Result<Option<Arc<File>>, NotWritten> {
        let outcome = timeout(TRANSACTION_MAX, async {
            self.settle().await?;
            let mut after = self.head;
            let rows: Vec<Row> = events
                .into_iter()
                .map(|event| after.push(&self.writer, event))
                .collect();
            if self.doubts.len() == DOUBTS_MAX {
                self.doubts.remove(0);
            }
            self.doubts.push(after);
            let log = self.write(after, rows).await?;
            self.head = after;
            self.doubts.clear();
            Ok(log)
        })
        .await
        .unwrap_or(Err(NotWritten::TimedOut));
        if outcome.is_err() {
            // It may stand within a transaction that nobody ends.
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
        if found != self.head && !self.doubts.contains(&found) {
            return Err(NotWritten::Changed);
        }
        self.head = found;
        Ok(())
    }

    async fn write(
        &mut self,
        after: Head,
        rows: Vec<Row>,
    ) -> Result<Option<Arc<File>>, NotWritten> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.trail.url).await?,
        };
        let connection = self.connection.insert(connection);
        let head = Move {
            writer: &self.writer,
            from: (self.head.sequence, self.head.hash.to_string()),
            to: (after.sequence, after.hash.to_string()),
        };
        let appended = connection.append(&mut self.appender, head, rows).await?;
        if !appended {
            return Err(NotWritten::Changed);
        }
        Ok(connection.log().map_err(sqlx::Error::Io)?)
    }
}

/// What is written of an event.
pub(super) fn entry(event: &AuditEvent) -> Result<Entry, serde_json::Error> {
    let (canonical, columns) = (event.canonical()?, Columns::of(event));
    debug_assert_eq!(Columns::read(&canonical).ok().as_ref(), Some(&columns));
    Ok((canonical, columns))
}
