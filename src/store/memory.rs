//! Records in this process's memory: for tests, and for the demo that keeps nothing.
//!
//! Everything is gone when the process ends, and no second replica sees it. Expiry follows the clock it was given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock;
use rolecall_core::record::{Counter, CounterResult, Key, RecordStore, StoreError, Version};

/// Below this many records nobody looks for expired ones.
const SWEEP_FROM: usize = 1_024;

struct Kept {
    value: Vec<u8>,
    expires_at: DateTime<Utc>,
}

struct Number {
    total: i64,
    expires_at: DateTime<Utc>,
}

struct Inner {
    records: HashMap<Key, Kept>,
    numbers: HashMap<Key, Number>,
    /// Expired records and numbers are looked for when there are this many of both: twice what was left the last time,
    /// so that the cost per insert stays constant.
    sweep_at: usize,
}

impl Inner {
    fn sweep(&mut self, now: DateTime<Utc>) {
        if self.records.len() + self.numbers.len() < self.sweep_at {
            return;
        }
        self.records.retain(|_, kept| now < kept.expires_at);
        self.numbers.retain(|_, number| now < number.expires_at);
        self.sweep_at = (2 * (self.records.len() + self.numbers.len())).max(SWEEP_FROM);
    }

    fn count(&mut self, counter: &Counter, now: DateTime<Utc>) -> CounterResult {
        let Counter {
            key,
            by,
            max,
            window,
        } = *counter;
        let live = self.numbers.get_mut(&key);
        let live = live.filter(|number| now < number.expires_at);
        let (before, ends) = match &live {
            Some(number) => (number.total, number.expires_at),
            None => (0, now + window),
        };
        let total = before.saturating_add(by).max(0);
        let added = by <= 0 || total <= max;
        match live {
            Some(number) if added => number.total = total,
            None if added && by > 0 => {
                let expires_at = ends;
                self.numbers.insert(key, Number { total, expires_at });
            }
            Some(_) | None => {}
        }
        CounterResult {
            total: if added { total } else { before },
            added,
            resets_in: ends - now,
        }
    }
}

/// The store `memory:`.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    // Not a Tokio mutex: nothing is awaited while it is held.
    shelf: Mutex<Inner>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            shelf: Mutex::new(Inner {
                records: HashMap::new(),
                numbers: HashMap::new(),
                sweep_at: SWEEP_FROM,
            }),
        }
    }

    /// A panic of another holder leaves whole records behind, since each is written by one insertion.
    fn shelf(&self) -> MutexGuard<'_, Inner> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RecordStore for MemoryStore {
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut shelf = self.shelf();
        if shelf
            .records
            .get(&key)
            .is_some_and(|kept| now < kept.expires_at)
        {
            return Err(StoreError::Exists);
        }
        shelf.sweep(now);
        shelf.records.insert(key, Kept { value, expires_at });
        Ok(())
    }

    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let now = self.clock.now();
        Ok(self
            .shelf()
            .records
            .get(&key)
            .filter(|kept| now < kept.expires_at)
            .map(|kept| (kept.value.clone(), Version(kept.value.clone()))))
    }

    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut shelf = self.shelf();
        let kept = shelf
            .records
            .get_mut(&key)
            .filter(|kept| now < kept.expires_at && kept.value == seen.0)
            .ok_or(StoreError::Conflict)?;
        *kept = Kept { value, expires_at };
        Ok(())
    }

    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        let now = self.clock.now();
        Ok(self
            .shelf()
            .records
            .remove(&key)
            .filter(|kept| now < kept.expires_at)
            .map(|kept| kept.value))
    }

    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        let now = self.clock.now();
        let mut shelf = self.shelf();
        shelf.sweep(now);
        let counted = counters.iter().map(|counter| shelf.count(counter, now));
        Ok(counted.collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use rolecall_core::base::secret::SecretDigest;

    struct Still;
    impl Clock for Still {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn expired_records_do_not_pile_up() {
        let store = MemoryStore::new(Arc::new(Still));
        for n in 0..3 * SWEEP_FROM {
            let key = Key::new("test", SecretDigest::of("test", &[&n.to_be_bytes()]));
            let expires_at = Still.now() - TimeDelta::seconds(1);
            store.insert(key, vec![0], expires_at).await.unwrap();
        }
        assert!(store.shelf().records.len() <= SWEEP_FROM);
    }
}
