//! Clocks: the system clock, or one that a test controls.
//!
//! This is the only module of the testkit that reads the system clock.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::lock;

/// Returns the current time.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The system clock.
pub fn system() -> Clock {
    Arc::new(wall)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only place that reads the system clock"
)]
fn wall() -> DateTime<Utc> {
    Utc::now()
}

/// A clock that a test controls. Clones share the time.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    /// A clock that is stopped at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// A clock that is stopped at the current time of the system clock.
    pub fn starting_now() -> Self {
        Self::at(wall())
    }

    /// The time of the clock.
    pub fn now(&self) -> DateTime<Utc> {
        *lock(&self.0)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *lock(&self.0) += by;
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, to: DateTime<Utc>) {
        *lock(&self.0) = to;
    }

    /// The clock as a [`Clock`].
    pub fn clock(&self) -> Clock {
        let shown = self.clone();
        Arc::new(move || shown.now())
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closure_shares_time_with_clock() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let tell = clock.clock();
        clock.advance(Duration::from_secs(90));
        assert_eq!(tell().timestamp(), 90);
        clock.set(DateTime::UNIX_EPOCH);
        assert_eq!(tell().timestamp(), 0);
    }
}
