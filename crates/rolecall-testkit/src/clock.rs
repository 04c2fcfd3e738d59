//! Time as a value: the system's clock, or one that a test moves by hand.
//!
//! The only place of the testkit that reads the wall clock.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::lock;

/// Tells the time when called.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The wall clock.
pub fn system() -> Clock {
    Arc::new(wall)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
fn wall() -> DateTime<Utc> {
    Utc::now()
}

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    /// Stands at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Stands at the wall clock's time of this moment.
    pub fn starting_now() -> Self {
        Self::at(wall())
    }

    /// The time it shows.
    pub fn now(&self) -> DateTime<Utc> {
        *lock(&self.0)
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        *lock(&self.0) += by;
    }

    /// Moves to `to`, backwards too: clocks of real machines do that.
    pub fn set(&self, to: DateTime<Utc>) {
        *lock(&self.0) = to;
    }

    /// The same clock as a closure, for whatever takes a [`Clock`].
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
    fn a_closure_sees_the_clock_move() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let tell = clock.clock();
        clock.advance(Duration::from_secs(90));
        assert_eq!(tell().timestamp(), 90);
        clock.set(DateTime::UNIX_EPOCH);
        assert_eq!(tell().timestamp(), 0);
    }
}
