//! The task that writes: it commits the events in the queue, and detects when a database that failed works again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::chain::Chain;
use super::committed::Committed;
use super::flush::Flusher;
use super::gate::Gate;
use super::waiter::{Intent, Pending, Waiter};
use super::write_error::WriteError;

/// Events of one transaction at most. The driver keeps one prepared statement for each number of events.
pub(super) const BATCH_MAX: usize = 64;
/// Events after which a batch waits for no more. In larger batches, all callers wait for one commit, and the processors are idle.
const GATHERED_MAX: usize = 24;
/// The pauses between two attempts to write to a database that fails.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long the disk may take to flush, for a database that failed to count as working again.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// A caller in the queue.
pub(super) struct Waiting {
    /// The event to write; none to test only whether the trail can be written.
    pub(super) event: Option<Pending>,
    pub(super) waiter: Waiter,
}

impl Waiting {
    /// Whether the caller waits for the flush after the commit; see [`Pending::outcome`].
    fn waits_for_flush(&self) -> bool {
        !self.event.as_ref().is_some_and(Pending::is_outcome)
    }
}

pub(super) struct Task {
    pub(super) chain: Chain,
    pub(super) flusher: Flusher,
    pub(super) gate: Arc<Gate>,
    /// After a failure: when the next attempt is due, and the pause before it.
    pub(super) retry: Option<(Instant, Duration)>,
    /// Whether the last commit failed. Only the first of several failures is logged.
    pub(super) is_failing: bool,
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
            let next = retry.or_else(|| self.chain.due_at());
            tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { break },
                Some(intent) = abandoned.recv() => {
                    intent.closing().into_iter().for_each(|closing| self.chain.retry_later(closing));
                    continue;
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            if retry.is_some_and(|at| Instant::now() < at) {
                self.refuse(&mut batch);
                continue;
            }
            gather(&mut batch, &mut queue).await;
            batch.retain(|waiting| !waiting.waiter.has_given_up());
            self.write_or_recover(&mut batch).await;
        }
        self.end(abandoned).await;
    }

    /// Writes the queued events, as far as the database accepts them, and flushes them.
    async fn end(mut self, mut abandoned: mpsc::Receiver<Intent>) {
        // Abandoned intents are known when all callers are answered.
        self.flusher.flush(None).await.ok();
        // Since the last event that was written.
        let (mut has_failed, mut rejected) = (false, 0);
        loop {
            while let Ok(intent) = abandoned.try_recv() {
                intent
                    .closing()
                    .into_iter()
                    .for_each(|closing| self.chain.retry_later(closing));
            }
            if self.chain.retries() == 0 {
                break;
            }
            let committed = self.chain.commit_retries().await;
            let is_over = if committed.has_written() {
                (has_failed, rejected) = (false, 0);
                false
            } else if committed.fault.is_some() {
                // One retry: perhaps only the connection failed.
                std::mem::replace(&mut has_failed, true)
            } else {
                // Rejected events are at the end of the queue now, so this is reached after each was tried.
                rejected += committed.outcomes.len();
                rejected >= self.chain.retries()
            };
            self.flusher.flush(committed.log).await.ok();
            // The transaction with the unknown outcome may have been committed.
            if is_over && self.chain.retries() > 0 {
                tracing::error!(
                    events = self.chain.retries(),
                    "outcomes of credential requests could not be written to the audit trail"
                );
                break;
            }
        }
        self.flusher.close().await;
        self.chain.close().await;
    }

    /// Writes the batch and answers its callers. After a failure there is one retry at once, because perhaps only the connection
    /// failed. Callers wait for it, unless the database timed out.
    async fn write_or_recover(&mut self, batch: &mut Vec<Waiting>) {
        let mut outcome = self.write(batch).await;
        if let Err(error) = &outcome
            && self.retry.is_none()
        {
            if matches!(error, WriteError::TimedOut) {
                // The retry may take as long.
                self.close_gate(error);
            }
            outcome = self.recover().await;
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
                self.close_gate(&error);
            }
        }
    }

    fn close_gate(&self, error: &WriteError) {
        if self.gate.close(error.clone()) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the audit trail cannot be written; until it can, no credentials are issued and no one can sign in"
            );
        }
    }

    /// Whether a database that failed can be written again, including a flush to disk.
    async fn recover(&mut self) -> Result<(), WriteError> {
        let Some(log) = self.chain.probe().await? else {
            return Ok(());
        };
        let flushed = timeout(FLUSH_MAX, self.flusher.flush(Some(log))).await;
        flushed.unwrap_or(Err(WriteError::TimedOut))
    }

    /// Writes the queued events and the batch, and answers the callers. Without an event, writes as much as an event.
    ///
    /// # Errors
    /// The database failed. If it rejected a single event, only the caller of that event receives the error.
    async fn write(&mut self, batch: &mut Vec<Waiting>) -> Result<(), WriteError> {
        let mut has_written = false;
        if self.retry.is_some() {
            if let Err(error) = self.recover().await {
                self.refuse_with(batch, &error);
                return Err(error);
            }
            has_written = true;
        }
        if self.chain.due_at().is_some_and(|at| at <= Instant::now()) {
            match self.write_retries().await {
                Ok(()) => has_written = true,
                // The next transaction may take as long.
                Err(error @ WriteError::TimedOut) => {
                    self.refuse_with(batch, &error);
                    return Err(error);
                }
                // The next transaction shows whether the database works.
                Err(_) => has_written = false,
            }
        }
        if has_written && batch.is_empty() {
            return Ok(());
        }
        self.write_batch(batch).await
    }

    async fn write_retries(&mut self) -> Result<(), WriteError> {
        let committed = self.chain.commit_retries().await;
        let outcome = self.report(&committed);
        if outcome.is_err() {
            self.chain.postpone_retries();
        }
        if let Some(log) = committed.log {
            self.flusher.flush_later(log, Vec::new()).await;
        }
        outcome
    }

    async fn write_batch(&mut self, batch: &mut Vec<Waiting>) -> Result<(), WriteError> {
        let (mut events, mut waiting, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for one in batch.drain(..) {
            let waits_for_flush = one.waits_for_flush();
            match one.event {
                Some(event) => {
                    events.push(event);
                    waiting.push((waits_for_flush, one.waiter));
                }
                None => others.push((waits_for_flush, one.waiter)),
            }
        }
        let mut committed = match events.is_empty() {
            true => self.chain.probe().await.map_or_else(
                |error| Committed::failed(0, error),
                |log| Committed::all(0, log),
            ),
            false => self.chain.commit(events).await,
        };
        let outcome = self.report(&committed);
        committed
            .outcomes
            .resize(waiting.len() + others.len(), outcome.clone());
        waiting.append(&mut others);
        self.answer(waiting, committed).await;
        outcome
    }

    /// Logs the first of several failures.
    fn report(&mut self, committed: &Committed) -> Result<(), WriteError> {
        let Some(error) = &committed.fault else {
            self.is_failing &= committed.outcomes.is_empty();
            return Ok(());
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "a transaction of the audit trail failed"
            );
        }
        Err(error.clone())
    }

    /// Answers the callers that wait for the commit only, and gives the others to the flusher, if there is a log to flush.
    async fn answer(&self, waiting: Vec<(bool, Waiter)>, committed: Committed) {
        let Committed { log, outcomes, .. } = committed;
        let mut waiting_for_flush = Vec::new();
        for ((waits_for_flush, waiter), outcome) in waiting.into_iter().zip(outcomes) {
            let stands = outcome.is_ok();
            if stands && log.is_some() && waits_for_flush {
                waiting_for_flush.push(waiter);
            } else {
                waiter.answer(outcome, stands);
            }
        }
        if let Some(log) = log {
            self.flusher.flush_later(log, waiting_for_flush).await;
        }
    }

    /// Answers without a query, until the next attempt is due. Outcomes are kept.
    fn refuse(&mut self, batch: &mut Vec<Waiting>) {
        let error = self.gate.check().err().unwrap_or(WriteError::TimedOut);
        self.refuse_with(batch, &error);
    }

    fn refuse_with(&mut self, batch: &mut Vec<Waiting>, error: &WriteError) {
        for waiting in batch.drain(..) {
            self.chain
                .keep_outcomes(waiting.event.into_iter().collect());
            waiting.waiter.answer(Err(error.clone()), false);
        }
    }
}

/// Adds callers to the batch that are about to arrive: one commit for many keeps appending fast. It lets all tasks run that are
/// ready, as long as that brings more events. It waits for nothing else, so that a single event is not delayed.
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
