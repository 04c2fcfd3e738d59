//! Whether the trail takes events. The gate closes after a write and its retry failed, and opens when the writer succeeds again.
//!
//! While it is closed, callers get an error at once instead of waiting for a database that does not respond.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::write_error::WriteError;

/// For how long a write counts for [`Gate::is_fresh`].
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    /// Why it is closed.
    closed: Option<WriteError>,
    /// Why it is closed until the process is restarted.
    closed_permanently: Option<WriteError>,
    /// When the trail was last written.
    written_at: Option<Instant>,
}

impl Gate {
    /// Whether events are accepted.
    ///
    /// # Errors
    /// Why the gate is closed.
    pub(super) fn check(&self) -> Result<(), WriteError> {
        let state = self.lock();
        match state.closed_permanently.as_ref().or(state.closed.as_ref()) {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// Whether the trail was written within the last second.
    pub(super) fn is_fresh(&self) -> bool {
        let state = self.lock();
        state.closed_permanently.is_none()
            && state.closed.is_none()
            && state.written_at.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Called when the trail was written. Returns whether the gate was closed.
    pub(super) fn open(&self) -> bool {
        let mut state = self.lock();
        state.written_at = Some(Instant::now());
        state.closed.take().is_some()
    }

    /// Called when the trail cannot be written. Returns whether the gate was open.
    pub(super) fn close(&self, error: WriteError) -> bool {
        self.lock().closed.replace(error).is_none()
    }

    /// Called when the trail cannot be written until the process is restarted.
    pub(super) fn close_permanently(&self, error: WriteError) {
        self.lock().closed_permanently = Some(error);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
