//! The port of the store: expiring values and counters. Adapters convert library errors immediately; a library's error
//! is kept only as a source.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::base::BoxError;
use crate::base::secret::SecretDigest;

/// Key of a record: its kind in plaintext, and the digest of the secret by which it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: &'static str,
    digest: SecretDigest,
}

impl Key {
    /// The key of the record with this kind and digest.
    pub fn new(kind: &'static str, digest: SecretDigest) -> Self {
        Self { kind, digest }
    }

    /// The kind, such as `session` or `sign-in`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.digest)
    }
}

/// Version of a value; opaque to all but the store that created it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub Vec<u8>);

/// Errors of a store. An outage is never reported as a denial.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `insert`: the key exists.
    #[error("the record exists already")]
    Exists,
    /// `replace`: the value was changed or removed since it was read.
    #[error("the record has changed since it was read")]
    Conflict,
    /// The store is unreachable, read-only or full.
    #[error("the store is unavailable")]
    Unavailable(#[source] BoxError),
}

/// A change of a counter in the store. A counter starts at zero with its first positive change and is removed
/// [`Counter::window`] later, regardless of further changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Key of the counter.
    pub key: Key,
    /// Amount to add. A positive amount is added only if the total does not exceed [`Counter::max`]. A negative one
    /// reduces the total to zero at most, and does nothing if there is no counter. Zero reads the total.
    pub by: i64,
    /// Maximum total after a positive change.
    pub max: i64,
    /// Lifetime of the counter. Every caller uses the same one for a key.
    pub window: TimeDelta,
}

/// A counter after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterResult {
    /// Total after the change; unchanged if nothing was added.
    pub total: i64,
    /// Whether the amount was added.
    pub added: bool,
    /// Time until the counter is removed, by the clock of this machine.
    pub resets_in: TimeDelta,
}

/// A store of expiring values with four atomic operations, and of counters. One conformance suite runs against every
/// implementation.
///
/// The store may remove a record after its expiry; readers check the expiry as well.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Stores a new value. Used for one-time values and replay detection.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the key has a value that has not expired, [`StoreError::Unavailable`].
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Reads a value.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError>;

    /// Compare-and-swap: replaces value and expiry only if the value has not changed since it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it was changed or removed, [`StoreError::Unavailable`].
    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Reads and removes a value. Only one of any number of callers gets it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError>;

    /// Changes counters, each atomically. The results are in the order of the counters. The counters of one call are
    /// independent: one that is not changed does not affect the others.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; some of the counters may have been changed.
    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError>;

    /// Checks that the store can be written to, with a write that is undone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;

    /// Whether all replicas use the same store, so that it is full or read-only for all of them or for none.
    fn is_shared(&self) -> bool {
        false
    }
}
