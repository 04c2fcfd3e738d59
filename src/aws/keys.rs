//! The gateway's own keys: a directory with one index and, for each key, its private half and a certificate.
//!
//! The index is replaced in one step, so every change of states happens whole or not at all, and one lock keeps two
//! commands apart. Whoever holds an active key is every person in every account: files that others can read are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::limits::WEB_IDENTITY_TOKEN_LIFE;

pub use error::KeyError;
pub use index::{KeyRecord, KeyState, KeyUse, Urgency};
pub use material::{InvalidKeyId, KeyAlgorithm, KeyId, SigningKey, UnknownAlgorithm};

use files::Directory;
use index::Index;

mod error;
mod files;
mod index;
mod material;
mod rights;

/// How long a key is published before it signs, and after it has signed its last token: AWS may remember what it fetched.
const CACHED_BY_AWS: TimeDelta = TimeDelta::hours(24);
/// IAM takes a token for five minutes after its `exp`.
const AWS_GRACE: TimeDelta = TimeDelta::minutes(5);
/// How long a key that was replaced stays published.
const OVERLAP: TimeDelta = TimeDelta::seconds(
    CACHED_BY_AWS.num_seconds() + WEB_IDENTITY_TOKEN_LIFE.num_seconds() + AWS_GRACE.num_seconds(),
);

const INDEX: &str = "keys.json";

/// The directory of `[issuer] keys`, as it is seen for one use.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    use_: KeyUse,
}

/// What is in force: the key that signs, and every key that is published, that one first.
pub struct KeySet {
    /// Signs.
    pub active: Arc<SigningKey>,
    /// Published, `active` first.
    pub published: Vec<Arc<SigningKey>>,
}

impl KeyDirectory {
    /// The directory at the path, for the keys of tokens; it need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            use_: KeyUse::Token,
        }
    }

    /// The same directory, for the keys of another use.
    #[must_use]
    pub fn used_for(self, use_: KeyUse) -> Self {
        Self { use_, ..self }
    }

    /// Where.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every key that ever was, of every use, the oldest first.
    ///
    /// # Errors
    /// When there is no directory, others can read it, or its index does not parse.
    pub fn list(&self) -> Result<Vec<KeyRecord>, KeyError> {
        let directory = Directory::open(&self.path)?;
        Ok(read_index(&directory)?.keys)
    }

    /// Makes a key, and the directory with it if there is none. The first key signs at once; a later one is published
    /// and waits for [`Self::rotate`].
    ///
    /// # Errors
    /// As [`Self::list`]; when another command is at work, there are too many keys, or the algorithm is not for this use.
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

    /// The key that waits longest becomes the one that signs; the one that signed stays published for a day. Returns the
    /// key that signs from now on.
    ///
    /// # Errors
    /// As [`Self::generate`]; when no key waits, or it has been published for less than a day and there is no emergency.
    pub fn rotate(&self, haste: Urgency, now: DateTime<Utc>) -> Result<KeyRecord, KeyError> {
        let directory = Directory::open(&self.path)?;
        let _lock = directory.lock()?;
        let mut index = read_index(&directory)?;
        let record = index.rotate(self.use_, haste, now)?;
        // A key that cannot be read must not become the one that signs.
        read_key(&directory, &record)?;
        write_index(&directory, &index)?;
        Ok(record)
    }

    /// Ends a key: it is published no longer and its private half is deleted. In an emergency the active one too, and the
    /// next takes its place at once.
    ///
    /// # Errors
    /// As [`Self::generate`]; when there is no such key, or it is still needed and there is no emergency.
    pub fn retire(
        &self,
        id: &KeyId,
        haste: Urgency,
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        let directory = Directory::open(&self.path)?;
        let _lock = directory.lock()?;
        let mut index = read_index(&directory)?;
        let record = index.retire(id, haste, now)?;
        // Only the key that signs from now on must be sound: a broken one must not keep a leaked one published.
        read_key(&directory, index.active(record.use_)?)?;
        write_index(&directory, &index)?;
        directory.remove(&key_file(id))?;
        directory.remove(&certificate_file(id))?;
        Ok(record)
    }

    /// The keys in force now.
    ///
    /// # Errors
    /// As [`Self::list`]; when no key is active, or the files of a published key are missing or do not match the index.
    pub fn load(&self, now: DateTime<Utc>) -> Result<KeySet, KeyError> {
        let directory = Directory::open(&self.path)?;
        let index = read_index(&directory)?;
        let active = Arc::new(read_key(&directory, index.active(self.use_)?)?);
        let mut published = vec![Arc::clone(&active)];
        for record in index
            .of(self.use_)
            .filter(|key| key.is_published(now) && key.id != *active.id())
        {
            published.push(Arc::new(read_key(&directory, record)?));
        }
        Ok(KeySet { active, published })
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
