//! Our clock, and how far the provider's may differ from it.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::sign_in::{ProviderError, RejectReason};

use super::checks::rejected;
use super::trust::SamlTrust;
use crate::idp::clock_advice::clock_advice;

/// Now, give or take.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// By our clock.
    pub now: DateTime<Utc>,
    /// The provider's `leeway`.
    pub leeway: TimeDelta,
}

impl Clocks {
    /// For this provider.
    pub fn new(now: DateTime<Utc>, trust: &SamlTrust) -> Self {
        let leeway = trust.policy().leeway;
        Self { now, leeway }
    }

    /// # Errors
    /// [`RejectReason::NotYetValid`].
    pub fn not_ahead(self, what: &str, at: DateTime<Utc>) -> Result<(), ProviderError> {
        if at <= self.now + self.leeway {
            return Ok(());
        }
        let (ahead, advice) = ((at - self.now).num_seconds(), clock_advice(at - self.now));
        let allowed = self.leeway.num_seconds();
        Err(rejected(
            RejectReason::NotYetValid,
            format!("{what} lies {ahead} s in our future, and {allowed} s are allowed; {advice}"),
        ))
    }

    /// # Errors
    /// [`RejectReason::Expired`].
    pub fn not_past(self, what: &str, end: DateTime<Utc>) -> Result<(), ProviderError> {
        if self.now < end + self.leeway {
            return Ok(());
        }
        Err(self.late(what, end))
    }

    /// That it has passed.
    pub fn late(self, what: &str, at: DateTime<Utc>) -> ProviderError {
        let (ago, advice) = ((self.now - at).num_seconds(), clock_advice(self.now - at));
        let allowed = self.leeway.num_seconds();
        rejected(
            RejectReason::Expired,
            format!("{what} was {ago} s ago, and {allowed} s are allowed; {advice}"),
        )
    }
}
