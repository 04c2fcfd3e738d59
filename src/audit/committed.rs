//! What became of a batch of events.

use std::fs::File;
use std::sync::Arc;

use super::not_written::NotWritten;
use super::waiter::Outcome;

/// See the module.
#[derive(Default)]
pub(super) struct Committed {
    /// What must be flushed to make the commits durable, unless they are.
    pub(super) log: Option<Arc<File>>,
    /// Of each event, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// Why nothing more can be written at present. Without: the database works, whatever it refused.
    pub(super) fault: Option<NotWritten>,
}

impl Committed {
    /// All of so many events stand.
    pub(super) fn all(count: usize, log: Option<Arc<File>>) -> Self {
        Self {
            log,
            outcomes: vec![Ok(()); count],
            fault: None,
        }
    }

    /// None of so many events is known to stand.
    pub(super) fn failed(count: usize, fault: NotWritten) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
        .of(count)
    }

    /// A single event was refused.
    pub(super) fn refused(error: NotWritten) -> Self {
        Self {
            outcomes: vec![Err(error)],
            ..Self::default()
        }
    }

    /// Adds what became of the next event.
    pub(super) fn push(&mut self, outcome: Outcome, log: Option<Arc<File>>) {
        self.outcomes.push(outcome);
        self.log = log.or(self.log.take());
    }

    /// The whole batch: the events that were not reached have the fault for an outcome.
    pub(super) fn of(mut self, count: usize) -> Self {
        if let Some(fault) = &self.fault {
            self.outcomes.resize_with(count, || Err(fault.clone()));
        }
        self
    }

    /// Whether any event stands.
    pub(super) fn has_written(&self) -> bool {
        self.outcomes.iter().any(Result::is_ok)
    }
}
