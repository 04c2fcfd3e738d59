//! Appends events: one task writes what has queued up in one transaction, so that many requests share one fsync.
//!
//! An append returns when its event is durable, or fails; it never returns early. A transaction that failed moves
//! nothing. If the outcome of a commit is unknown, the database is asked before the next one, so no gap can arise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::audit::{AuditEvent, ChainHash, Happened, ReferenceId, WriterHead};
use rolecall_core::port::{AuditLog, Clock, Entropy, Source, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::append::{Appender, Move};
use super::database::{DatabaseUrl, OpenAuditError, Trail};
use super::row::{self, Columns, Row, sortable};

/// Events that share one transaction at most; as many statements are kept prepared.
const BATCH_MAX: usize = 64;
/// Events that are waited for, as long as more are about to arrive. With more, everybody would wait for one and the same
/// commit, and the processors for everybody.
const GATHERED_MAX: usize = 12;
/// Events that may wait; more than that, and the database is not keeping up.
const QUEUE_MAX: usize = 1_024;
/// How long an event waits for a place in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a transaction may take: two seconds of another process's lock, and the writing itself.
const TRANSACTION_MAX: Duration = Duration::from_millis(2_500);
/// How long an append may take in all.
const APPEND_MAX: Duration = Duration::from_secs(3);
/// Commits of unknown outcome that are remembered.
const DOUBTS_MAX: usize = 64;

/// The audit trail in SQL, as this process writes it.
pub struct SqlAudit {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// An event on its way; `None` only asks whether the trail can be written to.
struct Waiting {
    event: Option<(String, Columns)>,
    done: oneshot::Sender<Result<(), NotWritten>>,
}

/// Why an event is not in the trail.
#[derive(Clone, Debug, thiserror::Error)]
enum NotWritten {
    #[error("the audit database failed")]
    Database(#[source] Arc<sqlx::Error>),
    #[error("the audit database did not answer in time")]
    TimedOut,
    #[error(
        "the audit trail was changed behind its writer's back; hint: run `rolecalld audit verify`"
    )]
    Changed,
    #[error("the audit trail is closed")]
    Closed,
    #[error("the audit queue is full")]
    Full,
}

impl From<sqlx::Error> for NotWritten {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<NotWritten> for StoreError {
    fn from(error: NotWritten) -> Self {
        Self::Unavailable(error.into())
    }
}

impl SqlAudit {
    /// Opens the trail, brings its schema up to date and begins a chain of its own, whose first event puts the ends
    /// of the earlier chains on record.
    ///
    /// # Errors
    /// [`OpenAuditError`]: a gateway that cannot write its trail does not start.
    pub async fn open(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenAuditError> {
        let trail = Trail::open_or_create(url).await?;
        let chain = Chain::begin(trail, clock, entropy)
            .await
            .map_err(OpenAuditError::NotWritable)?;
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            task: Mutex::new(Some(start(chain, queue))),
        })
    }

    /// Takes no more events, waits until those that wait are written, and ends.
    pub async fn close(&self) {
        drop(lock(&self.queue).take());
        let task = lock(&self.task).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the audit trail's writer ended badly");
        }
    }

    async fn pass(&self, event: Option<(String, Columns)>) -> Result<(), NotWritten> {
        let queue = lock(&self.queue).clone().ok_or(NotWritten::Closed)?;
        let place = timeout(QUEUE_WAIT_MAX, queue.reserve())
            .await
            .map_err(|_| NotWritten::Full)?
            .map_err(|_| NotWritten::Closed)?;
        let (done, outcome) = oneshot::channel();
        place.send(Waiting { event, done });
        timeout(APPEND_MAX, outcome)
            .await
            .map_err(|_| NotWritten::TimedOut)?
            .map_err(|_| NotWritten::Closed)?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl AuditLog for SqlAudit {
    async fn append(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let entry = entry(event).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(self.pass(Some(entry)).await?)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(self.pass(None).await?)
    }
}

fn entry(event: &AuditEvent) -> Result<(String, Columns), serde_json::Error> {
    let canonical = event.canonical()?;
    let columns = Columns::of(&canonical)?;
    Ok((canonical, columns))
}

#[expect(
    clippy::disallowed_methods,
    reason = "ends when the queue's sender is dropped, and `close` waits for it"
)]
fn start(mut chain: Chain, mut queue: mpsc::Receiver<Waiting>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            gather(&mut batch, &mut queue).await;
            let outcome = chain.append(&mut batch).await;
            for waiting in batch.drain(..) {
                // Nobody listens any more if the caller gave up; the event stands all the same.
                let _ = waiting.done.send(outcome.clone());
            }
        }
        drop(chain.connection);
        chain.pool.close().await;
    })
}

