//! A store that keeps the port's promises and not one more: it never drops what has expired.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rolecall_core::base::Clock;
use rolecall_core::record::{Counter, CounterResult, Key, RecordStore, StoreError, Version};

use super::switch::Switch;
use super::{Gate, ManualClock};

#[derive(Clone)]
struct Kept {
    value: Vec<u8>,
    expires_at: DateTime<Utc>,
    version: u64,
}

pub struct Store {
    clock: Arc<ManualClock>,
    records: Mutex<HashMap<Key, Kept>>,
    numbers: Mutex<HashMap<Key, (i64, DateTime<Utc>)>>,
    verbs: Mutex<BTreeMap<&'static str, usize>>,
    gate: Arc<Gate>,
    pub outage: Switch,
    /// Fails whatever writes.
    pub read_only: AtomicBool,
    pub shared: AtomicBool,
}

impl Store {
    pub fn new(clock: Arc<ManualClock>, gate: Arc<Gate>) -> Self {
        Self {
            clock,
            gate,
            records: Mutex::default(),
            numbers: Mutex::default(),
            verbs: Mutex::default(),
            outage: Switch::default(),
            read_only: AtomicBool::default(),
            shared: AtomicBool::default(),
        }
    }

    /// Keeps what the other one keeps, and nothing else.
    pub fn copy_from(&self, other: &Self) {
        *self.records.lock().unwrap() = other.records.lock().unwrap().clone();
        *self.numbers.lock().unwrap() = other.numbers.lock().unwrap().clone();
    }

    /// How often each verb was called since the last time.
    pub fn take_verbs(&self) -> BTreeMap<&'static str, usize> {
        std::mem::take(&mut *self.verbs.lock().unwrap())
    }

    /// How many numbers are kept.
    pub fn numbers(&self) -> usize {
        self.numbers.lock().unwrap().len()
    }

    /// The keys of one kind.
    pub fn keys(&self, kind: &str) -> Vec<Key> {
        let records = self.records.lock().unwrap();
        records
            .keys()
            .filter(|key| key.kind() == kind)
            .copied()
            .collect()
    }

    /// Until when something is kept.
    pub fn expiry(&self, key: Key) -> DateTime<Utc> {
        self.records.lock().unwrap()[&key].expires_at
    }

    /// Everything that is kept: the key as text, and the sealed value.
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let records = self.records.lock().unwrap();
        records
            .iter()
            .map(|(key, kept)| (key.to_string(), kept.value.clone()))
            .collect()
    }

    /// What an intruder with the store's password does.
    pub fn swap(&self, one: Key, other: Key) {
        let mut records = self.records.lock().unwrap();
        let first = records.remove(&one).unwrap();
        let second = records.remove(&other).unwrap();
        records.insert(one, second);
        records.insert(other, first);
    }

    /// The value at a key, as it is kept.
    pub fn raw(&self, key: Key) -> Vec<u8> {
        self.records.lock().unwrap()[&key].value.clone()
    }

    /// Puts a value back that stood at the same key before.
    pub fn put_back(&self, key: Key, value: Vec<u8>) {
        self.records.lock().unwrap().get_mut(&key).unwrap().value = value;
    }

    pub fn remove(&self, key: Key) {
        self.records.lock().unwrap().remove(&key);
    }

    /// Removes the records of one kind.
    pub fn remove_all(&self, kind: &str) {
        let mut records = self.records.lock().unwrap();
        records.retain(|key, _| key.kind() != kind);
    }

    async fn call(&self, verb: &'static str) -> Result<(), StoreError> {
        *self.verbs.lock().unwrap().entry(verb).or_default() += 1;
        self.gate.pass().await;
        // Where the real store waits for the network, others get their turn.
        tokio::task::yield_now().await;
        if verb != "get" && self.read_only.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("read-only".into()));
        }
        self.outage.pass()
    }
}

#[async_trait]
impl RecordStore for Store {
    async fn insert(
        &self,
        key: Key,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.call("insert").await?;
        let now = self.clock.now();
        let mut records = self.records.lock().unwrap();
        if records.get(&key).is_some_and(|kept| now < kept.expires_at) {
            return Err(StoreError::Exists);
        }
        let kept = Kept {
            value,
            expires_at,
            version: 0,
        };
        records.insert(key, kept);
        Ok(())
    }

    async fn get(&self, key: Key) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.call("get").await?;
        let records = self.records.lock().unwrap();
        Ok(records.get(&key).map(|kept| {
            let version = Version(kept.version.to_be_bytes().to_vec());
            (kept.value.clone(), version)
        }))
    }

    async fn replace(
        &self,
        key: Key,
        seen: Version,
        value: Vec<u8>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.call("replace").await?;
        let mut records = self.records.lock().unwrap();
        let kept = records
            .get_mut(&key)
            .filter(|kept| kept.version.to_be_bytes() == seen.0.as_slice())
            .ok_or(StoreError::Conflict)?;
        *kept = Kept {
            value,
            expires_at,
            version: kept.version + 1,
        };
        Ok(())
    }

    async fn take(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.call("take").await?;
        let mut records = self.records.lock().unwrap();
        Ok(records.remove(&key).map(|kept| kept.value))
    }

    async fn count(&self, counters: &[Counter]) -> Result<Vec<CounterResult>, StoreError> {
        self.call("count").await?;
        let now = self.clock.now();
        let mut numbers = self.numbers.lock().unwrap();
        let count = |counter: &Counter| {
            let fresh = (0, now + counter.window);
            let live = numbers.get(&counter.key).filter(|(_, end)| now < *end);
            let (before, end) = live.copied().unwrap_or(fresh);
            let total = (before + counter.by).max(0);
            let added = counter.by <= 0 || total <= counter.max;
            if added && (total > 0 || before > 0) {
                numbers.insert(counter.key, (total, end));
            }
            CounterResult {
                total: if added { total } else { before },
                added,
                resets_in: end - now,
            }
        };
        Ok(counters.iter().map(count).collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.call("ready").await
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }
}
