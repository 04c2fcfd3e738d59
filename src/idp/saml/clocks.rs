//! Time checks with the tolerated clock difference.

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::sign_in::{ProviderError, RejectReason};

use super::checks::rejected;
use super::trust::SamlTrust;
use crate::idp::clock_advice::clock_advice;

/// The current time and the tolerance.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// The current time of the gateway.
    pub now: DateTime<Utc>,
    /// The `leeway` of the provider.
    pub leeway: TimeDelta,
}

impl Clocks {
    /// The clocks for this provider.
    pub fn new(now: DateTime<Utc>, trust: &SamlTrust) -> Self {
        let leeway = trust.policy().leeway;
        Self { now, leeway }
    }

    /// Checks that a time is not in the future.
    ///
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
            format!("{what} is {ahead} s in the future, allowed are {allowed} s; {advice}"),
        ))
    }

    /// Checks that a time is not in the past.
    ///
    /// # Errors
    /// [`RejectReason::Expired`].
    pub fn not_past(self, what: &str, end: DateTime<Utc>) -> Result<(), ProviderError> {
        if self.now < end + self.leeway {
            return Ok(());
        }
        Err(self.late(what, end))
    }

    /// The error for a time in the past.
    pub fn late(self, what: &str, at: DateTime<Utc>) -> ProviderError {
        let (ago, advice) = ((self.now - at).num_seconds(), clock_advice(self.now - at));
        let allowed = self.leeway.num_seconds();
        rejected(
            RejectReason::Expired,
            format!("{what} was {ago} s ago, allowed are {allowed} s; {advice}"),
        )
    }
}