/// Takes along whoever is about to arrive: one commit for many is what keeps this fast. Lets all that is ready run, as
/// long as that brings more events; waits for nothing else, so that an event that comes alone is not held up.
async fn gather(batch: &mut Vec<Waiting>, queue: &mut mpsc::Receiver<Waiting>) {
    let mut before = 0;
    while before < batch.len() && batch.len() < GATHERED_MAX {
        before = batch.len();
        tokio::task::yield_now().await;
        while batch.len() < BATCH_MAX
            && let Ok(waiting) = queue.try_recv()
        {
            batch.push(waiting);
        }
    }
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    sequence: i64,
    hash: ChainHash,
}

impl Head {
    /// Puts an event behind this head and moves it.
    fn push(&mut self, writer: &str, (canonical, columns): (String, Columns)) -> Row {
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
struct Chain {
    pool: AnyPool,
    /// The connection that writes, as long as nothing has gone wrong on it.
    connection: Option<PoolConnection<Any>>,
    appender: Appender,
    writer: String,
    head: Head,
    /// Where the chain may end instead, after transactions of unknown outcome. Empty: `head` is certain.
    doubts: Vec<Head>,
}

impl Chain {
    /// A new chain with its first event.
    async fn begin(
        Trail { pool, is_postgres }: Trail,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, Source> {
        let writer = ReferenceId::generate(entropy);
        let grown = sqlx::query(
            "SELECT writer, sequence, hash FROM audit_writers WHERE witnessed < sequence ORDER BY writer",
        )
        .fetch_all(&pool)
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
            pool,
            connection: None,
            appender: Appender::new(is_postgres),
            writer,
            head,
            doubts: Vec::new(),
        })
    }

    /// Writes a batch in one transaction. The events are taken out of it; what is left are those who wait.
    async fn append(&mut self, batch: &mut [Waiting]) -> Result<(), NotWritten> {
        let events = batch.iter_mut().filter_map(|waiting| waiting.event.take());
        let events: Vec<_> = events.collect();
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
            self.write(after, rows).await?;
            self.head = after;
            self.doubts.clear();
            Ok(())
        })
        .await
        .unwrap_or(Err(NotWritten::TimedOut));
        if outcome.is_err()
            && let Some(mut connection) = self.connection.take()
        {
            // It may stand within a transaction that nobody ends.
            connection.close_on_drop();
        }
        outcome
    }

    /// After a failure, asks the database where the chain ends.
    async fn settle(&mut self) -> Result<(), NotWritten> {
        if self.doubts.is_empty() {
            return Ok(());
        }
        let row = sqlx::query("SELECT sequence, hash FROM audit_writers WHERE writer = $1")
            .bind(&self.writer)
            .fetch_optional(&self.pool)
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

    async fn write(&mut self, after: Head, rows: Vec<Row>) -> Result<(), NotWritten> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none @ None => none.insert(self.pool.acquire().await?),
        };
        let head = Move {
            writer: &self.writer,
            from: (self.head.sequence, self.head.hash.to_string()),
            to: (after.sequence, after.hash.to_string()),
        };
        if self.appender.append(connection, head, rows).await? {
            Ok(())
        } else {
            Err(NotWritten::Changed)
        }
    }
}
