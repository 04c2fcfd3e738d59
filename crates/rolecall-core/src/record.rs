//! Typed records over a [`RecordStore`], sealed: a stolen dump shows nothing, a changed or swapped value opens nothing.
//!
//! A value is `1 || key id (4) || nonce (24) || XChaCha20-Poly1305(JSON)`, with the record's kind and key as
//! associated data, so that a value opens only under the key it was stored at. Every record carries its own expiry,
//! inside the seal; the store's expiry is garbage collection. Whoever can write to the store can still remove a record
//! or put back what stood at the same key before, until it expires.

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

/// A value with a kind of its own.
pub trait Record: Serialize + DeserializeOwned {
    /// Part of its key and of its seal. Never reused for another type.
    const KIND: &'static str;
}

/// How often a change is tried again when somebody else changes the record at the same time.
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

/// A record that was read, with what is needed to replace it.
#[derive(Debug)]
pub struct VersionedRecord<T> {
    /// The record.
    pub record: T,
    /// Its expiry.
    pub expires_at: DateTime<Utc>,
    version: Version,
}

/// The sealed, typed view of a store. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn RecordStore>,
    keys: Arc<SealingKeys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Records {
    /// A view of `store` under `keys`.
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

    /// The ring: it also stamps what is handed out and comes back, such as client ids.
    pub fn keys(&self) -> &SealingKeys {
        &self.keys
    }

    /// The time, by which records expire.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Adds to numbers in the store, which are not sealed.
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

    /// A value that does not open, does not parse or has expired is no record.
    fn open<T: Record>(&self, key: Key, value: &[u8]) -> Option<Envelope<T>> {
        let plain = zeroize::Zeroizing::new(self.keys.open(key, value)?);
        let envelope: Envelope<T> = serde_json::from_slice(&plain).ok()?;
        (self.clock.now() < envelope.expires_at).then_some(envelope)
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }

    /// Whether the store can be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn readable(&self) -> Result<(), StoreError> {
        let nothing = Key::new("ready", SecretDigest::of("ready", &[]));
        self.store.get(nothing).await.map(drop)
    }

    /// As [`RecordStore::is_shared`].
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

    /// Writes back a record that was read, unless somebody else did in between.
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

    /// Makes or changes a record, whoever else is changing it: `change` gets what is there and gives what shall be, its
    /// expiry, and an answer. What is there but does not open (its sealing key is gone) counts as nothing and is
    /// overwritten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Conflict`] when others are always faster.
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

    /// Reads and removes: at most one caller gets it.
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
