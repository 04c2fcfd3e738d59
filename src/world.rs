//! The system clock and the system random source, behind the ports `Clock` and `Entropy`.

use chrono::{DateTime, Utc};
use rolecall_core::base::{Clock, Entropy};

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the adapter of the Clock port")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The random source of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Panics if the operating system provides no randomness: the request fails instead of using weak keys.
    #[expect(clippy::disallowed_methods, reason = "the adapter of the Entropy port")]
    fn fill(&self, bytes: &mut [u8]) {
        let filled = getrandom::fill(bytes);
        assert!(
            filled.is_ok(),
            "the operating system returned no random bytes"
        );
    }
}
