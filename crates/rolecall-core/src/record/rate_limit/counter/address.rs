//! Rate limits for client addresses: networks in addition to addresses, and limits for all addresses together.

use std::net::IpAddr;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::record::rate_limit::counter::{RateCounters, RateLimitError, RateLimitSlot};
use crate::record::rate_limit::{
    LimitExceeded, LimitName, PENDING, RateLimit, SIGNED_IN, Width, rate_limit_prefix,
};
use crate::record::{CounterResult, StoreError};

/// The counted prefixes of an address, and the factor of each limit.
const WIDTHS: [(Width, u32); 3] = [(Width::Address, 1), (Width::Site, 10), COARSE];
const COARSE: (Width, u32) = (Width::Coarse, 100);
/// The slots of a limit that were acquired for a client address, for their release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSlots {
    /// `None` if the address is unknown.
    address: Option<IpAddr>,
    /// Whether only the slot of the coarse network was acquired.
    #[serde(default)]
    coarse: bool,
    /// End of the window of each slot, in seconds since 1970: a slot is not released to a later window. Empty if an
    /// earlier version acquired the slots, which kept no times.
    #[serde(default)]
    ends_at: Vec<i64>,
}

/// IP version. Each has its own maximum number of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
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

impl RateCounters {
    /// Acquires a slot for a client address. Unknown addresses share one bucket.
    ///
    /// # Errors
    /// [`RateLimitError`].
    pub async fn acquire_for_address(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: Option<IpAddr>,
    ) -> Result<AddressSlots, RateLimitError> {
        let mut taken = self.of_address(limit, address);
        let slots = slots(limit, rate, &taken);
        let counted = self.acquire(&slots).await?;
        if let Some(exceeded) = beyond_pending(limit, &counted)
            && !self.has_signed_in(address).await?
        {
            // Slots that are not released are free again at the end of their windows.
            match self.release(&slots).await {
                Ok(()) | Err(_) => {}
            }
            return Err(exceeded.into());
        }
        let is_new = counted.first().is_some_and(|first| first.total == 1);
        if let (Some(address), false, true) = (address, taken.coarse, is_new) {
            // The slot is acquired. The next new address notices the state as well.
            match self.note_new_bucket(limit, rate, address).await {
                Ok(()) | Err(_) => {}
            }
        }
        let now = self.records.now();
        let ends = counted.iter().map(|one| (now + one.resets_in).timestamp());
        taken.ends_at = ends.collect();
        Ok(taken)
    }

