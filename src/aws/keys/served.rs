//! The record of what the address in `[issuer] url` serves: since when which key has been found there. A key becomes active
//! only when AWS, which caches keys, must have fetched it.
//!
//! The record is a file beside the keys, and as well protected. It contains only observations of the commands for keys: the
//! dates that a web server states are not used, because they may be those of the files before they were uploaded.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rolecall_core::base::timestamp;
use serde::{Deserialize, Serialize};

use super::files::Directory;
use super::{KeyDirectory, KeyError, KeyId};

const RECORD: &str = "served.json";

/// Since when an address has served which keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedKeys {
    /// The issuer below whose URL the documents are.
    issuer: String,
    /// The first of the observations since which each key has been found every time.
    since: BTreeMap<KeyId, DateTime<Utc>>,
}

impl ServedKeys {
    /// Since when this key has been found.
    pub fn since(&self, id: &KeyId) -> Option<DateTime<Utc>> {
        self.since.get(id).copied()
    }

    /// The record after another observation. What an earlier record says about another address, or about the future, does
    /// not count.
    fn observed(self, issuer: &str, found: &BTreeSet<KeyId>, now: DateTime<Utc>) -> Self {
        let earlier = Some(self.since).filter(|_| self.issuer == issuer);
        let earlier = earlier.unwrap_or_default();
        let since = found.iter().map(|id| {
            let since = earlier.get(id).copied().filter(|since| *since <= now);
            (id.clone(), since.unwrap_or(now))
        });
        Self {
            issuer: issuer.to_owned(),
            since: since.collect(),
        }
    }
}

impl KeyDirectory {
    /// The record for the documents of this issuer, or none.
    ///
    /// # Errors
    /// If the directory or the record cannot be read.
    pub fn served(&self, issuer: &str) -> Result<Option<ServedKeys>, KeyError> {
        let directory = Directory::open(&self.path)?;
        let record = read(&directory)?;
        Ok(record.filter(|record| record.issuer == issuer))
    }

    /// Records that these keys have just been found at the address of the issuer, and no others.
    ///
    /// # Errors
    /// As [`Self::generate`]; if the earlier record is invalid.
    pub fn record_served(
        &self,
        issuer: &str,
        found: &BTreeSet<KeyId>,
        now: DateTime<Utc>,
    ) -> Result<ServedKeys, KeyError> {
        let directory = Directory::open(&self.path)?;
        let _lock = directory.lock()?;
        let record = read(&directory)?.unwrap_or_default();
        let record = record.observed(issuer, found, now);
        let json = serde_json::to_vec_pretty(&record).map_err(|error| KeyError::Record {
            path: directory.path().join(RECORD),
            reason: error.to_string(),
        })?;
        directory.write(RECORD, &json)?;
        Ok(record)
    }
}

fn read(directory: &Directory) -> Result<Option<ServedKeys>, KeyError> {
    if !directory.exists(RECORD)? {
        return Ok(None);
    }
    let invalid = |reason: String| KeyError::Record {
        path: directory.path().join(RECORD),
        reason,
    };
    let record: ServedKeys = serde_json::from_slice(&directory.read(RECORD)?)
        .map_err(|error| invalid(error.to_string()))?;
    match record
        .since
        .values()
        .all(|at| timestamp::bounded(*at).is_some())
    {
        true => Ok(Some(record)),
        false => Err(invalid("a time is out of range".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const ISSUER: &str = "https://issuer.example.com";

    fn id(letter: &str) -> KeyId {
        KeyId::parse(&letter.repeat(43)).unwrap()
    }

    #[test]
    fn key_counts_from_the_first_of_uninterrupted_observations() {
        let (start, hour) = (DateTime::UNIX_EPOCH, TimeDelta::hours(1));
        let (a, b) = (id("a"), id("b"));
        let both = BTreeSet::from([a.clone(), b.clone()]);
        let only = BTreeSet::from([a.clone()]);
        let record = ServedKeys::default().observed(ISSUER, &both, start);
        let record = record.observed(ISSUER, &both, start + hour);
        assert_eq!(
            (record.since(&a), record.since(&b)),
            (Some(start), Some(start))
        );
        let record = record.observed(ISSUER, &only, start + hour * 2);
        let record = record.observed(ISSUER, &both, start + hour * 3);
        assert_eq!(record.since(&a), Some(start));
        assert_eq!(record.since(&b), Some(start + hour * 3));
        // The clock was wrong.
        let record = record.observed(ISSUER, &both, start + hour * 2);
        assert_eq!(record.since(&b), Some(start + hour * 2));
        let record = record.observed("https://other.example.com", &both, start + hour * 4);
        assert_eq!(record.since(&a), Some(start + hour * 4));
    }
}
