//! How much waits in the store until its browser comes: one ceiling for all of it.
//!
//! Each replica counts what it has stored itself, so that the ceiling of the installation is that of one replica times their
//! number.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::record::StoreError;

/// The bytes that were stored, not taken out here, and have not expired.
#[derive(Debug, Default)]
pub(crate) struct HeldBytes(Mutex<Held>);

#[derive(Debug)]
struct Held {
    /// The ceiling.
    bytes_max: usize,
    /// Under which key, and how many bytes.
    bytes: HashMap<SecretDigest, usize>,
    /// Until when; the oldest first. What was taken out stays here until then.
    until: VecDeque<(DateTime<Utc>, SecretDigest)>,
    total: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            bytes_max: limits::HELD_RESPONSES_BYTES_MAX,
            bytes: HashMap::new(),
            until: VecDeque::new(),
            total: 0,
        }
    }
}

impl Held {
    fn remove(&mut self, key: &SecretDigest) {
        if let Some(bytes) = self.bytes.remove(key) {
            self.total = self.total.saturating_sub(bytes);
        }
    }
}

/// Room that was taken; it is given back unless something is kept in it.
#[derive(Debug)]
pub(crate) struct Room<'h> {
    held: &'h HeldBytes,
    key: SecretDigest,
    kept: bool,
}

impl HeldBytes {
    /// Takes room for a response that is stored under `key` and expires at `until`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when something is stored under this key, [`StoreError::Unavailable`] when there is no room
    /// left.
    pub(super) fn reserve(
        &self,
        key: SecretDigest,
        bytes: usize,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Room<'_>, StoreError> {
        let mut held = self.lock();
        while let Some((_, key)) = held.until.pop_front_if(|(until, _)| *until <= now) {
            held.remove(&key);
        }
        let total = held.total.saturating_add(bytes);
        if held.bytes.contains_key(&key) {
            return Err(StoreError::Exists);
        }
        if total > held.bytes_max {
            let full = "responses that wait for their browsers fill the room there is for them";
            return Err(StoreError::Unavailable(full.into()));
        }
        held.total = total;
        held.bytes.insert(key, bytes);
        held.until.push_back((until, key));
        Ok(Room {
            held: self,
            key,
            kept: false,
        })
    }

    /// Gives the room of a response back that was taken out of the store. Another replica may have stored it.
    pub(crate) fn release(&self, key: &SecretDigest) {
        self.lock().remove(key);
    }

    /// Sets another ceiling than [`limits::HELD_RESPONSES_BYTES_MAX`].
    pub(super) fn limit(&self, bytes_max: usize) {
        self.lock().bytes_max = bytes_max;
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Under which key something is to be stored.
    pub(crate) fn key(&self) -> SecretDigest {
        self.key
    }

    /// Something is kept in it, until it is taken out or expires.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.held.release(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn key(number: usize) -> SecretDigest {
        SecretDigest::of("test/held", &[&number.to_be_bytes()])
    }

    #[test]
    fn held_responses_are_bounded_and_expire() {
        let held = HeldBytes::default();
        let now = DateTime::UNIX_EPOCH;
        let later = now + limits::HELD_RESPONSE_MAX;
        let one = limits::HELD_RESPONSE_BYTES_MAX;
        let fits = limits::HELD_RESPONSES_BYTES_MAX / one;
        let keep = |number, bytes, now, until| {
            let room = held.reserve(key(number), bytes, now, until);
            room.map(Room::keep).is_ok()
        };
        assert!((0..fits - 1).all(|number| keep(number, one, now, later)));
        // What was not stored after all takes no room.
        assert!((0..10).all(|_| held.reserve(key(fits), one, now, later).is_ok()));
        assert!(keep(fits, one, now, later));
        assert!(!keep(fits + 1, 1, now, later));
        assert!(!keep(fits + 1, 1, later - TimeDelta::seconds(1), later));
        // What was taken out makes room at once.
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
        let held = HeldBytes::default();
        let now = DateTime::UNIX_EPOCH;
        let later = now + limits::HELD_RESPONSE_MAX;
        let reserve = |bytes| held.reserve(key(1), bytes, now, later);
        reserve(10).unwrap().keep();
        assert!(matches!(reserve(20), Err(StoreError::Exists)));
        held.release(&key(1));
        assert!(reserve(20).is_ok());
    }
}
