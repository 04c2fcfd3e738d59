//! Refusals that count against a client address.

use std::net::IpAddr;

use crate::record::rate_limit::{LimitExceeded, LimitName};

use super::{RateCounters, RateLimitError};

impl RateCounters {
    /// Whether the address has exceeded this limit of refusals, as far as this replica knows. Makes no request to the
    /// store.
    pub(crate) fn known_refusals(
        &self,
        address: Option<IpAddr>,
        limit: LimitName,
    ) -> Option<LimitExceeded> {
        self.known_exceeded(limit, self.limits.failures, address)
    }

    /// Counts a refusal of an address. Returns whether the limit is exceeded. Nothing is counted while the store is
    /// unavailable: the request is refused anyway.
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
