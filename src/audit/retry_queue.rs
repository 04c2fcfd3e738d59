//! Events that must be written and that no caller waits for: outcomes that could not be written, the closing events of abandoned
//! intents, and events that must not be written twice.
//!
//! Those that the database rejects are retried with growing pauses, and alone, so that they do not delay the others.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::chain::Entry;
use super::task::BATCH_MAX;

/// How many may wait; each takes about a kilobyte.
const MAX: usize = 4_096;
/// The pauses after a failure while the database works.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After this many failures, each event has a transaction of its own.
const FAILURES_MAX: u32 = 3;

/// The queue of these events.
#[derive(Default)]
pub(super) struct RetryQueue {
    events: VecDeque<Entry>,
    /// Failures while the database worked, since the queue was empty.
    failures: u32,
    /// When the next attempt is due, and the pause before it. None: at once.
    pause: Option<(Instant, Duration)>,
}

impl RetryQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// When the events should be written; none if there are none.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let at = self.pause.map_or_else(Instant::now, |(at, _)| at);
        (!self.events.is_empty()).then_some(at)
    }

    /// Adds an event. If there are too many, the event is lost, and reported.
    pub(super) fn push(&mut self, event: Entry) {
        if self.events.len() == MAX {
            tracing::error!(
                reference = event.1.reference,
                event = event.1.event,
                "an event is missing from the audit trail: too many events wait to be written"
            );
            return;
        }
        self.events.push_back(event);
    }

    /// The oldest events, as many as should share a transaction. Those that are not written must be added again.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        let count = match self.failures < FAILURES_MAX {
            true => BATCH_MAX,
            false => 1,
        };
        let count = count.min(self.events.len());
        self.events.drain(..count).collect()
    }

    /// The events that were taken are written.
    pub(super) fn succeeded(&mut self) {
        self.pause = None;
        if self.events.is_empty() {
            self.failures = 0;
        }
    }

    /// The events that were taken are not written, although the database works. Returns whether to report it, which becomes
    /// rarer with each failure.
    pub(super) fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        let pause = self
            .pause
            .map_or(PAUSE_MIN, |(_, last)| (2 * last).min(PAUSE_MAX));
        self.pause = Some((Instant::now() + pause, pause));
        self.failures.is_power_of_two()
    }
}
