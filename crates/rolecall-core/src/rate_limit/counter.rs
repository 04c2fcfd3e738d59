//! Counting against limits, in the store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::exceeded::Exceeded;
use super::{LimitExceeded, LimitName, PENDING, RateLimit, Width, rate_limit_prefix};
use crate::limits;
use crate::port::{Counted, Counter, Key, StoreError};
use crate::record::Records;
use crate::secret::SecretDigest;

/// Kind of the store's keys.
const KIND: &str = "rate";
/// What counts of an address, and the limit there as a multiple of the one of an address.
const WIDTHS: [(Width, u32); 3] = [(Width::Address, 1), (Width::Site, 10), COARSE];
const COARSE: (Width, u32) = (Width::Coarse, 100);
/// A limit that gives places back may be free again at any moment, on any replica: it is asked again after this time.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(1);

/// One thing to count.
#[derive(Clone, Debug)]
pub struct Place {
    limit: LimitName,
    rate: RateLimit,
    key: Key,
}

impl Place {
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

    fn gives_back(&self) -> bool {
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

/// The places of a limit that were taken for a client address, for giving them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPlaces {
    /// None when it was not known.
    address: Option<IpAddr>,
    /// Only the network's was taken.
    #[serde(default)]
    coarse: bool,
}

/// A version of IP: a crowd of one leaves the addresses of the other alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn bucket(self) -> &'static str {
        match self {
            Self::V4 => "addresses/4",
            Self::V6 => "addresses/6",
        }
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

/// Counts against limits. One for each gateway; those over one store count together.
pub struct RateCounters {
    records: Records,
    exceeded: Exceeded,
    /// Limits with more IPv4 or IPv6 addresses than [`limits::RATE_BUCKETS_MAX`], and until when.
    // Not a Tokio mutex: nothing is awaited while it is held.
    crowded: Mutex<HashMap<(LimitName, Family), DateTime<Utc>>>,
    buckets_max: u32,
}

impl RateCounters {
    /// Counters in the store of `records`.
    pub fn new(records: Records) -> Self {
        Self {
            records,
            exceeded: Exceeded::default(),
            crowded: Mutex::default(),
            buckets_max: limits::RATE_BUCKETS_MAX,
        }
    }

    /// The same, with another ceiling than [`limits::RATE_BUCKETS_MAX`].
    #[must_use]
    pub fn with_buckets_max(self, buckets_max: u32) -> Self {
        Self {
            buckets_max,
            ..self
        }
    }

    /// Takes a place for a client address. Addresses that are not known count together.
    ///
    /// # Errors
    /// [`RateLimitError`].
    pub async fn take_for_address(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: Option<IpAddr>,
    ) -> Result<AddressPlaces, RateLimitError> {
        let taken = self.of_address(limit, address);
        let places = places(limit, rate, taken);
        let counted = self.take(&places).await?;
        if let Some(exceeded) = beyond_pending(limit, &counted) {
            // Places that are not given back are free again when their windows end.
            match self.give_back(&places).await {
                Ok(()) | Err(_) => {}
            }
            return Err(exceeded.into());
        }
        let is_new = counted.first().is_some_and(|first| first.total == 1);
        if let (Some(address), false, true) = (address, taken.coarse, is_new) {
            // The place is taken; the next new address says it again.
            match self.note_new_bucket(limit, rate, address).await {
                Ok(()) | Err(_) => {}
            }
        }
        Ok(taken)
    }

    /// Gives the places back that [`RateCounters::take_for_address`] took.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn give_back_for_address(
        &self,
        limit: LimitName,
        rate: RateLimit,
        taken: AddressPlaces,
    ) -> Result<(), StoreError> {
        self.give_back(&places(limit, rate, taken)).await
    }

    /// Whether this replica knows that the address has no place left. Asks nobody.
    pub fn known_exceeded(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: Option<IpAddr>,
    ) -> Option<LimitExceeded> {
        self.remembered(&places(limit, rate, self.of_address(limit, address)))
    }

    /// Takes all of these places, or none: one trip to the store, and one more where only some are free.
    ///
    /// # Errors
    /// [`RateLimitError::Exceeded`] of the one that is longest without a place, [`RateLimitError::Unavailable`].
    pub async fn take(&self, places: &[Place]) -> Result<Vec<Counted>, RateLimitError> {
        if let Some(exceeded) = self.remembered(places) {
            return Err(exceeded.into());
        }
        let counters: Vec<Counter> = places.iter().map(|place| place.counter(1)).collect();
        let counted = self.records.count(&counters).await?;
        let now = self.records.now();
        let refused = places
            .iter()
            .zip(&counted)
            .filter(|(_, counted)| !counted.added);
        let mut longest: Option<LimitExceeded> = None;
        for (place, counted) in refused {
            let known_for = match place.gives_back() {
                true => counted.resets_in.min(ASK_AGAIN),
                false => counted.resets_in,
            };
            self.exceeded.remember(place.key, now + known_for, now);
            let exceeded = LimitExceeded {
                limit: place.limit,
                retry_after: counted.resets_in,
            };
            longest = longest
                .filter(|longest| longest.retry_after >= exceeded.retry_after)
                .or(Some(exceeded));
        }
        let Some(exceeded) = longest else {
            return Ok(counted);
        };
        let added = places.iter().zip(&counted).filter(|(_, one)| one.added);
        let added: Vec<Place> = added.map(|(place, _)| place.clone()).collect();
        if !added.is_empty() {
            // Places that are not given back are free again when their windows end.
            match self.give_back(&added).await {
                Ok(()) | Err(_) => {}
            }
        }
        Err(exceeded.into())
    }

