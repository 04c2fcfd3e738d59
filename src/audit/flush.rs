//! Makes commits durable while the next ones are being written.
//!
//! If SQLite flushed its log itself (`synchronous = FULL`), the writer's connection, and everybody behind it, would wait for
//! the disk at each commit. So that connection only commits (`NORMAL`), which outlives this process but not the machine, and
//! the log is flushed here, once for all commits since the last time. In WAL mode the two settings differ by this flush and
//! by nothing else (<https://sqlite.org/pragma.html#pragma_synchronous>).

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::gate::Gate;
use super::not_written::NotWritten;
use super::waiter::{Outcome, Waiter};

/// Commits that may wait; with more, the writer waits for the disk after all.
const QUEUE_MAX: usize = 64;

/// How a file is made durable: [`File::sync_data`], except in tests.
pub(super) type Sync = Box<dyn Fn(&File) -> io::Result<()> + Send>;

/// A commit that is not durable yet; without a log, only the end of those before it.
struct Commit {
    log: Option<Arc<File>>,
    waiting: Vec<Waiter>,
    done: Option<oneshot::Sender<Outcome>>,
}

/// See the module. Ends by itself when dropped.
pub(super) struct Flusher {
    queue: mpsc::Sender<Commit>,
    thread: JoinHandle<()>,
}

impl Flusher {
    /// Starts the thread. It shuts the gate for good when the disk fails.
    pub(super) fn start(sync: Sync, gate: Arc<Gate>) -> Self {
        let (queue, commits) = mpsc::channel(QUEUE_MAX);
        let thread = tokio::task::spawn_blocking(move || run(commits, &sync, &gate));
        Self { queue, thread }
    }

    /// Flushes the log soon, and then answers.
    pub(super) async fn pass(&self, log: Arc<File>, waiting: Vec<Waiter>) {
        let commit = Commit {
            log: Some(log),
            waiting,
            done: None,
        };
        // It ends only with its sender; and whoever hears nothing takes the event for not written.
        let _ = self.queue.send(commit).await;
    }

    /// Flushes the log, if there is one, and waits until that and everything before it is done and answered.
    ///
    /// # Errors
    /// [`NotWritten::NotKept`], also for an earlier log; [`NotWritten::Closed`].
    pub(super) async fn flush(&self, log: Option<Arc<File>>) -> Outcome {
        let (done, outcome) = oneshot::channel();
        let commit = Commit {
            log,
            waiting: Vec::new(),
            done: Some(done),
        };
        let sent = self.queue.send(commit).await;
        sent.map_err(|_| NotWritten::Closed)?;
        outcome.await.map_err(|_| NotWritten::Closed)?
    }

    /// Waits until everything is flushed.
    pub(super) async fn close(self) {
        drop(self.queue);
        if let Err(error) = self.thread.await {
            tracing::error!(%error, "the audit trail's flusher ended badly");
        }
    }
}

fn run(mut commits: mpsc::Receiver<Commit>, sync: &Sync, gate: &Gate) {
    let mut outcome = Ok(());
    while let Some(first) = commits.blocking_recv() {
        let mut log = first.log;
        let mut waiting = first.waiting;
        let mut done = Vec::from_iter(first.done);
        while let Ok(more) = commits.try_recv() {
            if let (Some(before), Some(after)) = (&log, &more.log)
                && !Arc::ptr_eq(before, after)
            {
                flush(&mut outcome, before, sync, gate);
            }
            log = more.log.or(log);
            waiting.extend(more.waiting);
            done.extend(more.done);
        }
        if let Some(log) = &log {
            flush(&mut outcome, log, sync, gate);
        }
        for waiter in waiting {
            waiter.tell(outcome.clone(), true);
        }
        for done in done {
            // Whoever asked has stopped waiting.
            let _ = done.send(outcome.clone());
        }
    }
}

/// A disk that failed once may have dropped what it should have kept, and says nothing the next time. So nothing counts as
/// durable from there on; a new process finds what is left, and begins behind it.
fn flush(outcome: &mut Outcome, log: &File, sync: &Sync, gate: &Gate) {
    if outcome.is_ok()
        && let Err(error) = sync(log)
    {
        tracing::error!(%error, "the disk did not keep the audit trail; nothing is issued until rolecalld is started again");
        let error = NotWritten::NotKept(Arc::new(error));
        gate.end(error.clone());
        *outcome = Err(error);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::sync_channel;

    use tokio::sync::oneshot;

    use super::*;

    fn waiter() -> (Waiter, oneshot::Receiver<Outcome>) {
        let (answer, heard) = oneshot::channel();
        let (abandoned, _) = mpsc::channel(1);
        let waiter = Waiter {
            answer,
            intent: None,
            abandoned,
        };
        (waiter, heard)
    }

    fn log() -> Arc<File> {
        Arc::new(tempfile::tempfile().unwrap())
    }

    #[tokio::test]
    async fn nobody_hears_of_it_before_the_disk_and_one_flush_serves_all_who_wait() {
        let (began, begins) = sync_channel(9);
        let (go, goes) = sync_channel::<()>(9);
        let flusher = Flusher::start(
            Box::new(move |_| {
                began.send(()).unwrap();
                goes.recv().map_err(io::Error::other)
            }),
            Arc::default(),
        );
        let log = log();
        let (first, mut heard_first) = waiter();
        flusher.pass(Arc::clone(&log), vec![first]).await;
        begins.recv().unwrap();
        let mut later = Vec::new();
        for _ in 0..5 {
            let (answer, heard) = waiter();
            flusher.pass(Arc::clone(&log), vec![answer]).await;
            later.push(heard);
        }
        assert!(heard_first.try_recv().is_err(), "the disk is not done");

        go.send(()).unwrap();
        assert!(heard_first.await.unwrap().is_ok());
        begins.recv().unwrap();
        assert!(later.iter_mut().all(|heard| heard.try_recv().is_err()));
        go.send(()).unwrap();
        for heard in later {
            assert!(heard.await.unwrap().is_ok());
        }
        flusher.close().await;
        assert!(begins.try_recv().is_err(), "two flushes for six commits");
    }

    /// What a disk lost once it does not own up to again.
    #[tokio::test]
    async fn after_a_failure_nothing_counts_as_durable() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let gate = Arc::<Gate>::default();
        let flusher = Flusher::start(
            Box::new(move |_| match counter.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(()),
                1 => Err(io::Error::other("the disk is on fire")),
                _ => Ok(()),
            }),
            Arc::clone(&gate),
        );
        for kept in [true, false, false] {
            let (answer, heard) = waiter();
            flusher.pass(log(), vec![answer]).await;
            let heard = heard.await.unwrap();
            assert_eq!(heard.is_ok(), kept);
            if let Err(error) = heard {
                assert!(error.to_string().contains("start rolecalld again"));
            }
        }
        gate.open();
        assert!(gate.check().is_err(), "a later commit opened the gate");
        assert!(flusher.flush(None).await.is_err());
        flusher.close().await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
