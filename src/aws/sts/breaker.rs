//! Circuit breaker for the STS of a Region: opens after three consecutive calls without a response; after a pause,
//! single calls test whether the Region has recovered.
//!
//! It also limits concurrent calls, so that an unresponsive Region uses bounded memory and sockets.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Consecutive failures that open the breaker.
const FAILURES_MAX: u32 = 3;
/// Minimum and maximum pause. The pause doubles after each failed trial.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Maximum of concurrent calls to a Region. At 50 ms per call this allows thousands per second.
const CALLS_MAX: u32 = 512;

/// A circuit breaker, see the module.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u32,
    /// Consecutive calls without a response.
    failures: u32,
    /// Set while the breaker is open: the end and the length of the pause.
    open: Option<(Instant, Duration)>,
    /// Whether a trial call is running.
    on_trial: bool,
}

/// Permission for a call. Dropping it without a result leaves the state unchanged.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    /// Permits a call; `None` while the breaker is open or too many calls are running.
    pub(super) fn try_acquire(&self, now: Instant) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let is_trial = match state.open {
            None => false,
            Some((until, _)) if now < until || state.on_trial => return None,
            Some(_) => true,
        };
        if state.calls == CALLS_MAX {
            return None;
        }
        state.calls += 1;
        state.on_trial |= is_trial;
        Some(Permit {
            breaker: self,
            is_trial,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records a response of STS, including a refusal.
    pub(super) fn record_response(self) {
        let mut state = self.breaker.lock();
        state.failures = 0;
        state.open = None;
    }

    /// Records that STS did not respond.
    pub(super) fn record_failure(self, now: Instant) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        let pause = match state.open {
            Some((_, last)) if self.is_trial => (2 * last).min(PAUSE_MAX),
            // Calls that started before the breaker opened.
            Some(_) => return,
            None if state.failures < FAILURES_MAX => return,
            None => PAUSE_MIN,
        };
        state.open = Some((now + pause, pause));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.lock();
        state.calls -= 1;
        if self.is_trial {
            state.on_trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, now: Instant, times: u32) {
        for _ in 0..times {
            breaker.try_acquire(now).unwrap().record_failure(now);
        }
    }

    #[test]
    fn three_consecutive_failures_open_the_breaker() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, now, 2);
        breaker.try_acquire(now).unwrap().record_response();
        fail(&breaker, now, 2);
        assert!(breaker.try_acquire(now).is_some());
        fail(&breaker, now, 1);
        assert!(breaker.try_acquire(now).is_none());
    }

    #[test]
    fn single_trial_after_pause_and_pauses_double() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        fail(&breaker, now, 3);
        for pause in [2, 4, 8, 16, 30, 30] {
            let pause = Duration::from_secs(pause);
            assert!(
                breaker
                    .try_acquire(now + pause - Duration::from_millis(1))
                    .is_none()
            );
            now += pause;
            let trial = breaker.try_acquire(now).unwrap();
            assert!(breaker.try_acquire(now).is_none(), "one trial at a time");
            trial.record_failure(now);
        }
        now += PAUSE_MAX;
        drop(breaker.try_acquire(now).unwrap());
        breaker.try_acquire(now).unwrap().record_response();
        assert!(breaker.try_acquire(now).is_some());
    }

    #[test]
    fn concurrent_calls_are_limited() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let mut calls: Vec<_> = (0..CALLS_MAX)
            .map(|_| breaker.try_acquire(now).unwrap())
            .collect();
        assert!(breaker.try_acquire(now).is_none());
        let late = calls.pop().unwrap();
        calls.into_iter().for_each(|call| call.record_failure(now));
        late.record_failure(now + PAUSE_MIN);
        assert!(
            breaker.try_acquire(now + PAUSE_MIN).is_some(),
            "the pause is not extended"
        );
    }
}
