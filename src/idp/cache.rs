//! Caches the documents of providers: concurrent requests share a fetch, and the last valid copy is used during
//! outages.
//!
//! An invalid response never replaces a valid copy. An unscheduled fetch (a token names an unknown key) happens at most
//! once in [`AGAIN_AFTER`] and at most one percent of the time, whatever tokens arrive. If an older copy is allowed,
//! callers do not wait long for a newer one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;

use crate::idp::http::HttpError;

/// Minimum time between a failure or an unscheduled fetch and the next fetch.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);
/// The same as a multiple of the duration of the last fetch. Any client can cause a fetch, with a signature by an
/// unknown key.
const AGAIN_AFTER_TIMES: i32 = 100;
/// A fetch that fails earlier than this counts as an outage. A later failure may have loaded data from the provider.
const OUTAGE_SEEN_AFTER: TimeDelta = TimeDelta::seconds(10);

/// Lifetimes of a cached document.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Age after which it is fetched again.
    pub fresh_for: TimeDelta,
    /// Maximum age while the provider is not available.
    pub stale_max: TimeDelta,
    /// How long callers wait for a fetch if there is an older copy. The fetch continues afterwards.
    pub wait_max: Duration,
}

impl Lifetimes {
    /// The minimum time between an unscheduled or failed fetch of this duration and the next one.
    fn pause_after<T>(&self, took: TimeDelta, fetched: &Result<T, FetchError>) -> TimeDelta {
        let longest = self.fresh_for.max(AGAIN_AFTER);
        let took = match fetched {
            Err(FetchError::Http(_) | FetchError::Document { .. }) => took - OUTAGE_SEEN_AFTER,
            Ok(_) | Err(FetchError::Malformed(_) | FetchError::Misconfigured(_)) => took,
        };
        let pause = took.checked_mul(AGAIN_AFTER_TIMES).unwrap_or(longest);
        pause.clamp(AGAIN_AFTER, longest)
    }
}

/// Why a document could not be fetched. The error is shared by all callers that waited for the fetch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No response, or one that was rejected.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The same, for a document with a URL.
    #[error("{what} at {url}: {error}")]
    Document {
        /// Name of the document.
        what: &'static str,
        /// URL of the document.
        url: String,
        /// The HTTP error.
        error: HttpError,
    },
    /// The response is malformed.
    #[error("{0}")]
    Malformed(String),
    /// The response does not match the configuration.
    #[error("{0}")]
    Misconfigured(String),
}

impl FetchError {
    /// The error for a malformed response.
    pub fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }

    /// Whether the error persists until an administrator changes something, here or at the provider.
    fn is_persistent(&self) -> bool {
        match self {
            Self::Http(error) | Self::Document { error, .. } => error.is_persistent(),
            Self::Misconfigured(_) => true,
            Self::Malformed(_) => false,
        }
    }
}

impl From<FetchError> for ProviderError {
    fn from(trouble: FetchError) -> Self {
        match trouble.is_persistent() {
            true => Self::Misconfigured(Box::new(trouble)),
            false => Self::Unavailable(Box::new(trouble)),
        }
    }
}

/// A fetch that has not started. It is dropped if the result of another fetch is used.
pub type Fetch<'a, T> = Pin<Box<dyn Future<Output = Result<T, FetchError>> + Send + 'a>>;

/// A cached document of a provider.
pub struct Cached<T> {
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    state: Mutex<State<T>>,
    /// Held while fetching, so that there is one fetch at a time.
    flight: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    good: Option<(Arc<T>, DateTime<Utc>)>,
    /// The last failure and its time; cleared by a successful fetch.
    failed: Option<(FetchError, DateTime<Utc>)>,
    /// The time of the last unscheduled fetch.
    out_of_turn: Option<DateTime<Utc>>,
    /// The minimum time between these and the next fetch.
    pause: TimeDelta,
    /// Number of completed fetches.
    fetches: u64,
}

impl<T> Cached<T> {
    /// An empty cache; the first request fetches.
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

    /// The document: the cached copy, a new one, or the old one if fetching fails or takes long.
    ///
    /// # Errors
    /// The [`FetchError`] of the fetch, if there is no valid copy.
    #[expect(
        clippy::disallowed_methods,
        reason = "the process can end without waiting for a document"
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
            // Another caller waits for it.
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

    /// The last valid copy, of any age.
    pub fn last(&self) -> Option<Arc<T>> {
        self.state().good.as_ref().map(|(good, _)| Arc::clone(good))
    }

    /// A newer document than `seen`, which turned out to be outdated; `None` if an unscheduled fetch is not allowed
    /// yet.
    ///
    /// # Errors
    /// The [`FetchError`] of this fetch, or of a recent failed one.
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

    /// Fetches, or returns the result of a fetch that completed while this one waited.
    async fn fetch(&self, fetch: Fetch<'_, T>) -> Result<Arc<T>, FetchError> {
        let before = self.state().fetches;
        let _alone = self.flight.lock().await;
        self.fetch_alone(before, fetch).await
    }

    /// Fetches if no fetch has completed since `before`; otherwise returns the result of the last one.
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
                tracing::warn!(%trouble, "could not fetch a document of an identity provider");
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

/// Whether `now` is less than `span` after `at`. A clock that was set back does not keep anything indefinitely.
fn within(at: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    (now - at).abs() < span
}

#[cfg(test)]
mod tests;
