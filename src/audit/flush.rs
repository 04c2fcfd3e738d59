//! Flushes the write-ahead log of SQLite to disk while the next events are committed.
//!
//! With `synchronous = FULL`, SQLite flushes within each commit, and all events behind the commit wait for the disk. The writer's
//! connection therefore commits with `NORMAL`: a commit survives a crash of the process, but not of the machine. A task
//! flushes the log, once for all commits since the last flush. In WAL mode, this flush is the only difference between the two
//! settings (<https://sqlite.org/pragma.html#pragma_synchronous>).

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::gate::Gate;
use super::waiter::{Outcome, Waiter};
use super::write_error::WriteError;

/// Commits that may wait for a flush. With more, the writer waits for the disk.
const QUEUE_MAX: usize = 64;

/// Writes a file to disk: [`File::sync_data`], except in tests.
pub(super) type SyncFile = Arc<dyn Fn(&File) -> io::Result<()> + Send + Sync>;

/// A commit that is not durable yet.
struct Commit {
    /// The log that contains the commit. Without it, only the commits before this one are waited for.
    log: Option<Arc<File>>,
    waiters: Vec<Waiter>,
}

/// The task that flushes. It ends when this value is dropped.
pub(super) struct Flusher {
    queue: mpsc::Sender<Commit>,
    task: JoinHandle<()>,
}

impl Flusher {
    /// Starts the task. It closes the gate permanently if the disk fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "ends when the queue's sender is dropped, and `close` waits for it"
    )]
    pub(super) fn start(sync: SyncFile, gate: Arc<Gate>) -> Self {
        let (queue, commits) = mpsc::channel(QUEUE_MAX);
        let task = tokio::spawn(run(commits, sync, gate));
        Self { queue, task }
    }

    /// Flushes the log soon, and then answers the waiters.
    pub(super) async fn flush_later(&self, log: Arc<File>, waiters: Vec<Waiter>) {
        let log = Some(log);
        // The task ends after its sender. A waiter without an answer counts its event as not written.
        let _ = self.queue.send(Commit { log, waiters }).await;
    }

    /// Flushes the log, if any, and waits until all commits up to this one are flushed and their waiters answered.
    ///
    /// # Errors
    /// [`WriteError::NotKept`] if this flush or an earlier one failed; [`WriteError::Closed`].
    pub(super) async fn flush(&self, log: Option<Arc<File>>) -> Outcome {
        let (waiter, outcome) = Waiter::new(None);
        let waiters = vec![waiter];
        let sent = self.queue.send(Commit { log, waiters }).await;
        sent.map_err(|_| WriteError::Closed)?;
        outcome.await.map_err(|_| WriteError::Closed)?
    }

    /// Waits until everything is flushed.
    pub(super) async fn close(self) {
        drop(self.queue);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that flushes the audit trail failed");
        }
    }
}

async fn run(mut commits: mpsc::Receiver<Commit>, sync: SyncFile, gate: Arc<Gate>) {
    let mut outcome = Ok(());
    let mut batch = Vec::with_capacity(QUEUE_MAX);
    while commits.recv_many(&mut batch, QUEUE_MAX).await > 0 {
        let mut logs: Vec<Arc<File>> = batch
            .iter()
            .filter_map(|commit| commit.log.clone())
            .collect();
        logs.dedup_by(|one, other| Arc::ptr_eq(one, other));
        for log in logs {
            // After a failure, a disk may have dropped data, and reports success for the next flush. So nothing counts as durable
            // until a new process has read what is there.
            if outcome.is_ok() {
                outcome = flush(log, &sync, &gate).await;
            }
        }
        for waiter in batch.drain(..).flat_map(|commit| commit.waiters) {
            waiter.answer(outcome.clone(), true);
        }
    }
}

async fn flush(log: Arc<File>, sync: &SyncFile, gate: &Gate) -> Outcome {
    let sync = Arc::clone(sync);
    let flushed = spawn_blocking(move || sync(&log)).await;
    flushed
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| {
            tracing::error!(%error, "the disk did not keep the audit trail; nothing is issued until rolecalld is restarted");
            let error = WriteError::NotKept(Arc::new(error));
            gate.close_permanently(error.clone());
            error
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn log() -> Arc<File> {
        Arc::new(tempfile::tempfile().unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_flush_serves_all_commits_since_the_last() {
        let (began, begins) = sync_channel(9);
        let (finish, finishes) = sync_channel::<()>(9);
        let finishes = Mutex::new(finishes);
        let flusher = Flusher::start(
            Arc::new(move |_: &File| {
                began.send(()).unwrap();
                finishes.lock().unwrap().recv().map_err(io::Error::other)
            }),
            Arc::default(),
        );
        let log = log();
        let (first, mut first_outcome) = Waiter::new(None);
        flusher.flush_later(Arc::clone(&log), vec![first]).await;
        begins.recv().unwrap();
        let mut later = Vec::new();
        for _ in 0..5 {
            let (waiter, outcome) = Waiter::new(None);
            flusher.flush_later(Arc::clone(&log), vec![waiter]).await;
            later.push(outcome);
        }
        assert!(
            first_outcome.try_recv().is_err(),
            "answered before the disk"
        );

        finish.send(()).unwrap();
        assert!(first_outcome.await.unwrap().is_ok());
        begins.recv().unwrap();
        assert!(later.iter_mut().all(|outcome| outcome.try_recv().is_err()));
        finish.send(()).unwrap();
        for outcome in later {
            assert!(outcome.await.unwrap().is_ok());
        }
        flusher.close().await;
        assert!(begins.try_recv().is_err(), "two flushes for six commits");
    }

    #[tokio::test]
    async fn nothing_is_durable_after_a_failed_flush() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let gate = Arc::<Gate>::default();
        let flusher = Flusher::start(
            Arc::new(
                move |_: &File| match counter.fetch_add(1, Ordering::Relaxed) {
                    1 => Err(io::Error::other("the disk failed")),
                    _ => Ok(()),
                },
            ),
            Arc::clone(&gate),
        );
        for kept in [true, false, false] {
            let (waiter, outcome) = Waiter::new(None);
            flusher.flush_later(log(), vec![waiter]).await;
            let outcome = outcome.await.unwrap();
            assert_eq!(outcome.is_ok(), kept);
            if let Err(error) = outcome {
                assert!(error.to_string().contains("restart rolecalld"));
            }
        }
        gate.open();
        assert!(gate.check().is_err(), "a later commit opened the gate");
        assert!(flusher.flush(None).await.is_err());
        flusher.close().await;
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
