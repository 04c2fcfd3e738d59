//! What every `RecordStore` must do, whatever it is made of.

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
    /// A store whose expiry follows the clock it is made with.
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

    /// A store whose server has a clock of its own.
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

    /// Returns when a record that was to end `soon` has ended.
    async fn until_ended(&self, key: Key) -> Result<()> {
        if let Some(manual) = &self.manual {
            manual.advance(std::time::Duration::from_millis(50));
        }
        let give_up = self.clock.now() + TimeDelta::seconds(10);
        while self.store.get(key).await?.is_some() {
            ensure!(self.clock.now() < give_up, "the record does not end");
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Runs every rule, each with a store of its own.
pub async fn conformance(make: impl AsyncFn() -> Result<StoreFixture>) -> Result<()> {
    let fresh = async || make().await;
    what_was_never_stored_is_not_there(fresh().await?).await?;
    what_was_stored_can_be_read_more_than_once(fresh().await?).await?;
    a_taken_key_is_not_overwritten(fresh().await?).await?;
    taking_removes(fresh().await?).await?;
    of_many_takers_one_gets_it(fresh().await?).await?;
    of_many_inserters_one_wins(fresh().await?).await?;
    replacing_needs_the_version_that_is_there(fresh().await?).await?;
    nothing_is_replaced_that_is_gone(fresh().await?).await?;
    of_many_replacers_one_wins(fresh().await?).await?;
    an_expired_record_is_gone(fresh().await?).await?;
    an_expired_record_is_not_taken_nor_replaced(fresh().await?).await?;
    replacing_moves_the_end(fresh().await?).await?;
    any_bytes_are_kept(fresh().await?).await?;
    a_megabyte_is_kept(fresh().await?).await?;
    kinds_do_not_collide(fresh().await?).await?;
    counting::rules(&make).await?;
    a_store_says_it_is_ready(fresh().await?).await
}

async fn what_was_never_stored_is_not_there(fixture: StoreFixture) -> Result<()> {
    ensure!(fixture.store.get(key("a")).await?.is_none());
    ensure!(fixture.store.take(key("a")).await?.is_none());
    Ok(())
}

async fn what_was_stored_can_be_read_more_than_once(fixture: StoreFixture) -> Result<()> {
    let store = &fixture.store;
    store
        .insert(key("a"), b"one".to_vec(), fixture.later())
        .await?;
    let (first, version) = store.get(key("a")).await?.context("absent")?;
    let (again, same) = store.get(key("a")).await?.context("absent")?;
    ensure!(first == b"one" && again == b"one" && version == same);
    Ok(())
}

async fn a_taken_key_is_not_overwritten(fixture: StoreFixture) -> Result<()> {
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

async fn taking_removes(fixture: StoreFixture) -> Result<()> {
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

async fn of_many_takers_one_gets_it(fixture: StoreFixture) -> Result<()> {
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
    ensure!(got == 1, "{got} got it");
    Ok(())
}

async fn of_many_inserters_one_wins(fixture: StoreFixture) -> Result<()> {
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
    ensure!(winners.len() == 1, "{} inserted it", winners.len());
    ensure!(fixture.store.take(key("a")).await?.as_ref() == winners.first());
    Ok(())
}

async fn replacing_needs_the_version_that_is_there(fixture: StoreFixture) -> Result<()> {
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

async fn nothing_is_replaced_that_is_gone(fixture: StoreFixture) -> Result<()> {
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
        "an ended session came back"
    );
    Ok(())
}

async fn of_many_replacers_one_wins(fixture: StoreFixture) -> Result<()> {
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
    ensure!(winners.len() == 1, "{} replaced it", winners.len());
    ensure!(fixture.store.take(key("a")).await?.as_ref() == winners.first());
    Ok(())
}

async fn an_expired_record_is_gone(fixture: StoreFixture) -> Result<()> {
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
        "it had not ended"
    );
    Ok(())
}

async fn an_expired_record_is_not_taken_nor_replaced(fixture: StoreFixture) -> Result<()> {
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

async fn replacing_moves_the_end(fixture: StoreFixture) -> Result<()> {
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

async fn any_bytes_are_kept(fixture: StoreFixture) -> Result<()> {
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

async fn a_megabyte_is_kept(fixture: StoreFixture) -> Result<()> {
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

async fn kinds_do_not_collide(fixture: StoreFixture) -> Result<()> {
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

async fn a_store_says_it_is_ready(fixture: StoreFixture) -> Result<()> {
    Ok(fixture.store.ready().await?)
}
