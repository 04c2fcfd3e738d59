//! Appends events: one task writes all events in the queue in one transaction, so that many requests share one flush of the disk.
//!
//! An append returns when its event is durable, or fails. The outcome of an intent returns when it is committed, and is flushed
//! after that.

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
use super::flush::{Flusher, SyncFile};
use super::gate::Gate;
use super::task::{Task, Waiting};
use super::waiter::{Intent, Outcome, Pending, Waiter};
use super::write_error::WriteError;
use crate::database::OpenDatabaseError;
use crate::database::{Backend, Database, DatabaseUrl, answered};

/// Events that may wait. With more, the database is too slow.
const QUEUE_MAX: usize = 1_024;
/// How long an event waits for a place in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long an append may take in all.
const APPEND_MAX: Duration = Duration::from_secs(3);

/// The audit trail in SQL, with the chain of this process.
pub struct SqlAudit {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    abandoned: mpsc::Sender<Intent>,
    gate: Arc<Gate>,
    database: Database,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl SqlAudit {
    /// Opens the trail, migrates its schema and begins a chain, whose first event records the ends of the earlier chains.
    ///
    /// # Errors
    /// [`OpenDatabaseError`]. A gateway that cannot write its trail does not start.
    pub async fn open(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenDatabaseError> {
        Self::open_with(url, clock, entropy, Arc::new(File::sync_data)).await
    }

    async fn open_with(
        url: &DatabaseUrl,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
        sync: SyncFile,
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

    /// The database, for reading.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Accepts no more events, and waits until those in the queue are written.
    pub async fn close(&self) {
        drop(lock(&self.queue).take());
        let task = lock(&self.task).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that writes the audit trail failed");
        }
    }

    /// Waits for the event; without one, tests whether the trail can be written.
    async fn write(&self, event: Option<Pending>) -> Result<(), WriteError> {
        // An outcome is kept while the database fails.
        if !event.as_ref().is_some_and(Pending::is_outcome) {
            self.gate.check()?;
        }
        let outcome = self.enqueue(event).await?;
        timeout(APPEND_MAX, outcome)
            .await
            .map_err(|_| WriteError::TimedOut)?
            .map_err(|_| WriteError::Closed)?
    }

    async fn enqueue(
        &self,
        event: Option<Pending>,
    ) -> Result<oneshot::Receiver<Outcome>, WriteError> {
        let queue = lock(&self.queue).clone().ok_or(WriteError::Closed)?;
        let place = timeout(QUEUE_WAIT_MAX, queue.reserve())
            .await
            .map_err(|_| WriteError::Full)?
            .map_err(|_| WriteError::Closed)?;
        let intent = event.as_ref().and_then(Pending::intent);
        let intent = intent.map(|intent| (intent.clone(), self.abandoned.clone()));
        let (waiter, outcome) = Waiter::new(intent);
        place.send(Waiting { event, waiter });
        Ok(outcome)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl AuditLog for SqlAudit {
    async fn append(&self, event: &AuditEvent) -> Result<(), StoreError> {
        Ok(self.write(Some(Pending::new(event)?)).await?)
    }

    async fn append_outcome(&self, event: &AuditEvent) -> Result<(), StoreError> {
        Ok(self.write(Some(Pending::outcome(event)?)).await?)
    }

    async fn append_once(&self, event: &AuditEvent) -> Result<(), StoreError> {
        // While the trail cannot be written, the caller keeps the event.
        self.gate.check()?;
        let outcome = self.enqueue(Some(Pending::outcome(event)?)).await?;
        // From here on it is written, even if not within this time.
        let _ = timeout(APPEND_MAX, outcome).await;
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if let Backend::Sqlite(file) = &self.database.backend {
            file.has_space().map_err(WriteError::from)?;
        }
        Ok(self.write(None).await?)
    }

    async fn accepts(&self) -> Result<(), StoreError> {
        match self.gate.is_fresh() {
            true => Ok(()),
            false => Ok(self.write(None).await?),
        }
    }

    fn local_fault(&self) -> Result<(), StoreError> {
        let queue = lock(&self.queue);
        if queue.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(WriteError::Closed.into());
        }
        match self.gate.check() {
            Err(error) if error.is_local() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn is_shared(&self) -> bool {
        match &self.database.backend {
            Backend::Sqlite(_) => false,
            Backend::Postgres(_) => true,
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

    /// A disk that reports each flush, and completes it when the test allows it.
    fn slow_disk() -> (SyncFile, Receiver<()>, SyncSender<()>) {
        let (begin, begins) = sync_channel(9);
        let (finish, finishes) = sync_channel::<()>(9);
        let finishes = Mutex::new(finishes);
        let sync = move |_: &File| {
            let _ = begin.send(());
            lock(&finishes).recv().map_err(std::io::Error::other)
        };
        (Arc::new(sync), begins, finish)
    }

    /// Returns when a flush begins; the append must not return before.
    async fn until_flush_begins<T>(
        begins: Receiver<()>,
        append: &mut (impl Future<Output = T> + Unpin),
    ) -> Receiver<()> {
        let began = tokio::task::spawn_blocking(move || {
            begins.recv().unwrap();
            begins
        });
        tokio::select! {
            begins = began => begins.unwrap(),
            _ = append => panic!("returned before the flush"),
        }
    }

    async fn open(folder: &tempfile::TempDir, sync: SyncFile) -> (DatabaseUrl, SqlAudit) {
        let url = DatabaseUrl::Sqlite(folder.path().join("trail.db"));
        let audit = SqlAudit::open_with(&url, &SystemClock, &SystemEntropy, sync);
        let audit = audit.await.unwrap();
        (url, audit)
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
    async fn intent_waits_for_flush_and_outcome_for_commit() {
        let folder = tempfile::tempdir().unwrap();
        let (sync, begins, disk) = slow_disk();
        let (_, audit) = open(&folder, sync).await;

        let intent = event();
        let mut append = Box::pin(audit.append(&intent));
        let begins = until_flush_begins(begins, &mut append).await;
        audit.append_outcome(&event()).await.unwrap();
        let early = timeout(Duration::from_millis(50), &mut append).await;
        assert!(early.is_err(), "returned before the flush");
        disk.send(()).unwrap();
        append.await.unwrap();
        // The outcome is flushed, although no caller waits for it.
        tokio::task::spawn_blocking(move || begins.recv())
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
                omitted_tag_keys: vec![],
                delivery: CredentialDelivery::Client,
                token_id: None,
            },
            ..event()
        }
    }

    #[tokio::test]
    async fn intent_abandoned_during_flush_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (sync, begins, disk) = slow_disk();
        let (url, audit) = open(&folder, sync).await;
        let intent = intended();
        let mut append = Box::pin(audit.append(&intent));
        let _begins = until_flush_begins(begins, &mut append).await;
        drop(append);
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

    /// Events of before the failure must be on disk before events are accepted.
    #[tokio::test]
    async fn failed_database_recovers_after_flush() {
        let folder = tempfile::tempdir().unwrap();
        let (sync, _begins, disk) = slow_disk();
        let (_, audit) = open(&folder, sync).await;
        let options = SqliteConnectOptions::new().filename(folder.path().join("trail.db"));
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        let begin = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other);
        begin.await.unwrap();
        assert!(audit.append(&event()).await.is_err());
        while audit.gate.check().is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(audit.gate.check().is_err(), "open before the flush");
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
    async fn disk_failure_ends_issuing_and_readiness() {
        let folder = tempfile::tempdir().unwrap();
        let sync = Arc::new(|_: &File| Err(std::io::Error::other("the disk failed")));
        let (_, audit) = open(&folder, sync).await;
        assert!(audit.append(&event()).await.is_err());
        assert!(audit.ready().await.is_err());
        audit.close().await;
    }
}
