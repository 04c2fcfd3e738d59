//! Appends events: one task writes what has queued up in one transaction, so that many requests share one fsync.
//!
//! An append returns when its event is durable, or fails; it never returns early. The outcome of an intent needs to be
//! committed for that, and its flush follows.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryFutureExt as _;
use rolecall_core::audit::{AuditEvent, AuditLog};
use rolecall_core::base::{Clock, Entropy};
use rolecall_core::record::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::chain::Chain;
use super::flush::{Flusher, Sync};
use super::gate::Gate;
use super::not_written::NotWritten;
use super::task::{Task, Waiting};
use super::waiter::{Intent, Outcome, Pending, Until, Waiter};
use crate::database::OpenDatabaseError;
use crate::database::{Database, DatabaseUrl, Place, answered};

/// Events that may wait; more than that, and the database is not keeping up.
const QUEUE_MAX: usize = 1_024;
/// How long an event waits for a place in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long an append may take in all.
const APPEND_MAX: Duration = Duration::from_secs(3);

/// The audit trail in SQL, as this process writes it.
pub struct SqlAudit {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    abandoned: mpsc::Sender<Intent>,
    gate: Arc<Gate>,
    database: Database,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl SqlAudit {
    /// Opens the trail, brings its schema up to date and begins a chain of its own, whose first event puts the ends
    /// of the earlier chains on record.
    ///
    /// # Errors
    /// [`OpenDatabaseError`]: a gateway that cannot write its trail does not start.
    pub async fn open(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenDatabaseError> {
        Self::open_with(url, clock, entropy, Box::new(File::sync_data)).await
    }

    async fn open_with(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        sync: Sync,
    ) -> Result<Self, OpenDatabaseError> {
        let trail = Database::open_or_create(url).await?;
        let database = trail.clone();
        let beginning = Chain::begin(trail, clock, entropy);
        let chain = answered(beginning.map_err(OpenDatabaseError::NotWritable)).await?;
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let (abandoned, closing) = mpsc::channel(QUEUE_MAX);
        let gate = Arc::<Gate>::default();
        let task = Task {
            chain,
            flusher: Flusher::start(sync, Arc::clone(&gate)),
            gate: Arc::clone(&gate),
            retry: None,
            is_failing: false,
        };
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            abandoned,
            gate,
            database,
            task: Mutex::new(Some(start(task, queue, closing))),
        })
    }

    /// The database, for what is read beside the events that are written.
    pub fn database(&self) -> &Database {
        &self.database
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
        let event =
            Pending::new(event, until).map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(self.pass(Some(event), until).await?)
    }

    async fn pass(&self, event: Option<Pending>, until: Until) -> Result<(), NotWritten> {
        // An outcome is kept even while the database fails.
        if until == Until::Durable {
            self.gate.check()?;
        }
        let answer = self.enqueue(event, until).await?;
        timeout(APPEND_MAX, answer)
            .await
            .map_err(|_| NotWritten::TimedOut)?
            .map_err(|_| NotWritten::Closed)?
    }

