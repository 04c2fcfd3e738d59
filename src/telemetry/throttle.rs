//! Limits the rate of repeated warnings.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between two warnings.
const REPEAT_AFTER: Duration = Duration::from_secs(3_600);

/// Allows one warning per hour.
#[derive(Default)]
pub struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// Whether a warning can be logged now. If so, it counts as logged.
    pub fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= REPEAT_AFTER);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
