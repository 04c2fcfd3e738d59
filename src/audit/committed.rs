//! The result of committing a batch of events.

use std::fs::File;
use std::sync::Arc;

use super::waiter::Outcome;
use super::write_error::WriteError;

#[derive(Default)]
pub(super) struct Committed {
    /// The file to flush before the commits are durable; none if they are durable already.
    pub(super) log: Option<Arc<File>>,
    /// One for each event, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// Why the database cannot be written at present. None if it works, even if it rejected an event.
    pub(super) fault: Option<WriteError>,
}

impl Committed {
    /// All `count` events are committed.
    pub(super) fn all(count: usize, log: Option<Arc<File>>) -> Self {
        Self {
            log,
            outcomes: vec![Ok(()); count],
            fault: None,
        }
    }

    /// None of `count` events is known to be committed.
    pub(super) fn failed(count: usize, fault: WriteError) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
        .filled_to(count)
    }

    /// The only event was rejected.
    pub(super) fn rejected(error: WriteError) -> Self {
        Self {
            outcomes: vec![Err(error)],
            ..Self::default()
        }
    }

    /// Adds the outcome of the next event.
    pub(super) fn push(&mut self, outcome: Outcome, log: Option<Arc<File>>) {
        self.outcomes.push(outcome);
        self.log = log.or(self.log.take());
    }

    /// Gives the events that were not reached the fault as their outcome.
    pub(super) fn filled_to(mut self, count: usize) -> Self {
        if let Some(fault) = &self.fault {
            self.outcomes.resize_with(count, || Err(fault.clone()));
        }
        self
    }

    /// Whether any event is committed.
    pub(super) fn has_written(&self) -> bool {
        self.outcomes.iter().any(Result::is_ok)
    }
}
