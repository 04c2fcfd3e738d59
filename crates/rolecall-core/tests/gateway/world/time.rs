//! A clock that moves when told to, and randomness that never repeats and can be told apart.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::base::{Clock, Entropy};

pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    pub fn new(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Forward, or backwards.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Digests of a counter: the same in every run, different at every call.
#[derive(Default)]
pub struct Unrepeated(AtomicU64);

impl Unrepeated {
    /// Begins with this number.
    pub fn from(number: u64) -> Self {
        Self(AtomicU64::new(number))
    }
}

impl Entropy for Unrepeated {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = SecretDigest::of("entropy of tests", &[&number.to_be_bytes()]);
            chunk.copy_from_slice(&digest.as_bytes()[..chunk.len()]);
        }
    }
}
