//! Records in the memory of the process, for tests and the demo.
//!
//! All records are lost when the process ends, and replicas cannot share them. Expiry follows the given clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock;
use rolecall_core::record::{Counter, CounterResult, Key, RecordStore, StoreError, Version};

/// Number of records below which expired ones are not swept.
const SWEEP_FROM: usize = 1_024;

struct StoredRecord {
    value: Vec<u8>,
    expires_at: DateTime<Utc>,
}

struct StoredCounter {
    total: i64,
    expires_at: DateTime<Utc>,
}

struct Inner {
    records: HashMap<Key, StoredRecord>,
    numbers: HashMap<Key, StoredCounter>,
    /// Number of records at which expired ones are swept: twice the number that remained after the last sweep, so that
    /// the amortized cost per insert is constant.
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
                self.numbers
                    .insert(key, StoredCounter { total, expires_at });
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
    lock: Mutex<Inner>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            lock: Mutex::new(Inner {
                records: HashMap::new(),
                numbers: HashMap::new(),
                sweep_at: SWEEP_FROM,
            }),
        }
    }

    /// A poisoned lock is safe to use, because each record is written by a single insertion.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut lock = self.lock();
        if lock
            .records
            .get(&key)
            .is_some_and(|kept| now < kept.expires_at)
        {
            return Err(StoreError::Exists);
        }
        lock.sweep(now);
        lock.records.insert(key, StoredRecord { value, expires_at });
        Ok(())
    }

    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let now = self.clock.now();
        Ok(self
            .lock()
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
        let mut lock = self.lock();
        let kept = lock
            .records
            .get_mut(&key)
            .filter(|kept| now < kept.expires_at && kept.value == seen.0)
            .ok_or(StoreError::Conflict)?;
        *kept = StoredRecord { value, expires_at };
        Ok(())
    }

    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        let now = self.clock.now();
        Ok(self
            .lock()
            .records
            .remove(&key)
            .filter(|kept| now < kept.expires_at)
            .map(|kept| kept.value))
    }

    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        let now = self.clock.now();
        let mut lock = self.lock();
        lock.sweep(now);
        let counted = counters.iter().map(|counter| lock.count(counter, now));
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

    struct FixedClock;
    impl Clock for FixedClock {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn expired_records_are_swept() {
        let store = MemoryStore::new(Arc::new(FixedClock));
        for n in 0..3 * SWEEP_FROM {
            let key = Key::new("test", SecretDigest::of("test", &[&n.to_be_bytes()]));
            let expires_at = FixedClock.now() - TimeDelta::seconds(1);
            store.insert(key, vec![0], expires_at).await.unwrap();
        }
        assert!(store.lock().records.len() <= SWEEP_FROM);
    }
}
