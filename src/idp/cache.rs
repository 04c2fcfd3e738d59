//! A provider's documents, kept: one fetch at a time however many sign-ins want one, and the last good copy served
//! through an outage.
//!
//! A bad answer never replaces a good one. A document asked for out of turn (a token names an unknown key) is fetched
//! at most once in [`AGAIN_AFTER`], whatever tokens arrive.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::port::Clock;
use rolecall_core::sign_in::ProviderError;

use crate::idp::http::HttpError;

/// How soon after a failure, or after a fetch out of turn, the next one may follow.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);

/// How long a document counts.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// How old it may become before it is fetched again.
    pub fresh_for: TimeDelta,
    /// How old it may become when the provider does not answer.
    pub stale_max: TimeDelta,
}

/// Why a provider's document could not be had. It can be told to everybody who waited for the same fetch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Trouble {
    /// No answer, or none we take.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The same, of a document at an address.
    #[error("{what} at {url}: {error}")]
    Document {
        /// Which.
        what: &'static str,
        /// Where.
        url: String,
        /// Why it could not be had.
        error: HttpError,
    },
    /// An answer that makes no sense.
    #[error("{0}")]
    Nonsense(String),
    /// An answer to which our settings do not fit.
    #[error("{0}")]
    Misfit(String),
}

impl Trouble {
    /// An answer that makes no sense.
    pub fn nonsense(what: impl Into<String>) -> Self {
        Self::Nonsense(what.into())
    }

    /// Whether only an administrator can mend it, here or at the provider.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Http(error) | Self::Document { error, .. } => error.is_lasting(),
            Self::Misfit(_) => true,
            Self::Nonsense(_) => false,
        }
    }
}

impl From<Trouble> for ProviderError {
    fn from(trouble: Trouble) -> Self {
        match trouble.is_lasting() {
            true => Self::Misconfigured(Box::new(trouble)),
            false => Self::Unavailable(Box::new(trouble)),
        }
    }
}

/// A fetch that has not begun: it runs only if it is its turn and nobody else's result will do.
pub type Fetch<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// One document of one provider.
pub struct Cached<T> {
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    state: Mutex<State<T>>,
    /// Held while fetching, so that there is one fetch at a time.
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    good: Option<(Arc<T>, DateTime<Utc>)>,
    /// The last failure and its time, until a fetch succeeds.
    failed: Option<(Trouble, DateTime<Utc>)>,
    /// The last fetch out of turn.
    out_of_turn: Option<DateTime<Utc>>,
    /// How many fetches have ended.
    fetches: u64,
}

impl<T> Cached<T> {
    /// Empty; nothing is fetched before it is asked for.
    pub fn new(clock: Arc<dyn Clock>, lifetimes: Lifetimes) -> Self {
        Self {
            clock,
            lifetimes,
            state: Mutex::new(State {
                good: None,
                failed: None,
                out_of_turn: None,
                fetches: 0,
            }),
            flight: tokio::sync::Mutex::new(()),
        }
    }

    /// The document: kept, fetched, or the stale one when fetching fails.
    ///
    /// # Errors
    /// [`Trouble`] of the fetch when there is no copy to fall back on.
    pub async fn get(&self, fetch: Fetch<'_, T>) -> Result<Arc<T>, Trouble> {
        let now = self.clock.now();
        {
            let state = self.state();
            let failed_lately =
                matches!(&state.failed, Some((_, at)) if within(*at, now, AGAIN_AFTER));
            let fresh_for = if failed_lately {
                self.lifetimes.stale_max
            } else {
                self.lifetimes.fresh_for
            };
            if let Some(good) = state.younger_than(fresh_for, now) {
                return Ok(good);
            }
        }
        let fetched = self.fetch(fetch).await;
        let stale_max = self.lifetimes.stale_max;
        fetched.or_else(|trouble| self.state().younger_than(stale_max, now).ok_or(trouble))
    }

    /// The last good copy, however old.
    pub fn last(&self) -> Option<Arc<T>> {
        self.state().good.as_ref().map(|(good, _)| Arc::clone(good))
    }

    /// A newer document than `seen`, because that one did not do; none when it was fetched out of turn lately.
    ///
    /// # Errors
    /// [`Trouble`] of the fetch, also of the one that failed lately.
    pub async fn newer_than(
        &self,
        seen: &Arc<T>,
        fetch: Fetch<'_, T>,
    ) -> Result<Option<Arc<T>>, Trouble> {
        let now = self.clock.now();
        {
            let mut state = self.state();
            if let Some((good, _)) = &state.good
                && !Arc::ptr_eq(good, seen)
            {
                return Ok(Some(Arc::clone(good)));
            }
            if matches!(state.out_of_turn, Some(at) if within(at, now, AGAIN_AFTER)) {
                return match &state.failed {
                    Some((trouble, _)) => Err(trouble.clone()),
                    None => Ok(None),
                };
            }
            state.out_of_turn = Some(now);
        }
        self.fetch(fetch).await.map(Some)
    }

