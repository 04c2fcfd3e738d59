//! Refusals that count against an address.

use std::net::IpAddr;

use crate::record::rate_limit::{LimitExceeded, LimitName};

use super::{RateCounters, RateLimitError};

impl RateCounters {
    /// Whether the address has had too many refusals of this kind, as far as this replica knows. Costs no trip to the store.
    pub(crate) fn known_refusals(
        &self,
        address: Option<IpAddr>,
        limit: LimitName,
    ) -> Option<LimitExceeded> {
        self.known_exceeded(limit, self.limits.failures, address)
    }

    /// Counts a refusal against its address; says whether the address has had too many of this kind. Where the store does
    /// not answer nothing is counted: the request is refused anyway.
    pub(crate) async fn count_refusal(
        &self,
        address: Option<IpAddr>,
        limit: LimitName,
    ) -> Option<LimitExceeded> {
        let taken = self.acquire_for_address(limit, self.limits.failures, address);
        match taken.await {
            Err(RateLimitError::Exceeded(exceeded)) => Some(exceeded),
            Ok(_) | Err(RateLimitError::Unavailable(_)) => None,
        }
    }
}
