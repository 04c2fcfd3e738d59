//! Conformance tests for every `RecordStore`.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::record::{Key, RecordStore, StoreError};
use rolecall_harness::TestClock;
use rolecall_testkit::clock::ManualClock;
use tokio::task::JoinSet;

use super::{key, manual_clock, system_clock};

mod counting;

const RACERS: usize = 100;

/// A store and its clock.
pub struct StoreFixture {
    pub store: Arc<dyn RecordStore>,
    clock: Arc<TestClock>,
    manual: Option<ManualClock>,
}

impl StoreFixture {
    /// A store whose expiry follows the given clock.
    pub async fn timeless(
        make: impl AsyncFnOnce(Arc<TestClock>) -> Result<Arc<dyn RecordStore>>,
    ) -> Result<Self> {
        let (manual, clock) = manual_clock();
        Ok(Self {
            store: make(clock.clone()).await?,
            clock,
            manual: Some(manual),
        })
    }

    /// A store whose server has its own clock.
    pub fn real_time(store: Arc<dyn RecordStore>) -> Self {
        Self {
            store,
            clock: system_clock(),
            manual: None,
        }
    }

    fn later(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::minutes(1)
    }

    fn soon(&self) -> DateTime<Utc> {
        self.clock.now() + TimeDelta::milliseconds(50)
    }

    /// Returns when a record with the expiry `soon` has expired.
    async fn until_ended(&self, key: Key) -> Result<()> {
        if let Some(manual) = &self.manual {
            manual.advance(std::time::Duration::from_millis(50));
        }
        let give_up = self.clock.now() + TimeDelta::seconds(10);
        while self.store.get(key).await?.is_some() {
            ensure!(self.clock.now() < give_up, "the record does not expire");
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Runs all tests, each with a new store.
pub async fn conformance(make: impl AsyncFn() -> Result<StoreFixture>) -> Result<()> {
    let fresh = async || make().await;
    missing_record_is_not_found(fresh().await?).await?;
    record_can_be_read_repeatedly(fresh().await?).await?;
    insert_does_not_overwrite(fresh().await?).await?;
    take_removes_the_record(fresh().await?).await?;
    concurrent_takes_succeed_once(fresh().await?).await?;
    concurrent_inserts_succeed_once(fresh().await?).await?;
    replace_requires_the_current_version(fresh().await?).await?;
    replace_of_missing_record_fails(fresh().await?).await?;
    concurrent_replaces_succeed_once(fresh().await?).await?;
    expired_record_is_not_found(fresh().await?).await?;
    expired_record_cannot_be_taken_or_replaced(fresh().await?).await?;
    replace_sets_the_expiry(fresh().await?).await?;
    arbitrary_bytes_round_trip(fresh().await?).await?;
    large_record_round_trips(fresh().await?).await?;
    kinds_of_keys_are_separate(fresh().await?).await?;
    counting::rules(&make).await?;
    store_is_ready(fresh().await?).await
}

async fn missing_record_is_not_found(fixture: StoreFixture) -> Result<()> {
    ensure!(fixture.store.get(key("a")).await?.is_none());
    ensure!(fixture.store.take(key("a")).await?.is_none());
    Ok(())
}

async fn record_can_be_read_repeatedly(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let (first, version) = store.get(key("a")).await?.context("absent")?;
    let (again, same) = store.get(key("a")).await?.context("absent")?;
    ensure!(first == b"one" && again == b"one" && version == same);
    Ok(())
}

async fn insert_does_not_overwrite(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let second = store
        .insert(key("a"), b"two".to_vec(), fixture.later())
        .await;
    ensure!(matches!(second, Err(StoreError::Exists)));
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"one".as_slice()));
    Ok(())
}

async fn take_removes_the_record(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"one".as_slice()));
    ensure!(store.take(key("a")).await?.is_none());
    ensure!(store.get(key("a")).await?.is_none());
    store
        .insert(key("a"), b"two".to_vec(), fixture.later())
        .await?;
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"two".as_slice()));
    Ok(())
}

async fn concurrent_takes_succeed_once(fixture: StoreFixture) -> Result<()> {
    fixture
        .store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let mut race = JoinSet::new();
    for _ in 0..RACERS {
        let store = Arc::clone(&fixture.store);
        race.spawn(async move { store.take(key("a")).await });
    }
    let mut got = 0;
    while let Some(taken) = race.join_next().await {
        got += usize::from(taken??.is_some());
    }
    ensure!(got == 1, "{got} takes succeeded");
    Ok(())
}

async fn concurrent_inserts_succeed_once(fixture: StoreFixture) -> Result<()> {
    let mut race = JoinSet::new();
    for n in 0..RACERS {
        let store = Arc::clone(&fixture.store);
        let later = fixture.later();
        race.spawn(async move {
            let value = n.to_string().into_bytes();
            (value.clone(), store.insert(key("a"), value, later).await)
        });
    }
    let mut winners = Vec::new();
    while let Some(inserted) = race.join_next().await {
        match inserted? {
            (value, Ok(())) => winners.push(value),
            (_, Err(StoreError::Exists)) => {}
            (_, Err(error)) => return Err(error.into()),
        }
    }
    ensure!(winners.len() == 1, "{} inserts succeeded", winners.len());
    ensure!(fixture.store.take(key("a")).await?.as_ref() == winners.first());
    Ok(())
}

