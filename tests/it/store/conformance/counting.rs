//! Conformance tests for counters of every `RecordStore`.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use rolecall_core::record::{Counter, CounterResult};
use tokio::task::JoinSet;

use super::{RACERS, StoreFixture, key};

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn counter(name: &str, by: i64, max: i64) -> Counter {
    Counter {
        key: key(name),
        by,
        max,
        window: MINUTE,
    }
}

impl StoreFixture {
    async fn count_one(&self, counter: Counter) -> Result<CounterResult> {
        let counted = self.store.count(&[counter]).await?;
        ensure!(counted.len() == 1);
        counted.first().copied().context("no result")
    }
}

pub async fn rules(make: &impl AsyncFn() -> Result<StoreFixture>) -> Result<()> {
    counter_stops_at_its_maximum(make().await?).await?;
    counter_stops_at_zero(make().await?).await?;
    concurrent_increments_are_counted(make().await?).await?;
    concurrent_increments_respect_the_maximum(make().await?).await?;
    counters_of_one_call_are_independent(make().await?).await?;
    window_expires(make().await?).await
}

async fn counter_stops_at_its_maximum(fixture: StoreFixture) -> Result<()> {
    for total in 1..=3 {
        let counted = fixture.count_one(counter("a", 1, 3)).await?;
        ensure!(counted.added && counted.total == total, "{counted:?}");
        ensure!(counted.resets_in > TimeDelta::zero() && counted.resets_in <= MINUTE);
    }
    for _ in 0..2 {
        let counted = fixture.count_one(counter("a", 1, 3)).await?;
        ensure!(!counted.added && counted.total == 3, "{counted:?}");
        ensure!(counted.resets_in > TimeDelta::zero() && counted.resets_in <= MINUTE);
    }
    let counted = fixture.count_one(counter("a", 2, 5)).await?;
    ensure!(counted.added && counted.total == 5, "{counted:?}");
    Ok(())
}

async fn counter_stops_at_zero(fixture: StoreFixture) -> Result<()> {
    let nothing = fixture.count_one(counter("a", -1, 3)).await?;
    ensure!(nothing.total == 0, "{nothing:?}");
    ensure!(fixture.count_one(counter("a", 0, 3)).await?.total == 0);
    let first = fixture.count_one(counter("a", 1, 3)).await?;
    ensure!(
        first.total == 1,
        "the counter must start at zero: {first:?}"
    );
    fixture.count_one(counter("a", 1, 3)).await?;
    ensure!(fixture.count_one(counter("a", 0, 3)).await?.total == 2);
    ensure!(fixture.count_one(counter("a", -1, 3)).await?.total == 1);
    ensure!(fixture.count_one(counter("a", -5, 3)).await?.total == 0);
    ensure!(fixture.count_one(counter("a", 3, 3)).await?.total == 3);
    Ok(())
}

async fn race(fixture: &StoreFixture, max: i64) -> Result<(usize, i64)> {
    let mut race = JoinSet::new();
    for _ in 0..RACERS {
        let store = Arc::clone(&fixture.store);
        race.spawn(async move { store.count(&[counter("a", 1, max)]).await });
    }
    let (mut added, mut largest) = (0, 0);
    while let Some(counted) = race.join_next().await {
        for counted in counted?? {
            added += usize::from(counted.added);
            largest = largest.max(counted.total);
        }
    }
    Ok((added, largest))
}

async fn concurrent_increments_are_counted(fixture: StoreFixture) -> Result<()> {
    let (added, largest) = race(&fixture, i64::from(u32::MAX)).await?;
    ensure!(added == RACERS && largest == 100, "{added} {largest}");
    Ok(())
}

async fn concurrent_increments_respect_the_maximum(fixture: StoreFixture) -> Result<()> {
    let (added, largest) = race(&fixture, 60).await?;
    ensure!(added == 60 && largest == 60, "{added} {largest}");
    Ok(())
}

async fn counters_of_one_call_are_independent(fixture: StoreFixture) -> Result<()> {
    fixture.count_one(counter("full", 1, 1)).await?;
    let all = [
        counter("full", 1, 1),
        counter("b", 1, 9),
        counter("c", 2, 9),
    ];
    let counted = fixture.store.count(&all).await?;
    let result: Vec<_> = counted.iter().map(|one| (one.added, one.total)).collect();
    ensure!(result == [(false, 1), (true, 1), (true, 2)], "{result:?}");
    Ok(())
}

async fn window_expires(fixture: StoreFixture) -> Result<()> {
    let brief = Counter {
        window: TimeDelta::milliseconds(50),
        ..counter("a", 1, 1)
    };
    let first = fixture.count_one(brief).await?;
    ensure!(first.added && first.resets_in <= brief.window, "{first:?}");
    if let Some(manual) = &fixture.manual {
        manual.advance(std::time::Duration::from_millis(49));
        ensure!(
            !fixture.count_one(brief).await?.added,
            "the window had not expired"
        );
        manual.advance(std::time::Duration::from_millis(1));
    }
    let give_up = fixture.later();
    while !fixture.count_one(brief).await?.added {
        ensure!(
            rolecall_core::base::Clock::now(&*fixture.clock) < give_up,
            "the window does not expire"
        );
        tokio::task::yield_now().await;
    }
    Ok(())
}