    /// Releases the slots of [`RateCounters::acquire_for_address`] whose windows have not ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_for_address(
        &self,
        limit: LimitName,
        rate: RateLimit,
        taken: &AddressSlots,
    ) -> Result<(), StoreError> {
        let slots = self.still_taken(limit, rate, taken);
        self.release_and_count(&slots, None).await
    }

    /// Releases the slots of a completed sign-in and marks its address as known; see [`limits::KNOWN_ADDRESS_LIFE`].
    /// One request to the store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_completed_for_address(
        &self,
        limit: LimitName,
        rate: RateLimit,
        taken: &AddressSlots,
    ) -> Result<(), StoreError> {
        let slots = self.still_taken(limit, rate, taken);
        let known = taken.address.and_then(signed_in);
        self.release_and_count(&slots, known).await
    }

    /// Whether a sign-in from this address was completed recently.
    async fn has_signed_in(&self, address: Option<IpAddr>) -> Result<bool, StoreError> {
        let Some(slot) = address.and_then(signed_in) else {
            return Ok(false);
        };
        let counted = self.records.count(&[slot.counter(0)]).await?;
        Ok(counted.first().is_some_and(|counted| counted.total > 0))
    }

    /// The slots of an address whose windows have not ended.
    fn still_taken(
        &self,
        limit: LimitName,
        rate: RateLimit,
        taken: &AddressSlots,
    ) -> Vec<RateLimitSlot> {
        let now = self.records.now().timestamp();
        let ends = taken.ends_at.iter().copied();
        let ends = ends.chain(std::iter::repeat(i64::MAX));
        let slots = slots(limit, rate, taken).into_iter().zip(ends);
        let still = slots.filter(|(_, end)| now < *end);
        still.map(|(slot, _)| slot).collect()
    }

    /// Whether this replica knows that the address has no free slot. Makes no request to the store.
    pub fn known_exceeded(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: Option<IpAddr>,
    ) -> Option<LimitExceeded> {
        self.remembered(&slots(limit, rate, &self.of_address(limit, address)))
    }

    /// The buckets that count for this address at present.
    fn of_address(&self, limit: LimitName, address: Option<IpAddr>) -> AddressSlots {
        let coarse = address.is_some_and(|address| self.is_crowded(limit, Family::of(address)));
        AddressSlots {
            address,
            coarse,
            ends_at: Vec::new(),
        }
    }

    fn is_crowded(&self, limit: LimitName, family: Family) -> bool {
        let now = self.records.now();
        let crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        crowded
            .get(&(limit, family))
            .is_some_and(|until| now < *until)
    }

    /// Counts an address that is new in its window. Beyond the maximum, networks are counted instead of addresses until
    /// the window of this counter ends.
    async fn note_new_bucket(
        &self,
        limit: LimitName,
        rate: RateLimit,
        address: IpAddr,
    ) -> Result<(), StoreError> {
        let family = Family::of(address);
        let ceiling = RateLimit::new(self.buckets_max, rate.window());
        let slot = RateLimitSlot::new(limit, ceiling, family.bucket());
        let counted = self.records.count(&[slot.counter(1)]).await?;
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

/// The slots of a limit for an address: the narrowest first, that of the installation last.
fn slots(limit: LimitName, rate: RateLimit, of: &AddressSlots) -> Vec<RateLimitSlot> {
    let widths = match of.coarse {
        true => &[COARSE] as &[_],
        false => &WIDTHS,
    };
    let mut slots: Vec<RateLimitSlot> = match of.address {
        None => vec![RateLimitSlot::new(limit, rate, "unknown")],
        Some(address) => {
            let slot = |&(width, factor): &(Width, u32)| {
                let prefix = rate_limit_prefix(address, width)?;
                let rate = RateLimit::new(rate.max().saturating_mul(factor), rate.window());
                Some(RateLimitSlot::new(limit, rate, &prefix.to_string()))
            };
            widths.iter().filter_map(slot).collect()
        }
    };
    let all = pending(limit).map(|pending| RateLimitSlot::new(pending, PENDING, "all"));
    slots.extend(all);
    slots
}

/// Counter of completed sign-ins of an address.
fn signed_in(address: IpAddr) -> Option<RateLimitSlot> {
    let prefix = rate_limit_prefix(address, Width::Address)?;
    let bucket = prefix.to_string();
    Some(RateLimitSlot::new(
        LimitName::CompletedSignIns,
        SIGNED_IN,
        &bucket,
    ))
}

/// The counter of pending requests of the installation.
fn pending(limit: LimitName) -> Option<LimitName> {
    match limit {
        LimitName::SignIn => Some(LimitName::PendingSignIns),
        LimitName::DeviceAuthorization => Some(LimitName::PendingDevices),
        LimitName::Failures
        | LimitName::UnverifiedMessages
        | LimitName::UnverifiedFrames
        | LimitName::WaitingMessages
        | LimitName::SamlForms
        | LimitName::RefusedSignIns
        | LimitName::SamlResponses
        | LimitName::PendingSignIns
        | LimitName::PendingDevices
        | LimitName::CompletedSignIns
        | LimitName::Register
        | LimitName::Credentials
        | LimitName::StsRate
        | LimitName::UserCodes => None,
    }
}

/// Beyond the maximum of pending requests, each address keeps a reserve, and a known address its full limit, so an
/// attacker cannot lock out everyone.
fn beyond_pending(limit: LimitName, counted: &[CounterResult]) -> Option<LimitExceeded> {
    let pending = pending(limit)?;
    let (own, all) = (counted.first()?, counted.last()?);
    let few = own.total <= i64::from(limits::PENDING_RESERVED_PER_ADDRESS);
    let beyond = all.total > i64::from(limits::PENDING_MAX) && !few;
    beyond.then_some(LimitExceeded {
        limit: pending,
        retry_after: own.resets_in,
    })
}