    /// Fetches, or takes the result of the fetch that ended while waiting for its turn.
    async fn fetch(&self, fetch: Fetch<'_, T>) -> Result<Arc<T>, Trouble> {
        let before = self.state().fetches;
        let _alone = self.flight.lock().await;
        {
            let state = self.state();
            if state.fetches != before {
                if let Some((trouble, _)) = &state.failed {
                    return Err(trouble.clone());
                }
                if let Some((good, _)) = &state.good {
                    return Ok(Arc::clone(good));
                }
            }
        }
        let fetched = fetch.await.map(Arc::new);
        let now = self.clock.now();
        let mut state = self.state();
        state.fetches += 1;
        match &fetched {
            Ok(good) => {
                state.good = Some((Arc::clone(good), now));
                state.failed = None;
            }
            Err(trouble) => {
                tracing::warn!(%trouble, "a document of an identity provider could not be fetched");
                state.failed = Some((trouble.clone(), now));
            }
        }
        fetched
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn younger_than(&self, age: TimeDelta, now: DateTime<Utc>) -> Option<Arc<T>> {
        let (good, at) = self.good.as_ref()?;
        within(*at, now, age).then(|| Arc::clone(good))
    }
}

/// Whether `now` is less than `span` after `at`; a clock that was set back does not keep anything for ever.
fn within(at: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    (now - at).abs() < span
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LIFETIMES: Lifetimes = Lifetimes {
        fresh_for: TimeDelta::hours(1),
        stale_max: TimeDelta::hours(24),
    };

    struct Hands(Mutex<DateTime<Utc>>);
    impl Clock for Hands {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }
    impl Hands {
        fn advance(&self, by: TimeDelta) {
            *self.0.lock().unwrap() += by;
        }
    }

    fn cached() -> (Arc<Hands>, Arc<Cached<usize>>) {
        let hands = Arc::new(Hands(Mutex::new(DateTime::UNIX_EPOCH)));
        let cached = Cached::new(Arc::clone(&hands) as Arc<dyn Clock>, LIFETIMES);
        (hands, Arc::new(cached))
    }

    fn good(value: usize) -> Fetch<'static, usize> {
        Box::pin(async move { Ok(value) })
    }

    fn down() -> Fetch<'static, usize> {
        Box::pin(async { Err(Trouble::nonsense("down")) })
    }

    #[tokio::test]
    async fn a_hundred_at_once_fetch_once() {
        let (_, cached) = cached();
        let fetches = AtomicUsize::new(0);
        let (open, gate) = tokio::sync::watch::channel(false);
        let one = || async {
            let mut gate = gate.clone();
            cached
                .get(Box::pin(async {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    gate.wait_for(|open| *open).await.unwrap();
                    Ok(7)
                }))
                .await
        };
        let all: Vec<_> = (0..100).map(|_| Box::pin(one())).collect();
        let mut tasks = all;
        // Every one of them has begun before the first fetch ends.
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
    async fn stale_is_served_through_an_outage_but_not_for_ever() {
        let (clock, cached) = cached();
        assert!(cached.get(down()).await.is_err());
        assert_eq!(*cached.get(good(1)).await.unwrap(), 1);
        clock.advance(LIFETIMES.fresh_for);
        assert_eq!(*cached.get(down()).await.unwrap(), 1);
        // Just failed: the provider is left alone.
        assert_eq!(*cached.get(good(2)).await.unwrap(), 1);
        clock.advance(AGAIN_AFTER);
        assert_eq!(*cached.get(good(2)).await.unwrap(), 2);
        clock.advance(LIFETIMES.stale_max);
        assert!(cached.get(down()).await.is_err());
    }

    #[tokio::test]
    async fn out_of_turn_is_rare() {
        let (clock, cached) = cached();
        let first = cached.get(good(1)).await.unwrap();
        let second = cached.newer_than(&first, good(2)).await.unwrap().unwrap();
        assert_eq!(*second, 2);
        // Somebody else's refresh does for us too.
        let again = cached.newer_than(&first, good(9)).await.unwrap().unwrap();
        assert_eq!(*again, 2);
        assert!(cached.newer_than(&second, good(9)).await.unwrap().is_none());
        clock.advance(AGAIN_AFTER);
        assert!(cached.newer_than(&second, down()).await.is_err());
        assert!(cached.newer_than(&second, good(9)).await.is_err());
        assert_eq!(*cached.get(good(9)).await.unwrap(), 2);
    }
}
