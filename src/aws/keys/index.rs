//! The index of keys and its state transitions, as pure functions of the current time.
//!
//! ```text
//! next ──rotate──▶ active ──rotate──▶ retiring ──retire──▶ retired
//! ```

use chrono::{DateTime, Utc};
use rolecall_core::base::timestamp;
use serde::{Deserialize, Serialize};

use super::{CACHED_BY_AWS, KeyAlgorithm, KeyError, KeyId, OVERLAP};

/// Maximum number of keys that are not retired. AWS reads the first 100 keys of a JWKS.
const LIVE_KEYS_MAX: usize = 16;

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KeyState {
    /// Published, not used for signing yet.
    Next,
    /// Used for signing.
    Active {
        /// Time of activation.
        since: DateTime<Utc>,
    },
    /// No longer used for signing, still published.
    Retiring {
        /// Time of replacement.
        since: DateTime<Utc>,
    },
    /// Retired. The entry stays in the index so that the key ID can be identified.
    Retired {
        /// Time of retirement.
        since: DateTime<Utc>,
    },
}

/// What a key signs. Each use has its own active key and its own rotation; a key has exactly one use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Tokens for AWS, published in the JWKS that AWS fetches.
    #[default]
    Token,
    /// SAML responses for AWS, published in the metadata that administrators upload to IAM.
    Saml,
}

/// An entry of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// `kid`
    pub id: KeyId,
    /// `alg`
    pub algorithm: KeyAlgorithm,
    /// The use of the key.
    #[serde(default, rename = "use")]
    pub use_: KeyUse,
    /// Time of creation and first publication.
    pub created_at: DateTime<Utc>,
    /// The state of the key.
    pub state: KeyState,
}

impl KeyRecord {
    /// Whether this is the active key.
    pub fn is_active(&self) -> bool {
        matches!(self.state, KeyState::Active { .. })
    }

    fn times_are_bounded(&self) -> bool {
        let since = match self.state {
            KeyState::Next => self.created_at,
            KeyState::Active { since }
            | KeyState::Retiring { since }
            | KeyState::Retired { since } => since,
        };
        [self.created_at, since]
            .into_iter()
            .all(|at| timestamp::bounded(at).is_some())
    }

    /// Whether the key is part of the JWKS or of the SAML metadata.
    pub fn is_published(&self, now: DateTime<Utc>) -> bool {
        match self.state {
            KeyState::Next | KeyState::Active { .. } => true,
            KeyState::Retiring { since } => now < since + OVERLAP,
            KeyState::Retired { .. } => false,
        }
    }
}

/// Whether the rules that protect running sessions apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Apply all waiting periods.
    Patient,
    /// A key has leaked: skip waiting periods, even if some tokens are rejected.
    Emergency,
}

/// All keys, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub keys: Vec<KeyRecord>,
}

