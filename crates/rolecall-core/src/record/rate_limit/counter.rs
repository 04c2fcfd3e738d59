//! Counting against limits, in the store.

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

/// Kind of the store's keys.
const KIND: &str = "rate";
/// A limit that gives places back may be free again at any moment, on any replica: it is asked again after this time.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(1);

/// One thing to count.
#[derive(Clone, Debug)]
pub struct RateLimitSlot {
    limit: LimitName,
    rate: RateLimit,
    key: Key,
}

impl RateLimitSlot {
    /// A place within `rate` for whatever `bucket` names: an address, a person, an account.
    pub fn new(limit: LimitName, rate: RateLimit, bucket: &str) -> Self {
        let parts = [limit.code().as_bytes(), bucket.as_bytes()];
        let digest = SecretDigest::of("rolecall/rate/v1", &parts);
        Self {
            limit,
            rate,
            key: Key::new(KIND, digest),
        }
    }

    fn counter(&self, by: i64) -> Counter {
        Counter {
            key: self.key,
            by,
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

/// Why there is no place.
#[derive(Debug, thiserror::Error)]
pub enum RateLimitError {
    /// The limit was reached.
    #[error(transparent)]
    Exceeded(#[from] LimitExceeded),
    /// Our own store.
    #[error("the rate limits are unavailable")]
    Unavailable(#[from] StoreError),
}

/// For what goes on where nothing can be counted: only a limit that was reached refuses.
pub(crate) fn allow_if_unavailable(taken: Result<(), RateLimitError>) -> Result<(), LimitExceeded> {
    match taken {
        Err(RateLimitError::Exceeded(exceeded)) => Err(exceeded),
        Ok(()) | Err(RateLimitError::Unavailable(_)) => Ok(()),
    }
}

/// Counts against limits. One for each gateway; those over one store count together.
pub struct RateCounters {
    records: Records,
    limits: RateLimits,
    exceeded: Exceeded,
    /// Limits with more IPv4 or IPv6 addresses than [`limits::RATE_BUCKETS_MAX`], and until when.
    // Not a Tokio mutex: nothing is awaited while it is held.
    crowded: Mutex<HashMap<(LimitName, Family), DateTime<Utc>>>,
    buckets_max: u32,
}

impl RateCounters {
    /// Counters in the store of `records`, for these limits.
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

    /// The same, with another ceiling than [`limits::RATE_BUCKETS_MAX`].
    #[must_use]
    pub fn with_buckets_max(self, buckets_max: u32) -> Self {
        Self {
            buckets_max,
            ..self
        }
    }

    /// Takes all of these places, or none: one trip to the store, and one more where only some are free.
    ///
    /// # Errors
    /// [`RateLimitError::Exceeded`] of the one that is longest without a place, [`RateLimitError::Unavailable`].
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
            // Places that are not given back are free again when their windows end.
            match self.release(&added).await {
                Ok(()) | Err(_) => {}
            }
        }
        Err(exceeded.into())
    }

    /// Gives places back.
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
