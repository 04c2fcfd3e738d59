//! Limit on the total size of the responses that are held in the store for their browsers.
//!
//! Each replica counts the responses that it stored itself. The limit of an installation is therefore that of one
//! replica times the number of replicas.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::base::secret::SecretDigest;
use crate::record::StoreError;

/// Counts the bytes that were stored, not removed here, and have not expired.
#[derive(Debug)]
pub(crate) struct HeldBytes(Mutex<Held>);

#[derive(Debug)]
struct Held {
    /// Limit in bytes.
    bytes_max: usize,
    /// Size by key.
    bytes: HashMap<SecretDigest, usize>,
    /// Expiration by key, oldest first. Removed entries stay until then.
    until: VecDeque<(DateTime<Utc>, SecretDigest)>,
    total: usize,
}

impl Held {
    fn remove(&mut self, key: &SecretDigest) {
        if let Some(bytes) = self.bytes.remove(key) {
            self.total = self.total.saturating_sub(bytes);
        }
    }
}

/// Reserved capacity. It is released on drop unless [`HeldSlot::keep`] is called.
#[derive(Debug)]
pub(crate) struct HeldSlot<'h> {
    held: &'h HeldBytes,
    key: SecretDigest,
    kept: bool,
}

impl HeldBytes {
    /// Permits at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(Held {
            bytes_max,
            bytes: HashMap::new(),
            until: VecDeque::new(),
            total: 0,
        }))
    }

    /// Reserves capacity for a response that is stored under `key` and expires at `until`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if something is stored under this key, [`StoreError::Unavailable`] if the limit is
    /// reached.
    pub(super) fn reserve(
        &self,
        key: SecretDigest,
        bytes: usize,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<HeldSlot<'_>, StoreError> {
        let mut held = self.lock();
        while let Some((_, key)) = held.until.pop_front_if(|(until, _)| *until <= now) {
            held.remove(&key);
        }
        let total = held.total.saturating_add(bytes);
        if held.bytes.contains_key(&key) {
            return Err(StoreError::Exists);
        }
        if total > held.bytes_max {
            let full = "the limit on held responses is reached";
            return Err(StoreError::Unavailable(full.into()));
        }
        held.total = total;
        held.bytes.insert(key, bytes);
        held.until.push_back((until, key));
        Ok(HeldSlot {
            held: self,
            key,
            kept: false,
        })
    }

    /// Releases the capacity of a response that was removed from the store. Another replica may have stored it.
    pub(crate) fn release(&self, key: &SecretDigest) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldSlot<'_> {
    /// Key under which the response is stored.
    pub(crate) fn key(&self) -> SecretDigest {
        self.key
    }

    /// Keeps the reservation until the response is removed or expires.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for HeldSlot<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.held.release(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits;
    use chrono::TimeDelta;

    fn key(number: usize) -> SecretDigest {
        SecretDigest::of("test/held", &[&number.to_be_bytes()])
    }

    #[test]
    fn held_responses_are_bounded_and_expire() {
        let held = HeldBytes::new(limits::HELD_RESPONSES_BYTES_MAX);
        let now = DateTime::UNIX_EPOCH;
        let later = now + limits::HELD_RESPONSE_MAX;
        let one = limits::HELD_RESPONSE_BYTES_MAX;
        let fits = limits::HELD_RESPONSES_BYTES_MAX / one;
        let keep = |number, bytes, now, until| {
            let slot = held.reserve(key(number), bytes, now, until);
            slot.map(HeldSlot::keep).is_ok()
        };
        assert!((0..fits - 1).all(|number| keep(number, one, now, later)));
        // A response that was not stored uses no capacity.
        assert!((0..10).all(|_| held.reserve(key(fits), one, now, later).is_ok()));
        assert!(keep(fits, one, now, later));
        assert!(!keep(fits + 1, 1, now, later));
        assert!(!keep(fits + 1, 1, later - TimeDelta::seconds(1), later));
        // Removal releases capacity at once.
        held.release(&key(3));
        held.release(&key(3));
        assert!(keep(fits + 1, one, now, later));
        assert!(!keep(fits + 2, 1, now, later));
        assert!(keep(
            fits + 2,
            one,
            later,
            later + limits::HELD_RESPONSE_MAX
        ));
        assert!(!keep(fits + 3, usize::MAX, later, later));
    }

    #[test]
    fn key_holds_one_response() {
        let held = HeldBytes::new(limits::HELD_RESPONSES_BYTES_MAX);
        let now = DateTime::UNIX_EPOCH;
        let later = now + limits::HELD_RESPONSE_MAX;
        let reserve = |bytes| held.reserve(key(1), bytes, now, later);
        reserve(10).unwrap().keep();
        assert!(matches!(reserve(20), Err(StoreError::Exists)));
        held.release(&key(1));
        assert!(reserve(20).is_ok());
    }
}
