//! The gateway's own keys: a directory with an index, and a private key and a certificate per key.
//!
//! The index is replaced atomically, and a lock serializes commands. With an active key one can assume every role in
//! every account, so files that others can read are rejected.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::limits::WEB_IDENTITY_TOKEN_LIFE;

pub use error::KeyError;
pub use index::{KeyRecord, KeyState, KeyUse, Urgency};
pub use material::{InvalidKeyId, KeyAlgorithm, KeyId, SigningKey, UnknownAlgorithm};
pub use served::ServedKeys;

use files::Directory;
use index::Index;

mod error;
mod files;
mod index;
mod jwk;
mod material;
mod permissions;
mod served;

/// How long a key is published before it becomes active, and after it was replaced: AWS may cache the key set this
/// long.
const CACHED_BY_AWS: TimeDelta = TimeDelta::hours(24);
/// IAM accepts a token for five minutes after its `exp`.
const AWS_GRACE: TimeDelta = TimeDelta::minutes(5);
/// How long a replaced key stays published.
const OVERLAP: TimeDelta = TimeDelta::seconds(
    CACHED_BY_AWS.num_seconds() + WEB_IDENTITY_TOKEN_LIFE.num_seconds() + AWS_GRACE.num_seconds(),
);

const INDEX: &str = "keys.json";

/// The directory of `[issuer] keys`, opened for one use of keys.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    use_: KeyUse,
    /// The issuer below whose URL another server publishes the keys for tokens.
    published_at: Option<String>,
}

/// The keys in use: the active key and all published keys.
pub struct KeySet {
    /// The key that signs.
    pub active: Arc<SigningKey>,
    /// Published keys, `active` first.
    pub published: Vec<Arc<SigningKey>>,
    /// Those of them that `active` and its predecessors replaced, the latest first.
    pub replaced: Vec<Arc<SigningKey>>,
    /// Those of them that wait for activation, the first to be activated first.
    pub next: Vec<KeyId>,
    /// Keys whose time after the rotation is over: no longer published, and not retired yet.
    pub expired: Vec<KeyId>,
    /// Retired keys.
    pub retired: Vec<KeyId>,
}

