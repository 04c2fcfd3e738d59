//! Typed records over a [`RecordStore`], sealed: a stolen dump shows nothing, a changed or swapped value opens nothing.
//!
//! A value is `1 || key id (4) || nonce (24) || XChaCha20-Poly1305(JSON)`, with the record's kind and key as
//! associated data, so that a value opens only under the key it was stored at. Every record carries its own expiry,
//! inside the seal; the store's expiry is garbage collection. Whoever can write to the store can still remove a record
//! or put back what stood at the same key before, until it expires.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::port::{Clock, Entropy, Key, RecordStore, StoreError, Version};
use crate::secret::SecretDigest;

/// A value with a kind of its own.
pub trait Record: Serialize + DeserializeOwned {
    /// Part of its key and of its seal. Never reused for another type.
    const KIND: &'static str;
}

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// How often a change is tried again when somebody else changes the record at the same time.
const UPDATE_TRIES: usize = 32;

struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    fn new(master: &[u8; 32]) -> Self {
        let mut key = zeroize::Zeroizing::new([0_u8; 32]);
        // HKDF-SHA256 fails only for outputs over 8160 bytes.
        let expanded =
            Hkdf::<Sha256>::new(None, master).expand(b"rolecall/record/v1", key.as_mut());
        assert!(expanded.is_ok(), "32 bytes are within HKDF's limit");
        let digest = Sha256::digest(key.as_ref());
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(key.as_ref().into()),
        }
    }
}

/// The key ring: the first key seals, all of them open.
pub struct SealingKeys {
    first: SealingKey,
    rest: Vec<SealingKey>,
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKeys({})", 1 + self.rest.len())
    }
}

impl SealingKeys {
    /// A ring of one key that seals and any number of older ones that only open; 32 random bytes each.
    pub fn new(first: &[u8; 32], older: &[[u8; 32]]) -> Self {
        Self {
            first: SealingKey::new(first),
            rest: older.iter().map(SealingKey::new).collect(),
        }
    }

    fn seal(&self, key: Key, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let aad = key.to_string();
        let sealed = self
            .first
            .cipher
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: aad.as_bytes(),
                },
            )
            .map_err(|_| StoreError::Unavailable("a record could not be sealed".into()))?;
        let mut value = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + sealed.len());
        value.push(FORMAT);
        value.extend_from_slice(&self.first.id);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// None when the value was not sealed by this ring for this key, or was changed since.
    fn open(&self, key: Key, value: &[u8]) -> Option<Vec<u8>> {
        let (format, rest) = value.split_first()?;
        let (id, rest) = rest.split_at_checked(KEY_ID_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        if *format != FORMAT {
            return None;
        }
        let aad = key.to_string();
        std::iter::once(&self.first)
            .chain(&self.rest)
            .filter(|candidate| candidate.id == id)
            .find_map(|candidate| {
                candidate
                    .cipher
                    .decrypt(
                        XNonce::from_slice(nonce),
                        Payload {
                            msg: sealed,
                            aad: aad.as_bytes(),
                        },
                    )
                    .ok()
            })
    }
}

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
pub struct Seen<T> {
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
    ) -> Result<Option<Seen<T>>, StoreError> {
        let key = Key::new(T::KIND, digest);
        let Some((value, version)) = self.store.get(key).await? else {
            return Ok(None);
        };
        Ok(self.open(key, &value).map(|envelope: Envelope<T>| Seen {
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
        seen: &Seen<T>,
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes
                .iter_mut()
                .enumerate()
                .for_each(|(i, b)| *b = u8::try_from(i % 251).unwrap_or(0));
        }
    }

    fn key(kind: &'static str, name: &str) -> Key {
        Key::new(kind, SecretDigest::of("test", &[name.as_bytes()]))
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let ring = SealingKeys::new(&[7; 32], &[]);
        let value = ring
            .seal(key("session", "a"), b"secret", &Counting)
            .unwrap();
        assert_eq!(
            ring.open(key("session", "a"), &value).as_deref(),
            Some(b"secret".as_slice())
        );
        assert_eq!(ring.open(key("session", "b"), &value), None, "another key");
        assert_eq!(ring.open(key("sign-in", "a"), &value), None, "another kind");
        assert!(!value.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let ring = SealingKeys::new(&[7; 32], &[]);
        let value = ring
            .seal(key("session", "a"), b"secret", &Counting)
            .unwrap();
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] ^= 1;
            assert_eq!(ring.open(key("session", "a"), &changed), None, "byte {at}");
            assert_eq!(
                ring.open(key("session", "a"), &value[..at]),
                None,
                "cut at {at}"
            );
        }
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let old = SealingKeys::new(&[1; 32], &[]);
        let both = SealingKeys::new(&[2; 32], &[[1; 32]]);
        let new = SealingKeys::new(&[2; 32], &[]);
        let k = key("session", "a");
        let sealed_by_old = old.seal(k, b"x", &Counting).unwrap();
        let sealed_by_both = both.seal(k, b"x", &Counting).unwrap();
        assert!(both.open(k, &sealed_by_old).is_some());
        assert!(new.open(k, &sealed_by_both).is_some());
        assert!(new.open(k, &sealed_by_old).is_none() && old.open(k, &sealed_by_both).is_none());
    }
}
