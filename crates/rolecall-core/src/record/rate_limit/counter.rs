//! Rate limit counters in the store.

mod address;
mod refusals;

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::record::rate_limit::exceeded::Exceeded;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimit, RateLimits};
use crate::record::{Counter, CounterResult, Key, Records, StoreError};

pub use address::AddressSlots;
use address::Family;

/// Record kind of the counters.
const KIND: &str = "rate";
/// Time after which a limit with releasable slots is checked again: a slot may become free at any time, on any replica.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(1);

/// A slot of a limit, for one bucket.
#[derive(Clone, Debug)]
pub struct RateLimitSlot {
    limit: LimitName,
    rate: RateLimit,
    key: Key,
    amount: u32,
}

impl RateLimitSlot {
    /// A slot of `rate` for a bucket, such as an address, a person or an account.
    pub fn new(limit: LimitName, rate: RateLimit, bucket: &str) -> Self {
        let parts = [limit.code().as_bytes(), bucket.as_bytes()];
        let digest = SecretDigest::of("rolecall/rate/v1", &parts);
        Self {
            limit,
            rate,
            key: Key::new(KIND, digest),
            amount: 1,
        }
    }

    /// So many slots of the bucket at once, but not more than the limit.
    #[must_use]
    pub fn times(self, amount: u32) -> Self {
        Self {
            amount: amount.min(self.rate.max()),
            ..self
        }
    }

    /// Adds the slot to its counter (1), or removes it (-1).
    fn counter(&self, sign: i64) -> Counter {
        Counter {
            key: self.key,
            by: sign * i64::from(self.amount),
            max: i64::from(self.rate.max()),
            window: self.rate.window(),
        }
    }

    fn is_releasable(&self) -> bool {
        matches!(
            self.limit,
            LimitName::SignIn
                | LimitName::PendingSignIns
                | LimitName::PendingDevices
                | LimitName::SamlResponses
                | LimitName::UserCodes
        )
    }
}

/// Why no slot was acquired.
#[derive(Debug, thiserror::Error)]
pub enum RateLimitError {
    /// The limit is exceeded.
    #[error(transparent)]
    Exceeded(#[from] LimitExceeded),
    /// The store is unavailable.
    #[error("the rate limits are unavailable")]
    Unavailable(#[from] StoreError),
}

/// For operations that continue while the store is unavailable: only an exceeded limit is an error.
pub(crate) fn allow_if_unavailable(taken: Result<(), RateLimitError>) -> Result<(), LimitExceeded> {
    match taken {
        Err(RateLimitError::Exceeded(exceeded)) => Err(exceeded),
        Ok(()) | Err(RateLimitError::Unavailable(_)) => Ok(()),
    }
}

/// The rate limit counters of a gateway. Gateways with the same store share the counts.
pub struct RateCounters {
    records: Records,
    limits: RateLimits,
    exceeded: Exceeded,
    /// Limits with more IPv4 or IPv6 addresses than [`limits::RATE_BUCKETS_MAX`], with the end of this state.
    // Not a Tokio mutex: it is not held across an await.
    crowded: Mutex<HashMap<(LimitName, Family), DateTime<Utc>>>,
    buckets_max: u32,
}

impl RateCounters {
    /// Counters in the store of `records` with these limits.
    pub fn new(records: Records, limits: RateLimits) -> Self {
        Self {
            records,
            limits,
            exceeded: Exceeded::default(),
            crowded: Mutex::default(),
            buckets_max: limits::RATE_BUCKETS_MAX,
        }
    }

    /// The configured limits.
    pub fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// The same with another maximum than [`limits::RATE_BUCKETS_MAX`].
    #[must_use]
    pub fn with_buckets_max(self, buckets_max: u32) -> Self {
        Self {
            buckets_max,
            ..self
        }
    }

    /// Acquires all of these slots or none. One request to the store, and another one if only some are free.
    ///
    /// # Errors
    /// [`RateLimitError::Exceeded`] for the limit with the longest wait, [`RateLimitError::Unavailable`].
    pub async fn acquire(
        &self,
        slots: &[RateLimitSlot],
    ) -> Result<Vec<CounterResult>, RateLimitError> {
        if let Some(exceeded) = self.remembered(slots) {
            return Err(exceeded.into());
        }
        let counters: Vec<Counter> = slots.iter().map(|slot| slot.counter(1)).collect();
        let counted = self.records.count(&counters).await?;
        let now = self.records.now();
        let refused = slots
            .iter()
            .zip(&counted)
            .filter(|(_, counted)| !counted.added);
        let mut longest: Option<LimitExceeded> = None;
        for (slot, counted) in refused {
            let known_for = match slot.is_releasable() {
                true => counted.resets_in.min(ASK_AGAIN),
                false => counted.resets_in,
            };
            self.exceeded.remember(slot.key, now + known_for, now);
            let exceeded = LimitExceeded {
                limit: slot.limit,
                retry_after: counted.resets_in,
            };
            longest = longest
                .filter(|longest| longest.retry_after >= exceeded.retry_after)
                .or(Some(exceeded));
        }
        let Some(exceeded) = longest else {
            return Ok(counted);
        };
        let added = slots.iter().zip(&counted).filter(|(_, one)| one.added);
        let added: Vec<RateLimitSlot> = added.map(|(slot, _)| slot.clone()).collect();
        if !added.is_empty() {
            // Slots that are not released are free again at the end of their windows.
            match self.release(&added).await {
                Ok(()) | Err(_) => {}
            }
        }
        Err(exceeded.into())
    }

    /// Releases slots.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release(&self, slots: &[RateLimitSlot]) -> Result<(), StoreError> {
        self.release_and_count(slots, None).await
    }

    async fn release_and_count(
        &self,
        slots: &[RateLimitSlot],
        counted: Option<RateLimitSlot>,
    ) -> Result<(), StoreError> {
        let given = slots.iter().map(|slot| slot.counter(-1));
        let counters: Vec<Counter> = given.chain(counted.map(|slot| slot.counter(1))).collect();
        if !counters.is_empty() {
            self.records.count(&counters).await?;
        }
        for slot in slots {
            self.exceeded.forget(slot.key);
        }
        Ok(())
    }

    fn remembered(&self, slots: &[RateLimitSlot]) -> Option<LimitExceeded> {
        let now = self.records.now();
        slots
            .iter()
            .filter_map(|slot| {
                let until = self.exceeded.until(slot.key, now)?;
                Some(LimitExceeded {
                    limit: slot.limit,
                    retry_after: until - now,
                })
            })
            .max_by_key(|exceeded| exceeded.retry_after)
    }
}