impl Index {
    /// Parses an index. Rejects two active keys of a use, duplicate keys and times out of range.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let index: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        for use_ in [KeyUse::Token, KeyUse::Saml] {
            if index.of(use_).filter(|key| key.is_active()).count() > 1 {
                return Err("two keys are active".to_owned());
            }
        }
        if let Some(key) = index.keys.iter().find(|key| !key.times_are_bounded()) {
            return Err(format!("a time of the key {} is out of range", key.id));
        }
        let mut ids: Vec<&KeyId> = index.keys.iter().map(|key| &key.id).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the key {} is listed twice", pair[0])),
            None => Ok(index),
        }
    }

    pub fn to_json(&self) -> Result<Vec<u8>, KeyError> {
        serde_json::to_vec_pretty(self).map_err(|error| KeyError::Index {
            path: super::INDEX.into(),
            reason: error.to_string(),
        })
    }

    /// The keys of a use, oldest first.
    pub fn of(&self, use_: KeyUse) -> impl Iterator<Item = &KeyRecord> {
        self.keys.iter().filter(move |key| key.use_ == use_)
    }

    pub fn active(&self, use_: KeyUse) -> Result<&KeyRecord, KeyError> {
        self.of(use_)
            .find(|key| key.is_active())
            .ok_or(KeyError::NoneActive(use_))
    }

    /// The oldest waiting key.
    pub fn next_key(&self, use_: KeyUse) -> Result<&KeyRecord, KeyError> {
        let next = self.next(use_).and_then(|position| self.keys.get(position));
        next.ok_or(KeyError::NoneNext(use_))
    }

    pub fn add(
        &mut self,
        id: KeyId,
        (use_, algorithm): (KeyUse, KeyAlgorithm),
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        let live = self
            .of(use_)
            .filter(|key| !matches!(key.state, KeyState::Retired { .. }))
            .count();
        if live >= LIVE_KEYS_MAX {
            return Err(KeyError::TooMany(live));
        }
        let state = match self.active(use_) {
            Ok(_) => KeyState::Next,
            Err(_) => KeyState::Active { since: now },
        };
        let record = KeyRecord {
            id,
            algorithm,
            use_,
            created_at: now,
            state,
        };
        self.keys.push(record.clone());
        Ok(record)
    }

    pub fn rotate(
        &mut self,
        use_: KeyUse,
        urgency: Urgency,
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        let next = self.next(use_).ok_or(KeyError::NoneNext(use_))?;
        let seen_from = self.keys[next].created_at + CACHED_BY_AWS;
        if urgency == Urgency::Patient && now < seen_from {
            return Err(KeyError::TooEarly {
                id: self.keys[next].id.clone(),
                from: seen_from,
                use_,
            });
        }
        for key in &mut self.keys {
            if key.use_ == use_ && key.is_active() {
                key.state = KeyState::Retiring { since: now };
            }
        }
        self.keys[next].state = KeyState::Active { since: now };
        Ok(self.keys[next].clone())
    }

    pub fn retire(
        &mut self,
        id: &KeyId,
        urgency: Urgency,
        now: DateTime<Utc>,
    ) -> Result<KeyRecord, KeyError> {
        let unknown = || KeyError::Unknown(id.clone());
        let position = self
            .keys
            .iter()
            .position(|key| key.id == *id)
            .ok_or_else(unknown)?;
        match (self.keys[position].state, urgency) {
            (KeyState::Retired { .. }, _) => return Err(unknown()),
            (KeyState::Active { .. }, Urgency::Patient) => {
                return Err(KeyError::Active(id.clone()));
            }
            (KeyState::Active { .. }, Urgency::Emergency) => {
                self.rotate(self.keys[position].use_, urgency, now)?;
            }
            (KeyState::Retiring { since }, Urgency::Patient) if now < since + OVERLAP => {
                return Err(KeyError::Needed {
                    id: id.clone(),
                    until: since + OVERLAP,
                });
            }
            (KeyState::Next | KeyState::Retiring { .. }, _) => {}
        }
        self.keys[position].state = KeyState::Retired { since: now };
        Ok(self.keys[position].clone())
    }

    /// The position of the oldest waiting key.
    fn next(&self, use_: KeyUse) -> Option<usize> {
        let waits = |key: &KeyRecord| key.use_ == use_ && key.state == KeyState::Next;
        self.keys.iter().position(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn id(n: u8) -> KeyId {
        KeyId::parse(&format!("{n:a>43}")).unwrap()
    }

    fn states(index: &Index) -> String {
        let letter = |key: &KeyRecord| match key.state {
            KeyState::Next => 'n',
            KeyState::Active { .. } => 'a',
            KeyState::Retiring { .. } => 'r',
            KeyState::Retired { .. } => 'x',
        };
        index.keys.iter().map(letter).collect()
    }

    #[test]
    fn key_passes_through_all_states() {
        let (mut index, start) = (Index::default(), DateTime::UNIX_EPOCH);
        assert!(matches!(
            index.rotate(KeyUse::Token, Urgency::Emergency, start),
            Err(KeyError::NoneNext(_))
        ));
        index
            .add(id(1), (KeyUse::Token, KeyAlgorithm::Es256), start)
            .unwrap();
        index
            .add(id(2), (KeyUse::Token, KeyAlgorithm::Rs256), start)
            .unwrap();
        assert_eq!(states(&index), "an");
        let early = start + TimeDelta::hours(24) - TimeDelta::seconds(1);
        assert!(matches!(
            index.rotate(KeyUse::Token, Urgency::Patient, early),
            Err(KeyError::TooEarly { .. })
        ));
        assert!(matches!(
            index.retire(&id(1), Urgency::Patient, early),
            Err(KeyError::Active(_))
        ));
        let day = start + TimeDelta::hours(24);
        assert_eq!(
            index
                .rotate(KeyUse::Token, Urgency::Patient, day)
                .unwrap()
                .id,
            id(2)
        );
        assert_eq!(states(&index), "ra");
        assert!(index.keys[0].is_published(day + TimeDelta::hours(24)));
        assert!(matches!(
            index.retire(&id(1), Urgency::Patient, day),
            Err(KeyError::Needed { .. })
        ));
        let later = day + OVERLAP;
        assert!(!index.keys[0].is_published(later));
        index.retire(&id(1), Urgency::Patient, later).unwrap();
        assert_eq!(states(&index), "xa");
        assert!(matches!(
            index.retire(&id(1), Urgency::Emergency, later),
            Err(KeyError::Unknown(_))
        ));
        let read = Index::parse(&index.to_json().unwrap()).unwrap();
        assert_eq!(read, index);
    }

    #[test]
    fn emergency_retirement_requires_a_next_key() {
        let (mut index, now) = (Index::default(), DateTime::UNIX_EPOCH);
        index
            .add(id(1), (KeyUse::Token, KeyAlgorithm::Es256), now)
            .unwrap();
        assert!(matches!(
            index.retire(&id(1), Urgency::Emergency, now),
            Err(KeyError::NoneNext(_))
        ));
        assert_eq!(states(&index), "a");
        index
            .add(id(2), (KeyUse::Token, KeyAlgorithm::Es256), now)
            .unwrap();
        index.retire(&id(1), Urgency::Emergency, now).unwrap();
        assert_eq!(states(&index), "xa");
    }

    #[test]
    fn inconsistent_index_is_rejected() {
        let (mut index, now) = (Index::default(), DateTime::UNIX_EPOCH);
        for n in 0..16 {
            index
                .add(id(n), (KeyUse::Token, KeyAlgorithm::Es256), now)
                .unwrap();
        }
        assert!(matches!(
            index.add(id(16), (KeyUse::Token, KeyAlgorithm::Es256), now),
            Err(KeyError::TooMany(16))
        ));
        let mut two = index.clone();
        two.keys[1].state = KeyState::Active { since: now };
        assert!(Index::parse(&two.to_json().unwrap()).is_err());
        let mut twice = index.clone();
        twice.keys[2].id = id(1);
        assert!(Index::parse(&twice.to_json().unwrap()).is_err());
        let mut beyond = index.clone();
        beyond.keys[3].created_at = DateTime::<Utc>::MAX_UTC;
        let refusal = Index::parse(&beyond.to_json().unwrap()).unwrap_err();
        assert!(refusal.contains("out of range"), "{refusal}");
        beyond.keys[3] = index.keys[3].clone();
        beyond.keys[3].state = KeyState::Retiring {
            since: DateTime::<Utc>::MAX_UTC,
        };
        assert!(Index::parse(&beyond.to_json().unwrap()).is_err());
        for bad in ["", "{}", "{\"keys\":[],\"x\":1}", "[]", "null"] {
            assert!(Index::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn uses_are_rotated_independently() {
        let (mut index, now) = (Index::default(), DateTime::UNIX_EPOCH);
        let token = (KeyUse::Token, KeyAlgorithm::Es256);
        let saml = (KeyUse::Saml, KeyAlgorithm::Rs256);
        for (n, what) in [(1, token), (2, saml), (3, saml)] {
            index.add(id(n), what, now).unwrap();
        }
        assert_eq!(states(&index), "aan");
        let rotated = index.rotate(KeyUse::Saml, Urgency::Emergency, now).unwrap();
        assert_eq!((rotated.id, states(&index).as_str()), (id(3), "ara"));
        assert!(matches!(
            index.rotate(KeyUse::Token, Urgency::Emergency, now),
            Err(KeyError::NoneNext(KeyUse::Token))
        ));
        assert!(matches!(
            index.retire(&id(3), Urgency::Emergency, now),
            Err(KeyError::NoneNext(KeyUse::Saml))
        ));
        let json = String::from_utf8(index.to_json().unwrap()).unwrap();
        assert_eq!(Index::parse(json.as_bytes()).unwrap(), index);
        // An index written before uses were introduced.
        let old = json.replace("\"use\": \"token\",", "");
        assert_eq!(Index::parse(old.as_bytes()).unwrap(), index);
    }
}
