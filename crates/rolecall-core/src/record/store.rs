//! The port of the store: expiring values and counters. Adapters translate their errors at once: a library's error survives
//! only as a source.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::base::Source;
use crate::base::secret::SecretDigest;

/// A record's name in the store: its kind in clear, the secret that finds it as a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: &'static str,
    digest: SecretDigest,
}

impl Key {
    /// The key of the record of this kind that the digest finds.
    pub fn new(kind: &'static str, digest: SecretDigest) -> Self {
        Self { kind, digest }
    }

    /// `session`, `sign-in` …
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.digest)
    }
}

/// Which state of a record was read; opaque to all but the store that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub Vec<u8>);

/// What can go wrong with a store. An outage is not a denial and never renders as one.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `insert`: the key is taken.
    #[error("the record exists already")]
    Exists,
    /// `replace`: somebody else changed or removed it since it was read.
    #[error("the record has changed since it was read")]
    Conflict,
    /// The store cannot be reached, is read-only or full.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
}

/// An addition to a number in the store. The number starts at zero with its first positive addition and is dropped when
/// [`Counter::window`] has passed since then, whatever was added in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Names the number.
    pub key: Key,
    /// What to add. A positive amount is added only if the total stays within [`Counter::max`]; a negative one takes the
    /// total down to zero at most, and does nothing where there is no number. Zero reads the total.
    pub by: i64,
    /// The largest total that a positive addition may reach.
    pub max: i64,
    /// Life of the number. Every caller passes the same one for the same key.
    pub window: TimeDelta,
}

/// A number after an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterResult {
    /// The total.
    pub total: i64,
    /// Whether the amount was added.
    pub added: bool,
    /// Time until the number is dropped, by this machine's clock.
    pub resets_in: TimeDelta,
}

/// Expiring values found by a key: four atomic verbs, and counters. One conformance suite runs against every implementation.
///
/// The store may drop a record when it has expired; whoever reads checks the time as well.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Stores a new record; how one-time values are spent and replays are seen.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the key is taken by a record that has not expired, [`StoreError::Unavailable`].
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Reads.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError>;

    /// Compare-and-swap: value and expiry change only if the value is still the one that was seen.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it changed or is gone, [`StoreError::Unavailable`].
    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Reads and removes: of any number of callers at most one gets it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError>;

    /// Adds to numbers, each atomically, however many do so at once; the answers are in the order of the counters. The
    /// counters of one call are independent: one that is not added holds back no other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; some of the counters may have been added.
    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError>;

    /// Whether the store answers and can be written to: writes what a record needs, and undoes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;

    /// Whether the other replicas use the same store, which is then full or read-only for all of them or for none.
    fn is_shared(&self) -> bool {
        false
    }
}
