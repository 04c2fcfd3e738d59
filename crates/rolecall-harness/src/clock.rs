//! Adapter from the testkit's clocks to the gateway's `Clock`.

use chrono::{DateTime, Utc};
use rolecall_core::base::Clock;
use rolecall_testkit::clock::{self, ManualClock};

/// A clock of the testkit as a `Clock` of the gateway.
#[derive(Clone)]
pub struct TestClock(clock::Clock);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl From<clock::Clock> for TestClock {
    fn from(clock: clock::Clock) -> Self {
        Self(clock)
    }
}

impl From<&ManualClock> for TestClock {
    fn from(clock: &ManualClock) -> Self {
        Self(clock.clock())
    }
}
