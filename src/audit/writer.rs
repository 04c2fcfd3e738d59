//! Appends events: one task writes what has queued up in one transaction, so that many requests share one fsync.
//!
//! An append returns when its event is durable, or fails; it never returns early. The outcome of an intent needs to be
//! committed for that, and its flush follows.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::audit::AuditEvent;
use rolecall_core::port::{AuditLog, Clock, Entropy, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::chain::{Chain, Entry, entry};
use super::database::{DatabaseUrl, OpenAuditError, Trail};
use super::flush::{Answer, Flusher, Sync};
use super::not_written::NotWritten;

/// Events that share one transaction at most; as many statements are kept prepared.
const BATCH_MAX: usize = 64;
/// Events that are waited for, as long as more are about to arrive. With more, everybody would wait for one and the same
/// commit, and the processors for everybody.
const GATHERED_MAX: usize = 24;
/// Events that may wait; more than that, and the database is not keeping up.
const QUEUE_MAX: usize = 1_024;
/// How long an event waits for a place in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long an append may take in all.
const APPEND_MAX: Duration = Duration::from_secs(3);

/// The audit trail in SQL, as this process writes it.
pub struct SqlAudit {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// An event on its way; `None` only asks whether the trail can be written to.
struct Waiting {
    event: Option<Entry>,
    until: Until,
    answer: Answer,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// The event outlives this process.
    Committed,
    /// It outlives the machine's next power failure.
    Durable,
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
        Self::open_with(url, clock, entropy, Box::new(File::sync_data)).await
    }

    async fn open_with(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        sync: Sync,
    ) -> Result<Self, OpenAuditError> {
        let trail = Trail::open_or_create(url).await?;
        let chain = Chain::begin(trail, clock, entropy)
            .await
            .map_err(OpenAuditError::NotWritable)?;
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            task: Mutex::new(Some(start(chain, Flusher::start(sync), queue))),
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

    async fn write(&self, event: &AuditEvent, until: Until) -> Result<(), StoreError> {
        let entry = entry(event).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(self.pass(Some(entry), until).await?)
    }

    async fn pass(&self, event: Option<Entry>, until: Until) -> Result<(), NotWritten> {
        let queue = lock(&self.queue).clone().ok_or(NotWritten::Closed)?;
        let place = timeout(QUEUE_WAIT_MAX, queue.reserve())
            .await
            .map_err(|_| NotWritten::Full)?
            .map_err(|_| NotWritten::Closed)?;
        let (answer, outcome) = oneshot::channel();
        place.send(Waiting {
            event,
            until,
            answer,
        });
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
        self.write(event, Until::Durable).await
    }

    async fn append_outcome(&self, event: &AuditEvent) -> Result<(), StoreError> {
        self.write(event, Until::Committed).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(self.pass(None, Until::Durable).await?)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ends when the queue's sender is dropped, and `close` waits for it"
)]
fn start(mut chain: Chain, flusher: Flusher, mut queue: mpsc::Receiver<Waiting>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            gather(&mut batch, &mut queue).await;
            let events = batch.iter_mut().filter_map(|waiting| waiting.event.take());
            let committed = chain.commit(events.collect()).await;
            answer(&mut batch, committed, &flusher).await;
        }
        flusher.close().await;
        chain.close().await;
    })
}

/// Answers who waited for the commit alone, and passes the others on, if there is anything left to flush.
async fn answer(
    batch: &mut Vec<Waiting>,
    committed: Result<Option<Arc<File>>, NotWritten>,
    flusher: &Flusher,
) {
    let (outcome, log) = match committed {
        Ok(log) => (Ok(()), log),
        Err(error) => (Err(error), None),
    };
    let mut durable = Vec::new();
    for waiting in batch.drain(..) {
        if log.is_some() && waiting.until == Until::Durable {
            durable.push(waiting.answer);
        } else {
            // Nobody listens any more if the caller gave up; the event stands all the same.
            let _ = waiting.answer.send(outcome.clone());
        }
    }
    if let Some(log) = log {
        flusher.pass(log, durable).await;
    }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use rolecall_core::audit::{Happened, ReferenceId};

    use super::*;
    use crate::world::{SystemClock, SystemEntropy};

    /// A disk that says when it is asked, and answers when it is told to.
    fn slow_disk() -> (Sync, Receiver<()>, SyncSender<()>) {
        let (asked, is_asked) = sync_channel(9);
        let (answer, answers) = sync_channel::<()>(9);
        let sync = move |_: &File| {
            let _ = asked.send(());
            answers.recv().map_err(std::io::Error::other)
        };
        (Box::new(sync), is_asked, answer)
    }

    fn event() -> AuditEvent {
        AuditEvent {
            at: SystemClock.now(),
            reference: ReferenceId::generate(&SystemEntropy),
            address: None,
            user_agent: None,
            happened: Happened::WriterStarted {
                version: String::new(),
                earlier: Vec::new(),
            },
        }
    }

    #[tokio::test]
    async fn an_intent_waits_for_the_disk_and_an_outcome_for_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("trail.db"));
        let (sync, asked, disk) = slow_disk();
        let audit = SqlAudit::open_with(&url, &SystemClock, &SystemEntropy, sync);
        let audit = Arc::new(audit.await.unwrap());

        let intent = event();
        let mut waiting = Box::pin(audit.append(&intent));
        assert!(
            timeout(Duration::from_millis(200), &mut waiting)
                .await
                .is_err()
        );
        asked.recv().unwrap();
        audit.append_outcome(&event()).await.unwrap();
        assert!(
            timeout(Duration::from_millis(50), &mut waiting)
                .await
                .is_err(),
            "the disk has not answered"
        );
        disk.send(()).unwrap();
        waiting.await.unwrap();
        // The outcome is flushed, too, though nobody waits for it.
        tokio::task::spawn_blocking(move || asked.recv())
            .await
            .unwrap()
            .unwrap();
        disk.send(()).unwrap();
        audit.close().await;
    }

    #[tokio::test]
    async fn a_disk_that_fails_ends_all_issuing_and_readiness() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("trail.db"));
        let sync = Box::new(|_: &File| Err(std::io::Error::other("the disk is on fire")));
        let audit = SqlAudit::open_with(&url, &SystemClock, &SystemEntropy, sync);
        let audit = audit.await.unwrap();
        assert!(audit.append(&event()).await.is_err());
        assert!(audit.ready().await.is_err());
        audit.close().await;
    }
}
