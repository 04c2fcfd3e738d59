//! Events that must be written and that nobody waits for: outcomes that could not be written, ends of abandoned intents, and
//! what must not be written twice.
//!
//! Those that the database refuses are tried again, later and later, and alone, so that none holds up the others.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::chain::Entry;
use super::task::BATCH_MAX;

/// How many may wait; they take about a kilobyte each.
const MAX: usize = 4_096;
/// The pauses after a failure while the database works.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// After so many failures, each event gets a transaction of its own.
const FAILURES_MAX: u32 = 3;

/// See the module.
#[derive(Default)]
pub(super) struct Owed {
    events: VecDeque<Entry>,
    /// Failures while the database worked, since there was nothing to write.
    failures: u32,
    /// When the next trial is due, and the pause before it. Without: at once.
    pause: Option<(Instant, Duration)>,
}

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// When they should be written; never, if there are none.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let at = self.pause.map_or_else(Instant::now, |(at, _)| at);
        (!self.events.is_empty()).then_some(at)
    }

    /// Takes in one more. Reports it instead, if there are too many.
    pub(super) fn push(&mut self, event: Entry) {
        if self.events.len() == MAX {
            tracing::error!(
                reference = event.1.reference,
                event = event.1.event,
                "the audit trail lacks an event: too many wait to be written"
            );
            return;
        }
        self.events.push_back(event);
    }

    /// As many as should share a transaction, the oldest first. Those that are not written must be given back.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        let count = match self.failures < FAILURES_MAX {
            true => BATCH_MAX,
            false => 1,
        };
        let count = count.min(self.events.len());
        self.events.drain(..count).collect()
    }

    /// What was taken is written.
    pub(super) fn succeeded(&mut self) {
        self.pause = None;
        if self.events.is_empty() {
            self.failures = 0;
        }
    }

    /// What was taken was not written, and not because the database does not work. Says whether to report it: less and less
    /// often.
    pub(super) fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        let pause = self
            .pause
            .map_or(PAUSE_MIN, |(_, last)| (2 * last).min(PAUSE_MAX));
        self.pause = Some((Instant::now() + pause, pause));
        self.failures.is_power_of_two()
    }
}
