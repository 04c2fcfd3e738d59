//! Whether the trail takes events: shut after a write failed and a second try failed too, opened by the writer's own trials.
//!
//! As long as it is shut, callers are refused at once instead of waiting for a database that does not answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::not_written::NotWritten;

/// How old an answer to [`Gate::is_fresh`] may be.
const FRESH: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    /// Why it is shut.
    shut: Option<NotWritten>,
    /// Why it is shut until the process is started again.
    ended: Option<NotWritten>,
    /// When the trail was last seen to be writable.
    written_at: Option<Instant>,
}

impl Gate {
    /// Whether events are taken.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(&self) -> Result<(), NotWritten> {
        let state = self.lock();
        match state.ended.as_ref().or(state.shut.as_ref()) {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Whether the trail was written to within the last second.
    pub(super) fn is_fresh(&self) -> bool {
        let state = self.lock();
        state.ended.is_none()
            && state.shut.is_none()
            && state.written_at.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// The trail was written to. Says whether the gate was shut.
    pub(super) fn open(&self) -> bool {
        let mut state = self.lock();
        state.written_at = Some(Instant::now());
        state.shut.take().is_some()
    }

    /// The trail cannot be written to. Says whether the gate was open.
    pub(super) fn shut(&self, error: NotWritten) -> bool {
        self.lock().shut.replace(error).is_none()
    }

    /// The trail cannot be written to until the process is started again.
    pub(super) fn end(&self, error: NotWritten) {
        self.lock().ended = Some(error);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
