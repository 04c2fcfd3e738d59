//! Whether a Region's STS is asked at all: after three calls in a row that it did not answer, nobody waits for it for a while,
//! and then one call at a time finds out whether it is back.
//!
//! Calls that run at the same time are bounded too, so that a Region that hangs holds neither memory nor sockets without end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 3;
/// How long it stays open, at first and at most; twice as long after each trial that fails.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Calls of one Region at a time. Answers take some 50 ms, so this is thousands a second.
const CALLS_MAX: u32 = 512;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u32,
    /// In a row.
    failures: u32,
    /// Set while it is open: until when, and how long that was.
    open: Option<(Instant, Duration)>,
    /// A call is finding out.
    on_trial: bool,
}

/// Leave to ask. Whoever drops it without an outcome has found out nothing.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    /// Leave to make a call; none while the Region counts as failing, or has too many to answer.
    pub(super) fn leave(&self, now: Instant) -> Option<Leave<'_>> {
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
        Some(Leave {
            breaker: self,
            is_trial,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// STS answered, be it with a refusal.
    pub(super) fn answered(self) {
        let mut state = self.breaker.lock();
        state.failures = 0;
        state.open = None;
    }

    /// STS did not answer.
    pub(super) fn failed(self, now: Instant) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        let pause = match state.open {
            Some((_, last)) if self.is_trial => (2 * last).min(PAUSE_MAX),
            // Calls that had begun before it was opened.
            Some(_) => return,
            None if state.failures < FAILURES_MAX => return,
            None => PAUSE_MIN,
        };
        state.open = Some((now + pause, pause));
    }
}

impl Drop for Leave<'_> {
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
            breaker.leave(now).unwrap().failed(now);
        }
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_an_answer_begins_anew() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, now, 2);
        breaker.leave(now).unwrap().answered();
        fail(&breaker, now, 2);
        assert!(breaker.leave(now).is_some());
        fail(&breaker, now, 1);
        assert!(breaker.leave(now).is_none());
    }

    #[test]
    fn one_call_finds_out_and_the_pauses_grow() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        fail(&breaker, now, 3);
        for pause in [2, 4, 8, 16, 30, 30] {
            let pause = Duration::from_secs(pause);
            assert!(
                breaker
                    .leave(now + pause - Duration::from_millis(1))
                    .is_none()
            );
            now += pause;
            let trial = breaker.leave(now).unwrap();
            assert!(breaker.leave(now).is_none(), "one at a time");
            trial.failed(now);
        }
        now += PAUSE_MAX;
        drop(breaker.leave(now).unwrap());
        breaker.leave(now).unwrap().answered();
        assert!(breaker.leave(now).is_some());
    }

    #[test]
    fn calls_under_way_are_bounded_and_open_nothing_twice() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let mut calls: Vec<_> = (0..CALLS_MAX)
            .map(|_| breaker.leave(now).unwrap())
            .collect();
        assert!(breaker.leave(now).is_none());
        let late = calls.pop().unwrap();
        calls.into_iter().for_each(|call| call.failed(now));
        late.failed(now + PAUSE_MIN);
        assert!(
            breaker.leave(now + PAUSE_MIN).is_some(),
            "the pause was not drawn out"
        );
    }
}
