//! Warnings about a state of things: one, and another after a while, however often it is seen.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A warning is repeated after this time at the earliest.
const REPEAT_AFTER: Duration = Duration::from_secs(3_600);

/// Lets one warning pass in an hour.
#[derive(Default)]
pub struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// Whether the warning may be written now; it then counts as written.
    pub fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= REPEAT_AFTER);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
