//! A provider's documents, kept: one fetch at a time however many sign-ins want one, and the last good copy served
//! through an outage.
//!
//! A bad answer never replaces a good one. A document asked for out of turn (a token names an unknown key) is fetched
//! at most once in [`AGAIN_AFTER`], and no more than a hundredth of the time, whatever tokens arrive. Nobody waits long for a
//! newer copy where an older one will do.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;

use crate::idp::http::HttpError;

/// How soon after a failure, or after a fetch out of turn, the next one may follow: at least.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);
/// How many times longer than the last fetch took: anybody can cause one, with a signature by an unknown key.
const AGAIN_AFTER_TIMES: i32 = 100;
/// How long it takes to see that nobody answers. What fails later may have been loaded for nothing.
const OUTAGE_SEEN_AFTER: TimeDelta = TimeDelta::seconds(10);

/// How long a document counts.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// How old it may become before it is fetched again.
    pub fresh_for: TimeDelta,
    /// How old it may become when the provider does not answer.
    pub stale_max: TimeDelta,
    /// How long a fetch is waited for when there is a copy that may be used. The fetch goes on afterwards.
    pub wait_max: Duration,
}

impl Lifetimes {
    /// How soon the next fetch may follow one that took this long, where somebody wants one out of turn or after a failure.
    fn pause_after<T>(&self, took: TimeDelta, fetched: &Result<T, FetchError>) -> TimeDelta {
        let longest = self.fresh_for.max(AGAIN_AFTER);
        let took = match fetched {
            Err(FetchError::Http(_) | FetchError::Document { .. }) => took - OUTAGE_SEEN_AFTER,
            Ok(_) | Err(FetchError::Malformed(_) | FetchError::Misfit(_)) => took,
        };
        let pause = took.checked_mul(AGAIN_AFTER_TIMES).unwrap_or(longest);
        pause.clamp(AGAIN_AFTER, longest)
    }
}

/// Why a provider's document could not be had. It can be told to everybody who waited for the same fetch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
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
    Malformed(String),
    /// An answer to which our settings do not fit.
    #[error("{0}")]
    Misfit(String),
}

impl FetchError {
    /// An answer that makes no sense.
    pub fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }

    /// Whether only an administrator can mend it, here or at the provider.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Http(error) | Self::Document { error, .. } => error.is_lasting(),
            Self::Misfit(_) => true,
            Self::Malformed(_) => false,
        }
    }
}

impl From<FetchError> for ProviderError {
    fn from(trouble: FetchError) -> Self {
        match trouble.is_lasting() {
            true => Self::Misconfigured(Box::new(trouble)),
            false => Self::Unavailable(Box::new(trouble)),
        }
    }
}

/// A fetch that has not begun: it runs only if it is its turn and nobody else's result will do.
pub type Fetch<'a, T> = Pin<Box<dyn Future<Output = Result<T, FetchError>> + Send + 'a>>;

/// One document of one provider.
pub struct Cached<T> {
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    state: Mutex<State<T>>,
    /// Held while fetching, so that there is one fetch at a time.
    flight: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    good: Option<(Arc<T>, DateTime<Utc>)>,
    /// The last failure and its time, until a fetch succeeds.
    failed: Option<(FetchError, DateTime<Utc>)>,
    /// The last fetch out of turn.
    out_of_turn: Option<DateTime<Utc>>,
    /// How soon after one of these two the next fetch may follow.
    pause: TimeDelta,
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
                pause: AGAIN_AFTER,
                fetches: 0,
            }),
            flight: Arc::default(),
        }
    }

    /// The document: kept, fetched, or the stale one when fetching fails or takes long.
    ///
    /// # Errors
    /// [`FetchError`] of the fetch when there is no copy to fall back on.
    #[expect(
        clippy::disallowed_methods,
        reason = "the end of the process need not wait for a document"
    )]
    pub async fn get(self: &Arc<Self>, fetch: Fetch<'static, T>) -> Result<Arc<T>, FetchError>
    where
        T: Send + Sync + 'static,
    {
        let now = self.clock.now();
        let (stale, before) = {
            let state = self.state();
            let failed_lately =
                matches!(&state.failed, Some((_, at)) if within(*at, now, state.pause));
            let fresh_for = if failed_lately {
                self.lifetimes.stale_max
            } else {
                self.lifetimes.fresh_for
            };
            if let Some(good) = state.younger_than(fresh_for, now) {
                return Ok(good);
            }
            let stale = state.younger_than(self.lifetimes.stale_max, now);
            (stale, state.fetches)
        };
        let Some(stale) = stale else {
            return self.fetch(fetch).await;
        };
        let Ok(alone) = Arc::clone(&self.flight).try_lock_owned() else {
            // Somebody else waits for it.
            return Ok(stale);
        };
        let cached = Arc::clone(self);
        let refresh = tokio::spawn(async move {
            let _alone = alone;
            cached.fetch_alone(before, fetch).await
        });
        match tokio::time::timeout(self.lifetimes.wait_max, refresh).await {
            Ok(Ok(Ok(good))) => Ok(good),
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => Ok(stale),
        }
    }

    /// The last good copy, however old.
    pub fn last(&self) -> Option<Arc<T>> {
        self.state().good.as_ref().map(|(good, _)| Arc::clone(good))
    }

    /// A newer document than `seen`, because that one did not do; none when it was fetched out of turn lately.
    ///
    /// # Errors
    /// [`FetchError`] of the fetch, also of the one that failed lately.
    pub async fn newer_than(
        &self,
        seen: &Arc<T>,
        fetch: Fetch<'_, T>,
    ) -> Result<Option<Arc<T>>, FetchError> {
        let now = self.clock.now();
        {
            let mut state = self.state();
            if let Some((good, _)) = &state.good
                && !Arc::ptr_eq(good, seen)
            {
                return Ok(Some(Arc::clone(good)));
            }
            if matches!(state.out_of_turn, Some(at) if within(at, now, state.pause)) {
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
    async fn fetch(&self, fetch: Fetch<'_, T>) -> Result<Arc<T>, FetchError> {
        let before = self.state().fetches;
        let _alone = self.flight.lock().await;
        self.fetch_alone(before, fetch).await
    }

    /// Fetches when `before` is how many fetches have ended; else takes the result of the last one.
    async fn fetch_alone(&self, before: u64, fetch: Fetch<'_, T>) -> Result<Arc<T>, FetchError> {
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
        let begun = self.clock.now();
        let fetched = fetch.await.map(Arc::new);
        let now = self.clock.now();
        let mut state = self.state();
        state.fetches += 1;
        state.pause = self.lifetimes.pause_after(now - begun, &fetched);
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
mod tests;