    /// Gives places back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn give_back(&self, places: &[Place]) -> Result<(), StoreError> {
        let counters: Vec<Counter> = places.iter().map(|place| place.counter(-1)).collect();
        self.records.count(&counters).await?;
        for place in places {
            self.exceeded.forget(place.key);
        }
        Ok(())
    }

    fn remembered(&self, places: &[Place]) -> Option<LimitExceeded> {
        let now = self.records.now();
        places
            .iter()
            .filter_map(|place| {
                let until = self.exceeded.until(place.key, now)?;
                Some(LimitExceeded {
                    limit: place.limit,
                    retry_after: until - now,
                })
            })
            .max_by_key(|exceeded| exceeded.retry_after)
    }

    /// What counts of this address at present.
    fn of_address(&self, limit: LimitName, address: Option<IpAddr>) -> AddressPlaces {
        let coarse = address.is_some_and(|address| self.is_crowded(limit, Family::of(address)));
        AddressPlaces { address, coarse }
    }

    fn is_crowded(&self, limit: LimitName, family: Family) -> bool {
        let now = self.records.now();
        let crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded
            .get(&(limit, family))
            .is_some_and(|until| now < *until)
    }

    /// Counts an address that is new in its window; beyond the ceiling, networks count in place of addresses until the
    /// window of that count ends.
    async fn note_new_bucket(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: IpAddr,
    ) -> Result<(), StoreError> {
        let family = Family::of(address);
        let ceiling = RateLimit::new(self.buckets_max, rate.window());
        let place = Place::new(limit, ceiling, family.bucket());
        let counted = self.records.count(&[place.counter(1)]).await?;
        if let Some(counted) = counted.first()
            && counted.total >= i64::from(self.buckets_max)
        {
            let until = self.records.now() + counted.resets_in;
            let mut crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
            crowded.insert((limit, family), until);
        }
        Ok(())
    }
}

/// The places of a limit that count for an address: the narrowest first, the whole installation's last.
fn places(limit: LimitName, rate: RateLimit, of: AddressPlaces) -> Vec<Place> {
    let widths = match of.coarse {
        true => &[COARSE] as &[_],
        false => &WIDTHS,
    };
    let mut places: Vec<Place> = match of.address {
        None => vec![Place::new(limit, rate, "unknown")],
        Some(address) => {
            let place = |&(width, factor): &(Width, u32)| {
                let prefix = rate_limit_prefix(address, width)?;
                let rate = RateLimit::new(rate.max().saturating_mul(factor), rate.window());
                Some(Place::new(limit, rate, &prefix.to_string()))
            };
            widths.iter().filter_map(place).collect()
        }
    };
    let all = pending(limit).map(|pending| Place::new(pending, PENDING, "all"));
    places.extend(all);
    places
}

/// What counts all of the installation that are under way.
fn pending(limit: LimitName) -> Option<LimitName> {
    match limit {
        LimitName::SignIn => Some(LimitName::PendingSignIns),
        LimitName::DeviceAuthorization => Some(LimitName::PendingDevices),
        LimitName::Failures
        | LimitName::UnverifiedMessages
        | LimitName::UnverifiedFrames
        | LimitName::RefusedSignIns
        | LimitName::SamlResponses
        | LimitName::PendingSignIns
        | LimitName::PendingDevices
        | LimitName::Register
        | LimitName::Credentials
        | LimitName::StsRate
        | LimitName::UserCodes => None,
    }
}

/// Where too many of all addresses are under way, each address may still have a few: nobody can lock everybody out.
fn beyond_pending(limit: LimitName, counted: &[Counted]) -> Option<LimitExceeded> {
    let pending = pending(limit)?;
    let (own, all) = (counted.first()?, counted.last()?);
    let few = own.total <= i64::from(limits::FEW_PENDING);
    let beyond = all.total > i64::from(limits::PENDING_MAX) && !few;
    beyond.then_some(LimitExceeded {
        limit: pending,
        retry_after: own.resets_in,
    })
}
