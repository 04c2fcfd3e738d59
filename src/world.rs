//! The one place each where the time and randomness come in.

use chrono::{DateTime, Utc};
use rolecall_core::base::{Clock, Entropy};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Without randomness nothing here is safe, so a failure ends the request rather than weakening it.
    #[expect(clippy::disallowed_methods, reason = "this is the entropy")]
    fn fill(&self, bytes: &mut [u8]) {
        let filled = getrandom::fill(bytes);
        assert!(filled.is_ok(), "the operating system gives no random bytes");
    }
}