    async fn enqueue(
        &self,
        event: Option<Pending>,
        until: Until,
    ) -> Result<oneshot::Receiver<Outcome>, NotWritten> {
        let queue = lock(&self.queue).clone().ok_or(NotWritten::Closed)?;
        let place = timeout(QUEUE_WAIT_MAX, queue.reserve())
            .await
            .map_err(|_| NotWritten::Full)?
            .map_err(|_| NotWritten::Closed)?;
        let (answer, outcome) = oneshot::channel();
        let waiter = Waiter {
            answer,
            intent: event.as_ref().and_then(Pending::intent),
            abandoned: self.abandoned.clone(),
        };
        place.send(Waiting {
            event,
            until,
            waiter,
        });
        Ok(outcome)
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

    async fn append_once(&self, event: &AuditEvent) -> Result<(), StoreError> {
        // While nothing can be written, it is the caller who keeps it.
        self.gate.check()?;
        let event = Pending::new(event, Until::Committed)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        let answer = self.enqueue(Some(event), Until::Committed).await?;
        // Whatever comes of it now, it is kept as outcomes are.
        let _ = timeout(APPEND_MAX, answer).await;
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if let Place::Sqlite(file) = &self.database.place {
            file.has_space().map_err(NotWritten::from)?;
        }
        Ok(self.pass(None, Until::Durable).await?)
    }

    async fn accepts(&self) -> Result<(), StoreError> {
        match self.gate.is_fresh() {
            true => Ok(()),
            false => Ok(self.pass(None, Until::Durable).await?),
        }
    }

    fn local_fault(&self) -> Result<(), StoreError> {
        let queue = lock(&self.queue);
        if queue.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(NotWritten::Closed.into());
        }
        match self.gate.check() {
            Err(error) if error.is_local() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn is_shared(&self) -> bool {
        match &self.database.place {
            Place::Sqlite(_) => false,
            Place::Postgres(_) => true,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "ends when the queue's sender is dropped, and `close` waits for it"
)]
fn start(
    task: Task,
    queue: mpsc::Receiver<Waiting>,
    abandoned: mpsc::Receiver<Intent>,
) -> JoinHandle<()> {
    tokio::spawn(task.run(queue, abandoned))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use rolecall_core::audit::{Actor, AuditEventKind, CredentialDelivery, ReferenceId, Target};
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{Connection as _, SqliteConnection};

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

    /// Goes on once the disk is asked; whoever waits for it must not be answered before.
    async fn until_asked<T>(
        asked: Receiver<()>,
        waiting: &mut (impl Future<Output = T> + Unpin),
    ) -> Receiver<()> {
        let is_asked = tokio::task::spawn_blocking(move || {
            asked.recv().unwrap();
            asked
        });
        tokio::select! {
            asked = is_asked => asked.unwrap(),
            _ = waiting => panic!("the disk has not answered"),
        }
    }

    fn event() -> AuditEvent {
        AuditEvent {
            at: SystemClock.now(),
            reference: ReferenceId::generate(&SystemEntropy),
            address: None,
            user_agent: None,
            kind: AuditEventKind::WriterStarted {
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
        let asked = until_asked(asked, &mut waiting).await;
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

    fn intended() -> AuditEvent {
        let text = |text: &str| text.to_owned();
        AuditEvent {
            kind: AuditEventKind::IssueIntended {
                actor: Actor {
                    provider: text("okta"),
                    subject: text("00u1"),
                    email: None,
                },
                session: text("s"),
                target: Target {
                    account: text("111122223333"),
                    permission_set: text("Developer"),
                    variant: None,
                },
                role: text("arn:aws:iam::111122223333:role/Developer"),
                assignments: vec![],
                duration: 3_600,
                role_session_name: text("alice"),
                source_identity: None,
                tag_keys: vec![],
                delivery: CredentialDelivery::Client,
                token_id: None,
            },
            ..event()
        }
    }

    /// Its caller hung up while the disk was busy, so AWS was not asked.
    #[tokio::test]
    async fn an_intent_that_nobody_waits_for_any_more_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("trail.db"));
        let (sync, asked, disk) = slow_disk();
        let audit = SqlAudit::open_with(&url, &SystemClock, &SystemEntropy, sync);
        let audit = audit.await.unwrap();
        let intent = intended();
        let mut waiting = Box::pin(audit.append(&intent));
        let _asked = until_asked(asked, &mut waiting).await;
        drop(waiting);
        for _ in 0..3 {
            disk.send(()).unwrap();
        }
        audit.close().await;
        let trail = Database::open(&url).await.unwrap();
        let report = crate::audit::verify(&trail).await.unwrap();
        assert!(
            report.is_intact() && report.open_intents_count == 0 && report.events == 3,
            "{report:?}"
        );
    }

    /// What is committed again after a failure must reach the disk before events are taken.
    #[tokio::test]
    async fn a_database_that_failed_works_again_when_the_disk_has_answered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.db");
        let url = DatabaseUrl::Sqlite(path.clone());
        let (sync, _asked, disk) = slow_disk();
        let audit = SqlAudit::open_with(&url, &SystemClock, &SystemEntropy, sync);
        let audit = audit.await.unwrap();
        let options = SqliteConnectOptions::new().filename(path);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        let begin = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other);
        begin.await.unwrap();
        assert!(audit.append(&event()).await.is_err());
        while audit.gate.check().is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(audit.gate.check().is_err(), "the disk has not answered");
        for _ in 0..9 {
            disk.send(()).unwrap();
        }
        let opens = async {
            while audit.gate.check().is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(8), opens).await.unwrap();
        drop(disk);
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
