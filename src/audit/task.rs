//! The one task that writes: takes what has queued up, commits it, and finds out by itself when a database that failed is
//! back.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::chain::Chain;
use super::flush::Flusher;
use super::gate::Gate;
use super::not_written::NotWritten;
use super::waiter::{Intent, Pending, Until, Waiter};

/// Events that share one transaction at most; as many statements are kept prepared.
pub(super) const BATCH_MAX: usize = 64;
/// Events that are waited for, as long as more are about to arrive. With more, everybody would wait for one and the same
/// commit, and the processors for everybody.
const GATHERED_MAX: usize = 24;
/// The pauses between two trials of a database that fails.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// An event on its way; `None` only asks whether the trail can be written to.
pub(super) struct Waiting {
    pub(super) event: Option<Pending>,
    pub(super) until: Until,
    pub(super) waiter: Waiter,
}

/// See the module.
pub(super) struct Task {
    pub(super) chain: Chain,
    pub(super) flusher: Flusher,
    pub(super) gate: Arc<Gate>,
    /// When the database is tried again, after it failed.
    pub(super) retry: Option<(Instant, Duration)>,
}

impl Task {
    /// Writes until the queue's sender is dropped.
    pub(super) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Waiting>,
        mut abandoned: mpsc::Receiver<Intent>,
    ) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let retry = self.retry.map(|(at, _)| at);
            tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { break },
                Some(intent) = abandoned.recv() => self.chain.owe(intent.closing()),
                () = std::future::ready(()), if retry.is_none() && self.chain.owes() => {}
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => {}
            }
            if retry.is_some_and(|at| Instant::now() < at) {
                self.refuse(&mut batch);
                continue;
            }
            gather(&mut batch, &mut queue).await;
            batch.retain(|waiting| !waiting.waiter.has_given_up());
            self.turn(&mut batch).await;
        }
        self.flusher.close().await;
        while let Ok(intent) = abandoned.try_recv() {
            self.chain.owe(intent.closing());
        }
        if let Err(error) = self.chain.commit_owed().await {
            tracing::error!(%error, "outcomes of issues could not be written to the audit trail");
        }
        self.chain.close().await;
    }

    /// Writes the batch and answers. After a failure the database is tried once more at once, since perhaps only the
    /// connection had broken; callers wait for that, unless the database had not answered.
    async fn turn(&mut self, batch: &mut Vec<Waiting>) {
        let mut outcome = self.write(batch).await;
        if let Err(error) = &outcome
            && self.retry.is_none()
        {
            if matches!(error, NotWritten::TimedOut) {
                // The next trial may take as long.
                self.shut(error);
            }
            outcome = self.chain.probe().await.map(drop);
        }
        match outcome {
            Ok(()) => {
                self.retry = None;
                if self.gate.open() {
                    tracing::info!("the audit trail can be written again");
                }
            }
            Err(error) => {
                let pause = self
                    .retry
                    .map_or(PAUSE_MIN, |(_, last)| (2 * last).min(PAUSE_MAX));
                self.retry = Some((Instant::now() + pause, pause));
                self.shut(&error);
            }
        }
    }

    fn shut(&self, error: &NotWritten) {
        if self.gate.shut(error.clone()) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the audit trail cannot be written; nothing is issued and nobody signs in until it can"
            );
        }
    }

    async fn write(&mut self, batch: &mut Vec<Waiting>) -> Result<(), NotWritten> {
        let events: Vec<Pending> = batch
            .iter_mut()
            .filter_map(|waiting| waiting.event.take())
            .collect();
        let owed = self.chain.commit_owed().await;
        let committed = match (owed, events.is_empty()) {
            (Err(error), _) => {
                self.chain.keep_outcomes(events);
                Err(error)
            }
            (Ok(_), false) => self.chain.commit(events).await,
            (Ok(Some(log)), true) => Ok(Some(log)),
            (Ok(None), true) => self.chain.probe().await,
        };
        let outcome = committed.as_ref().map(drop).map_err(NotWritten::clone);
        self.answer(batch, committed).await;
        outcome
    }

    /// Answers who waited for the commit alone, and passes the others on, if there is anything left to flush.
    async fn answer(
        &self,
        batch: &mut Vec<Waiting>,
        committed: Result<Option<Arc<File>>, NotWritten>,
    ) {
        let (outcome, log) = match committed {
            Ok(log) => (Ok(()), log),
            Err(error) => (Err(error), None),
        };
        let stands = outcome.is_ok();
        let mut durable = Vec::new();
        for waiting in batch.drain(..) {
            if log.is_some() && waiting.until == Until::Durable {
                durable.push(waiting.waiter);
            } else {
                waiting.waiter.tell(outcome.clone(), stands);
            }
        }
        if let Some(log) = log {
            self.flusher.pass(log, durable).await;
        }
    }

    /// Answers without asking the database, until it is tried again. Outcomes are kept.
    fn refuse(&mut self, batch: &mut Vec<Waiting>) {
        let refusal = self.gate.check().err().unwrap_or(NotWritten::TimedOut);
        for waiting in batch.drain(..) {
            if let Some(event) = waiting.event {
                self.chain.keep_outcomes(vec![event]);
            }
            waiting.waiter.tell(Err(refusal.clone()), false);
        }
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
