//! Time and randomness: the two things that every flow asks of the machine.

use chrono::{DateTime, Utc};

/// Tells the time, UTC.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The operating system's random source.
pub trait Entropy: Send + Sync {
    /// Fills the slice with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
