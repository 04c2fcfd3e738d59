//! When a document is fetched, and how long callers wait.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const LIFETIMES: Lifetimes = Lifetimes {
    fresh_for: TimeDelta::hours(1),
    stale_max: TimeDelta::hours(24),
    wait_max: Duration::from_millis(50),
};

struct ManualClock(Mutex<DateTime<Utc>>);
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}
impl ManualClock {
    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

fn cached() -> (Arc<ManualClock>, Arc<Cached<usize>>) {
    let clock = Arc::new(ManualClock(Mutex::new(DateTime::UNIX_EPOCH)));
    let cached = Cached::new(Arc::clone(&clock) as Arc<dyn Clock>, LIFETIMES);
    (clock, Arc::new(cached))
}

fn good(value: usize) -> Fetch<'static, usize> {
    Box::pin(async move { Ok(value) })
}

fn down() -> Fetch<'static, usize> {
    Box::pin(async { Err(FetchError::malformed("down")) })
}

#[tokio::test]
async fn concurrent_requests_share_a_fetch() {
    let (_, cached) = cached();
    let fetches = Arc::new(AtomicUsize::new(0));
    let (open, gate) = tokio::sync::watch::channel(false);
    let one = || async {
        let (mut gate, fetches) = (gate.clone(), Arc::clone(&fetches));
        cached
            .get(Box::pin(async move {
                fetches.fetch_add(1, Ordering::SeqCst);
                gate.wait_for(|open| *open).await.unwrap();
                Ok(7)
            }))
            .await
    };
    let all: Vec<_> = (0..100).map(|_| Box::pin(one())).collect();
    let mut tasks = all;
    // All requests have started before the first fetch completes.
    for task in &mut tasks {
        assert!(futures_poll(task).await.is_none());
    }
    open.send(true).unwrap();
    for task in tasks {
        assert_eq!(*task.await.unwrap(), 7);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn stale_copy_is_used_during_an_outage_until_it_expires() {
    let (clock, cached) = cached();
    assert!(cached.get(down()).await.is_err());
    assert_eq!(*cached.get(good(1)).await.unwrap(), 1);
    clock.advance(LIFETIMES.fresh_for);
    assert_eq!(*cached.get(down()).await.unwrap(), 1);
    // A recent failure prevents another fetch.
    assert_eq!(*cached.get(good(2)).await.unwrap(), 1);
    clock.advance(AGAIN_AFTER);
    assert_eq!(*cached.get(good(2)).await.unwrap(), 2);
    clock.advance(LIFETIMES.stale_max);
    assert!(cached.get(down()).await.is_err());
}

#[tokio::test]
async fn slow_fetch_does_not_block_and_continues() {
    let (clock, cached) = cached();
    assert_eq!(*cached.get(good(1)).await.unwrap(), 1);
    clock.advance(LIFETIMES.fresh_for);
    let (open, mut gate) = tokio::sync::watch::channel(false);
    let slow: Fetch<'static, usize> = Box::pin(async move {
        gate.wait_for(|open| *open).await.unwrap();
        Ok(2)
    });
    let soon = |fetch| tokio::time::timeout(Duration::from_secs(5), cached.get(fetch));
    assert_eq!(*soon(slow).await.unwrap().unwrap(), 1);
    // No second fetch is started.
    assert_eq!(*soon(good(9)).await.unwrap().unwrap(), 1);
    open.send(true).unwrap();
    drop(cached.flight.lock().await);
    assert_eq!(*soon(good(9)).await.unwrap().unwrap(), 2);
}

/// A fetch that takes this long by the clock.
fn lasting(
    clock: &Arc<ManualClock>,
    took: TimeDelta,
    outcome: Result<usize, FetchError>,
) -> Fetch<'static, usize> {
    let clock = Arc::clone(clock);
    Box::pin(async move {
        clock.advance(took);
        outcome
    })
}

#[tokio::test]
async fn unscheduled_fetch_interval_grows_with_duration() {
    let minute = TimeDelta::minutes(1);
    let out = || FetchError::Document {
        what: "the metadata",
        url: "https://idp.example/".to_owned(),
        error: HttpError::Timeout("idp.example".to_owned()),
    };
    for (took, outcome, pause) in [
        (TimeDelta::milliseconds(200), Ok(2), AGAIN_AFTER),
        (TimeDelta::seconds(3), Ok(2), TimeDelta::seconds(300)),
        // No longer than until the next fetch is allowed.
        (minute, Ok(2), LIFETIMES.fresh_for),
        // The provider is down; once it responds, a fetch is allowed.
        (TimeDelta::seconds(10), Err(out()), AGAIN_AFTER),
        (minute, Err(out()), LIFETIMES.fresh_for),
        (
            TimeDelta::seconds(3),
            Err(FetchError::malformed("no metadata")),
            TimeDelta::seconds(300),
        ),
    ] {
        let (clock, cached) = cached();
        let first = cached.get(good(1)).await.unwrap();
        let fetch = lasting(&clock, took, outcome.clone());
        let second = cached.newer_than(&first, fetch).await;
        let seen = second.ok().flatten().unwrap_or(first);
        clock.advance(pause - took - TimeDelta::milliseconds(1));
        let early = cached.newer_than(&seen, good(3)).await;
        assert!(!matches!(early, Ok(Some(_))), "{took}: {outcome:?}");
        clock.advance(TimeDelta::milliseconds(1));
        let again = cached.newer_than(&seen, good(3)).await;
        assert_eq!(*again.unwrap().unwrap(), 3, "{took}: {outcome:?}");
    }
}

#[tokio::test]
async fn unscheduled_fetches_are_limited() {
    let (clock, cached) = cached();
    let first = cached.get(good(1)).await.unwrap();
    let second = cached.newer_than(&first, good(2)).await.unwrap().unwrap();
    assert_eq!(*second, 2);
    // The refresh of another caller is sufficient.
    let again = cached.newer_than(&first, good(9)).await.unwrap().unwrap();
    assert_eq!(*again, 2);
    assert!(cached.newer_than(&second, good(9)).await.unwrap().is_none());
    clock.advance(AGAIN_AFTER);
    assert!(cached.newer_than(&second, down()).await.is_err());
    assert!(cached.newer_than(&second, good(9)).await.is_err());
    assert_eq!(*cached.get(good(9)).await.unwrap(), 2);
}
