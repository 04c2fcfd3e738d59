//! Cache of exceeded limits, so that a rejection needs no request to the store. It is bounded: when it is full of
//! current entries, further limits are checked in the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::record::Key;

/// Maximum number of entries: about 10 MB.
const REMEMBERED_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Exceeded {
    // Not a Tokio mutex: it is not held across an await.
    until: Mutex<HashMap<Key, DateTime<Utc>>>,
}

impl Exceeded {
    /// The end of the exceeded limit, if it is cached.
    pub(super) fn until(&self, key: Key, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&key).copied().filter(|until| now < *until)
    }

    pub(super) fn remember(&self, key: Key, end: DateTime<Utc>, now: DateTime<Utc>) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= REMEMBERED_MAX && !until.contains_key(&key) {
            until.retain(|_, end| now < *end);
        }
        if until.len() < REMEMBERED_MAX || until.contains_key(&key) {
            until.insert(key, end);
        }
    }

    pub(super) fn forget(&self, key: Key) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::base::secret::SecretDigest;

    fn key(number: usize) -> Key {
        Key::new("test", SecretDigest::of("test", &[&number.to_be_bytes()]))
    }

    #[test]
    fn exceeded_limits_are_bounded_and_expire() {
        let exceeded = Exceeded::default();
        let now = DateTime::UNIX_EPOCH;
        let (soon, later) = (now + TimeDelta::seconds(1), now + TimeDelta::seconds(9));
        for number in 0..=REMEMBERED_MAX {
            exceeded.remember(key(number), soon, now);
        }
        assert_eq!(exceeded.until(key(0), now), Some(soon));
        assert_eq!(
            exceeded.until(key(REMEMBERED_MAX), now),
            None,
            "it was full"
        );
        exceeded.remember(key(REMEMBERED_MAX), later, soon);
        assert_eq!(exceeded.until(key(REMEMBERED_MAX), soon), Some(later));
        assert_eq!(exceeded.until(key(0), soon), None, "it has ended");
        exceeded.forget(key(REMEMBERED_MAX));
        assert_eq!(exceeded.until(key(REMEMBERED_MAX), soon), None);
    }
}
