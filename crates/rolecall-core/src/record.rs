//! Typed, sealed records in a [`RecordStore`]. A stolen copy of the store reveals nothing, and a modified or swapped
//! value cannot be opened.
//!
//! A value is `1
//! key ID (4)
//! nonce (24)
//! XChaCha20-Poly1305(JSON)`, with the kind and key of the record as associated data, so it can only be opened under
//! the key at which it was stored. Each record contains its expiry; the expiry of the store is garbage collection. An
//! attacker with write access to the store can still remove a record, or restore an earlier value at the same key until
//! it expires.

mod keys;
pub mod rate_limit;
mod store;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::secret::SecretDigest;
use crate::base::{Clock, Entropy};

pub use keys::SealingKeys;
pub use store::{Counter, CounterResult, Key, RecordStore, StoreError, Version};

/// A type of record.
pub trait Record: Serialize + DeserializeOwned {
    /// Part of the key and of the associated data. It is never reused for another type.
    const KIND: &'static str;
}

/// Number of attempts to change a record while others change it.
const UPDATE_TRIES: usize = 32;

#[derive(Serialize)]
struct EnvelopeRef<'a, T> {
    expires_at: DateTime<Utc>,
    record: &'a T,
}

#[derive(Deserialize)]
struct Envelope<T> {
    expires_at: DateTime<Utc>,
    record: T,
}

/// A record that was read, with the version that a replacement needs.
#[derive(Debug)]
pub struct VersionedRecord<T> {
    /// The opened record.
    pub record: T,
    /// Expiry of the record.
    pub expires_at: DateTime<Utc>,
    version: Version,
}

/// Typed access to a store with sealed values. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn RecordStore>,
    keys: Arc<SealingKeys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Records {
    /// Access to `store` with `keys`.
    pub fn new(
        store: Arc<dyn RecordStore>,
        keys: Arc<SealingKeys>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            entropy,
        }
    }

    /// The keys. They also authenticate values that clients return, such as client IDs.
    pub fn keys(&self) -> &SealingKeys {
        &self.keys
    }

    /// The time that decides about expiry.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Changes counters in the store, which are not sealed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        self.store.count(counters).await
    }

    fn seal<T: Record>(
        &self,
        key: Key,
        record: &T,
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(&EnvelopeRef { expires_at, record })
            .map(zeroize::Zeroizing::new)
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        self.keys.seal(key, &plain, self.entropy.as_ref())
    }

    /// Opens a value. `None` if it cannot be opened or parsed, or has expired.
    fn open<T: Record>(&self, key: Key, value: &[u8]) -> Option<Envelope<T>> {
        let plain = zeroize::Zeroizing::new(self.keys.open(key, value)?);
        let envelope: Envelope<T> = serde_json::from_slice(&plain).ok()?;
        (self.clock.now() < envelope.expires_at).then_some(envelope)
    }

    /// Checks that the store can be written to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }

    /// Checks that the store can be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn readable(&self) -> Result<(), StoreError> {
        let nothing = Key::new("ready", SecretDigest::of("ready", &[]));
        self.store.get(nothing).await.map(drop)
    }

    /// Same as [`RecordStore::is_shared`].
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Stores a new record.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Unavailable`].
    pub async fn insert<T: Record>(
        &self,
        digest: SecretDigest,
        record: &T,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let key = Key::new(T::KIND, digest);
        let value = self.seal(key, record, expires_at)?;
        self.store.insert(key, value, expires_at).await
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn get<T: Record>(
        &self,
        digest: SecretDigest,
    ) -> Result<Option<VersionedRecord<T>>, StoreError> {
        let key = Key::new(T::KIND, digest);
        let Some((value, version)) = self.store.get(key).await? else {
            return Ok(None);
        };
        Ok(self
            .open(key, &value)
            .map(|envelope: Envelope<T>| VersionedRecord {
                record: envelope.record,
                expires_at: envelope.expires_at,
                version,
            }))
    }

    /// Replaces a record that was read, unless it has changed since.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::Unavailable`].
    pub async fn replace<T: Record>(
        &self,
        digest: SecretDigest,
        seen: &VersionedRecord<T>,
        record: &T,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let key = Key::new(T::KIND, digest);
        let value = self.seal(key, record, expires_at)?;
        self.store
            .replace(key, seen.version.clone(), value, expires_at)
            .await
    }

    /// Creates or changes a record, with retries during concurrent changes. `change` gets the current record and
    /// returns the new one, its expiry, and the result of this function. A value that cannot be opened, because its key
    /// was removed, counts as absent and is overwritten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Conflict`] after too many concurrent changes.
    pub async fn update<T: Record, A>(
        &self,
        digest: SecretDigest,
        change: impl Fn(Option<T>) -> (T, DateTime<Utc>, A),
    ) -> Result<A, StoreError> {
        let key = Key::new(T::KIND, digest);
        for _ in 0..UPDATE_TRIES {
            let seen = self.store.get(key).await?;
            let old = seen.as_ref().and_then(|(value, _)| self.open(key, value));
            let (record, expires_at, answer) = change(old.map(|envelope| envelope.record));
            let value = self.seal(key, &record, expires_at)?;
            let changed = match seen {
                Some((_, version)) => self.store.replace(key, version, value, expires_at).await,
                None => self.store.insert(key, value, expires_at).await,
            };
            match changed {
                Ok(()) => return Ok(answer),
                Err(StoreError::Conflict | StoreError::Exists) => {}
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Reads and removes a record. Only one caller gets it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take<T: Record>(&self, digest: SecretDigest) -> Result<Option<T>, StoreError> {
        let key = Key::new(T::KIND, digest);
        Ok(self
            .store
            .take(key)
            .await?
            .and_then(|value| self.open(key, &value))
            .map(|envelope: Envelope<T>| envelope.record))
    }
}