async fn replace_requires_the_current_version(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let (_, old) = store.get(key("a")).await?.context("absent")?;
    store
        .replace(key("a"), old.clone(), b"two".to_vec(), fixture.later())
        .await?;
    let (value, new) = store.get(key("a")).await?.context("absent")?;
    ensure!(value == b"two" && new != old);
    let stale = store
        .replace(key("a"), old, b"three".to_vec(), fixture.later())
        .await;
    ensure!(matches!(stale, Err(StoreError::Conflict)));
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"two".as_slice()));
    Ok(())
}

async fn replace_of_missing_record_fails(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let (_, version) = store.get(key("a")).await?.context("absent")?;
    store.take(key("a")).await?;
    let late = store
        .replace(key("a"), version, b"two".to_vec(), fixture.later())
        .await;
    ensure!(matches!(late, Err(StoreError::Conflict)));
    ensure!(
        store.get(key("a")).await?.is_none(),
        "a removed record was restored"
    );
    Ok(())
}

async fn concurrent_replaces_succeed_once(fixture: StoreFixture) -> Result<()> {
    fixture
        .store
        .insert(key("a"), b"start".to_vec(), fixture.later())
        .await?;
    let (_, version) = fixture.store.get(key("a")).await?.context("absent")?;
    let mut race = JoinSet::new();
    for n in 0..RACERS {
        let (store, version, later) =
            (Arc::clone(&fixture.store), version.clone(), fixture.later());
        race.spawn(async move {
            let value = n.to_string().into_bytes();
            (
                value.clone(),
                store.replace(key("a"), version, value, later).await,
            )
        });
    }
    let mut winners = Vec::new();
    while let Some(replaced) = race.join_next().await {
        match replaced? {
            (value, Ok(())) => winners.push(value),
            (_, Err(StoreError::Conflict)) => {}
            (_, Err(error)) => return Err(error.into()),
        }
    }
    ensure!(winners.len() == 1, "{} replaces succeeded", winners.len());
    ensure!(fixture.store.take(key("a")).await?.as_ref() == winners.first());
    Ok(())
}

async fn expired_record_is_not_found(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.soon())
        .await?;
    store
        .insert(key("b"), b"two".to_vec(), fixture.later())
        .await?;
    fixture.until_ended(key("a")).await?;
    store
        .insert(key("a"), b"three".to_vec(), fixture.later())
        .await?;
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"three".as_slice()));
    ensure!(
        store.take(key("b")).await?.as_deref() == Some(b"two".as_slice()),
        "it had not expired"
    );
    Ok(())
}

async fn expired_record_cannot_be_taken_or_replaced(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let (_, version) = store.get(key("a")).await?.context("absent")?;
    store
        .replace(key("a"), version.clone(), b"one".to_vec(), fixture.soon())
        .await?;
    fixture.until_ended(key("a")).await?;
    let late = store
        .replace(key("a"), version, b"two".to_vec(), fixture.later())
        .await;
    ensure!(matches!(late, Err(StoreError::Conflict)));
    ensure!(store.take(key("a")).await?.is_none());
    Ok(())
}

async fn replace_sets_the_expiry(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    let brief = key("brief");
    store.insert(brief, b"x".to_vec(), fixture.soon()).await?;
    store
        .insert(
            key("a"),
            b"one".to_vec(),
            fixture.clock.now() + TimeDelta::seconds(5),
        )
        .await?;
    let (_, version) = store.get(key("a")).await?.context("absent")?;
    store
        .replace(key("a"), version, b"two".to_vec(), fixture.later())
        .await?;
    if let Some(manual) = &fixture.manual {
        manual.advance(std::time::Duration::from_secs(6));
    }
    fixture.until_ended(brief).await?;
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"two".as_slice()));
    Ok(())
}

async fn arbitrary_bytes_round_trip(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    let every: Vec<u8> = (0..=u8::MAX).chain(*b"\r\n$-1\r\n\0'\"").collect();
    store
        .insert(key("a"), every.clone(), fixture.later())
        .await?;
    store
        .insert(key("empty"), Vec::new(), fixture.later())
        .await?;
    let (value, version) = store.get(key("a")).await?.context("absent")?;
    ensure!(value == every);
    store
        .replace(key("a"), version, Vec::new(), fixture.later())
        .await?;
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"".as_slice()));
    ensure!(store.take(key("empty")).await?.as_deref() == Some(b"".as_slice()));
    Ok(())
}

async fn large_record_round_trips(fixture: StoreFixture) -> Result<()> {
    let large: Vec<u8> = (0..1 << 20)
        .map(|n: u32| n.to_le_bytes()[n as usize % 3])
        .collect();
    fixture
        .store
        .insert(key("a"), large.clone(), fixture.later())
        .await?;
    let (value, version) = fixture.store.get(key("a")).await?.context("absent")?;
    ensure!(value == large);
    fixture
        .store
        .replace(key("a"), version, large.clone(), fixture.later())
        .await?;
    ensure!(fixture.store.take(key("a")).await?.as_ref() == Some(&large));
    Ok(())
}

async fn kinds_of_keys_are_separate(fixture: StoreFixture) -> Result<()> {
    let digest = SecretDigest::of("test", &[b"same"]);
    let (one, other) = (Key::new("one", digest), Key::new("other", digest));
    fixture
        .store
        .insert(one, b"one".to_vec(), fixture.later())
        .await?;
    fixture
        .store
        .insert(other, b"other".to_vec(), fixture.later())
        .await?;
    ensure!(fixture.store.take(one).await?.as_deref() == Some(b"one".as_slice()));
    ensure!(fixture.store.take(other).await?.as_deref() == Some(b"other".as_slice()));
    Ok(())
}

async fn store_is_ready(fixture: StoreFixture) -> Result<()> {
    Ok(fixture.store.ready().await?)
}