impl KeyDirectory {
    /// The directory at this path, for keys of tokens. It need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            use_: KeyUse::Token,
            published_at: None,
        }
    }

    /// The same directory, if the keys for tokens are published at the URL of this issuer, and not by the gateway: they
    /// become active when they have been [recorded](Self::record_served) to be there for a day.
    #[must_use]
    pub fn published_at(self, issuer: Option<String>) -> Self {
        Self {
            published_at: issuer,
            ..self
        }
    }

    /// The same directory, for keys of another use.
    #[must_use]
    pub fn used_for(self, use_: KeyUse) -> Self {
        Self { use_, ..self }
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lists all keys of all uses, including retired ones, oldest first.
    ///
    /// # Errors
    /// If the directory does not exist or is accessible to others, or the index is invalid.
    pub fn list(&self) -> Result<Vec<KeyRecord>, KeyError> {
        let directory = Directory::open(&self.path)?;
        Ok(read_index(&directory)?.keys)
    }

    /// Creates a key, and the directory if needed. The first key becomes active at once; later ones are published and
    /// wait for [`Self::rotate`].
    ///
    /// # Errors
    /// As [`Self::list`]; if another command holds the lock, there are too many keys, or the algorithm is not allowed
    /// for this use.
    pub fn generate(
        &self,
        algorithm: KeyAlgorithm,
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        if self.use_ == KeyUse::Saml && algorithm != KeyAlgorithm::Rs256 {
            return Err(KeyError::NotForSaml);
        }
        let directory = Directory::create(&self.path)?;
        let _lock = directory.lock()?;
        let mut index = match directory.exists(INDEX)? {
            true => read_index(&directory)?,
            false => Index::default(),
        };
        let key = SigningKey::generate(algorithm, now)?;
        let record = index.add(key.id().clone(), (self.use_, algorithm), now)?;
        directory.write(&key_file(key.id()), &key.to_pem()?)?;
        directory.write(&certificate_file(key.id()), &key.certificate_pem()?)?;
        write_index(&directory, &index)?;
        Ok(record)
    }

    /// Activates the oldest waiting key and returns it. The replaced key stays published for a day.
    ///
    /// # Errors
    /// As [`Self::generate`]; if no key is waiting, or if it was published less than a day ago, or is not known to be
    /// published, and the rotation is not an emergency.
    pub fn rotate(&self, urgency: Urgency, now: DateTime<Utc>) -> Result<KeyRecord, KeyError> {
        let directory = Directory::open(&self.path)?;
        let _lock = directory.lock()?;
        let mut index = read_index(&directory)?;
        if urgency == Urgency::Patient {
            self.check_served(&index, now)?;
        }
        let record = index.rotate(self.use_, urgency, now)?;
        // A key that cannot be read must not become active.
        read_key(&directory, &record)?;
        write_index(&directory, &index)?;
        Ok(record)
    }

    /// Checks that the address in `[issuer] url` has served the next key for a day, if there is one.
    fn check_served(&self, index: &Index, now: DateTime<Utc>) -> Result<(), KeyError> {
        let Some(issuer) = self
            .published_at
            .as_ref()
            .filter(|_| self.use_ == KeyUse::Token)
        else {
            return Ok(());
        };
        let id = index.next_key(self.use_)?.id.clone();
        let issuer = issuer.clone();
        let record = self.served(&issuer)?;
        let Some(since) = record.and_then(|record| record.since(&id)) else {
            return Err(KeyError::NotServed { id, issuer });
        };
        match since + CACHED_BY_AWS {
            from if now < from => Err(KeyError::ServedTooShort { id, issuer, from }),
            _ => Ok(()),
        }
    }

    /// Retires a key: it is no longer published, and its private key is deleted. In an emergency the active key can be
    /// retired as well; the next key then becomes active at once.
    ///
    /// # Errors
    /// As [`Self::generate`]; if the key does not exist, or is still in use and there is no emergency.
    pub fn retire(
        &self,
        id: &KeyId,
        urgency: Urgency,
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        let directory = Directory::open(&self.path)?;
        let _lock = directory.lock()?;
        let mut index = read_index(&directory)?;
        let record = index.retire(id, urgency, now)?;
        // Only the new active key must be readable: a damaged one must not prevent the retirement of a leaked one.
        read_key(&directory, index.active(record.use_)?)?;
        write_index(&directory, &index)?;
        directory.remove(&key_file(id))?;
        directory.remove(&certificate_file(id))?;
        Ok(record)
    }

    /// Reads the keys in use.
    ///
    /// # Errors
    /// As [`Self::list`]; if no key is active, or the files of a published key are missing or do not match the index.
    pub fn load(&self, now: DateTime<Utc>) -> Result<KeySet, KeyError> {
        let directory = Directory::open(&self.path)?;
        let index = read_index(&directory)?;
        let active = Arc::new(read_key(&directory, index.active(self.use_)?)?);
        let mut published = vec![Arc::clone(&active)];
        let (mut replaced, mut next) = (Vec::new(), Vec::new());
        let (mut expired, mut retired) = (Vec::new(), Vec::new());
        for record in index.of(self.use_).filter(|key| key.id != *active.id()) {
            if !record.is_published(now) {
                match record.state {
                    KeyState::Retired { .. } => retired.push(record.id.clone()),
                    KeyState::Next | KeyState::Active { .. } | KeyState::Retiring { .. } => {
                        expired.push(record.id.clone());
                    }
                }
                continue;
            }
            let key = Arc::new(read_key(&directory, record)?);
            match record.state {
                KeyState::Retiring { since } => replaced.push((since, Arc::clone(&key))),
                KeyState::Next => next.push(record.id.clone()),
                KeyState::Active { .. } | KeyState::Retired { .. } => {}
            }
            published.push(key);
        }
        replaced.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
        Ok(KeySet {
            active,
            published,
            replaced: replaced.into_iter().map(|(_, key)| key).collect(),
            next,
            expired,
            retired,
        })
    }
}

fn key_file(id: &KeyId) -> String {
    format!("{id}.key")
}

fn certificate_file(id: &KeyId) -> String {
    format!("{id}.crt")
}

fn read_index(directory: &Directory) -> Result<Index, KeyError> {
    if !directory.exists(INDEX)? {
        return Err(KeyError::Empty(directory.path().to_owned()));
    }
    Index::parse(&directory.read(INDEX)?).map_err(|reason| KeyError::Index {
        path: directory.path().join(INDEX),
        reason,
    })
}

fn write_index(directory: &Directory, index: &Index) -> Result<(), KeyError> {
    directory.write(INDEX, &index.to_json()?)
}

fn read_key(directory: &Directory, record: &KeyRecord) -> Result<SigningKey, KeyError> {
    let (key, certificate) = (key_file(&record.id), certificate_file(&record.id));
    SigningKey::parse(&directory.read(&key)?, &directory.read(&certificate)?)
        .ok()
        .filter(|read| *read.id() == record.id && read.algorithm() == record.algorithm)
        .ok_or_else(|| KeyError::Mismatch {
            path: directory.path().join(key),
        })
}
