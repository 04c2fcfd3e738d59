//! The one task that writes: takes what has queued up, commits it, and finds out by itself when a database that failed is
//! back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::chain::Chain;
use super::committed::Committed;
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
/// How long the disk may take before a database that failed counts as working again.
const FLUSH_MAX: Duration = Duration::from_secs(2);

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
    /// Whether the last commit of events failed, which is reported once.
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
                    intent.closing().into_iter().for_each(|closing| self.chain.owe(closing));
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
            self.turn(&mut batch).await;
        }
        self.end(abandoned).await;
    }

    /// Writes what is owed, as far as the database takes it, and makes it durable.
    async fn end(mut self, mut abandoned: mpsc::Receiver<Intent>) {
        // Intents that nobody acts on are known when everybody is answered.
        self.flusher.flush(None).await.ok();
        // Since something was written last.
        let (mut has_failed, mut refused) = (false, 0);
        loop {
            while let Ok(intent) = abandoned.try_recv() {
                intent
                    .closing()
                    .into_iter()
                    .for_each(|closing| self.chain.owe(closing));
            }
            if self.chain.owed() == 0 {
                break;
            }
            let committed = self.chain.commit_owed().await;
            let is_over = if committed.has_written() {
                (has_failed, refused) = (false, 0);
                false
            } else if committed.fault.is_some() {
                // Once more: perhaps only the connection had broken.
                std::mem::replace(&mut has_failed, true)
            } else {
                // What was refused is last in the row now, so this is reached when each was tried.
                refused += committed.outcomes.len();
                refused >= self.chain.owed()
            };
            self.flusher.flush(committed.log).await.ok();
            // What was in doubt may have turned out to stand.
            if is_over && self.chain.owed() > 0 {
                tracing::error!(
                    events = self.chain.owed(),
                    "outcomes of issues could not be written to the audit trail"
                );
                break;
            }
        }
        self.flusher.close().await;
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

    /// Whether the database that failed can be written to again: what is written must reach the disk.
    async fn recover(&mut self) -> Result<(), NotWritten> {
        let Some(log) = self.chain.probe().await? else {
            return Ok(());
        };
        let flushed = timeout(FLUSH_MAX, self.flusher.flush(Some(log))).await;
        flushed.unwrap_or(Err(NotWritten::TimedOut))
    }

    /// Writes what is owed and the batch, and answers. If there is no event, writes something of an event's size.
    ///
    /// # Errors
    /// The database failed; what it refused of a single event is told to whoever waits for that event.
    async fn write(&mut self, batch: &mut Vec<Waiting>) -> Result<(), NotWritten> {
        let mut has_written = false;
        if self.retry.is_some() {
            if let Err(error) = self.recover().await {
                self.refuse_with(batch, &error);
                return Err(error);
            }
            has_written = true;
        }
        if self.chain.due_at().is_some_and(|at| at <= Instant::now()) {
            match self.write_owed().await {
                Ok(()) => has_written = true,
                // The next transaction may take as long.
                Err(error @ NotWritten::TimedOut) => {
                    self.refuse_with(batch, &error);
                    return Err(error);
                }
                // The next transaction shows whether that is the database's fault.
                Err(_) => has_written = false,
            }
        }
        if has_written && batch.is_empty() {
            return Ok(());
        }
        self.write_batch(batch).await
    }

    async fn write_owed(&mut self) -> Result<(), NotWritten> {
        let committed = self.chain.commit_owed().await;
        let outcome = self.report(&committed);
        if outcome.is_err() {
            self.chain.postpone_owed();
        }
        if let Some(log) = committed.log {
            self.flusher.pass(log, Vec::new()).await;
        }
        outcome
    }

    async fn write_batch(&mut self, batch: &mut Vec<Waiting>) -> Result<(), NotWritten> {
        let (mut events, mut waiting, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for Waiting {
            event,
            until,
            waiter,
        } in batch.drain(..)
        {
            match event {
                Some(event) => {
                    events.push(event);
                    waiting.push((until, waiter));
                }
                None => others.push((until, waiter)),
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
    fn report(&mut self, committed: &Committed) -> Result<(), NotWritten> {
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

    /// Answers who waited for the commit alone, and passes the others on, if there is anything left to flush.
    async fn answer(&self, waiting: Vec<(Until, Waiter)>, committed: Committed) {
        let Committed { log, outcomes, .. } = committed;
        let mut durable = Vec::new();
        for ((until, waiter), outcome) in waiting.into_iter().zip(outcomes) {
            let stands = outcome.is_ok();
            if stands && log.is_some() && until == Until::Durable {
                durable.push(waiter);
            } else {
                waiter.tell(outcome, stands);
            }
        }
        if let Some(log) = log {
            self.flusher.pass(log, durable).await;
        }
    }

    /// Answers without asking the database, until it is tried again. Outcomes are kept.
    fn refuse(&mut self, batch: &mut Vec<Waiting>) {
        let refusal = self.gate.check().err().unwrap_or(NotWritten::TimedOut);
        self.refuse_with(batch, &refusal);
    }

    fn refuse_with(&mut self, batch: &mut Vec<Waiting>, refusal: &NotWritten) {
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
