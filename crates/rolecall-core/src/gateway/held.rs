//! How much waits in the store until its browser comes: one ceiling for all of it.
//!
//! Each replica counts what it has stored itself, so that the ceiling of the installation is that of one replica times their
//! number.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::limits;

/// The bytes that were stored and have not expired.
#[derive(Debug, Default)]
pub(super) struct HeldBytes(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Until when, and how many bytes; the oldest first.
    stored: VecDeque<(DateTime<Utc>, usize)>,
    total: usize,
}

/// Room that was taken; it is given back unless something is kept in it.
#[derive(Debug)]
pub(super) struct Room<'h> {
    held: &'h HeldBytes,
    entry: (DateTime<Utc>, usize),
    kept: bool,
}

impl HeldBytes {
    /// Takes room for a response that expires at `until`; none when there is none left.
    pub(super) fn reserve(
        &self,
        bytes: usize,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Option<Room<'_>> {
        let mut held = self.lock();
        while let Some((_, bytes)) = held.stored.pop_front_if(|(until, _)| *until <= now) {
            held.total = held.total.saturating_sub(bytes);
        }
        let total = held.total.saturating_add(bytes);
        if total > limits::HELD_RESPONSES_BYTES_MAX {
            return None;
        }
        held.total = total;
        held.stored.push_back((until, bytes));
        Some(Room {
            held: self,
            entry: (until, bytes),
            kept: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room<'_> {
    /// Something is kept in it, until it expires.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let mut held = self.held.lock();
        if let Some(at) = held.stored.iter().rposition(|entry| *entry == self.entry) {
            held.stored.remove(at);
            held.total = held.total.saturating_sub(self.entry.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn what_is_held_has_a_ceiling_and_expires() {
        let held = HeldBytes::default();
        let now = DateTime::UNIX_EPOCH;
        let later = now + limits::HELD_RESPONSE_MAX;
        let one = limits::HELD_RESPONSE_BYTES_MAX;
        let fits = limits::HELD_RESPONSES_BYTES_MAX / one;
        let keep = |bytes, now, until| held.reserve(bytes, now, until).map(Room::keep).is_some();
        assert!((0..fits - 1).all(|_| keep(one, now, later)));
        // What was not stored after all takes no room.
        assert!((0..10).all(|_| held.reserve(one, now, later).is_some()));
        assert!(keep(one, now, later));
        assert!(!keep(1, now, later));
        assert!(!keep(1, later - TimeDelta::seconds(1), later));
        assert!(keep(one, later, later + limits::HELD_RESPONSE_MAX));
        assert!(!keep(usize::MAX, later, later));
    }
}
