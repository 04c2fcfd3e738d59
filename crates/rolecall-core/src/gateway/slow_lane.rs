//! The slow lane: what an address over its limit still gets verified, one after the other.
//!
//! Whoever sends messages that fail verification, or makes a page do so in somebody's browser, uses up the limit of that
//! address. The provider's own messages come by the same address, and which is which is known only afterwards; so they are
//! not refused for it, but wait for their turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::lock::{Mutex, MutexGuard};

use crate::limits;
use crate::rate_limit::LimitExceeded;

/// One at a time; a bounded number may wait.
#[derive(Debug, Default)]
pub(super) struct SlowLane {
    turn: Mutex<()>,
    inside: AtomicUsize,
}

/// A turn; the next begins when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'l> {
    _turn: MutexGuard<'l, ()>,
    _place: Place<'l>,
}

#[derive(Debug)]
struct Place<'l>(&'l AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SlowLane {
    /// Waits for a turn, where there is a reason to; the limit that was exceeded is the reason.
    ///
    /// # Errors
    /// The reason, when too many wait already.
    pub(super) async fn turn(
        &self,
        reason: Option<LimitExceeded>,
    ) -> Result<Option<Turn<'_>>, LimitExceeded> {
        let Some(exceeded) = reason else {
            return Ok(None);
        };
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.inside);
        if before >= limits::SLOW_LANE_MAX {
            return Err(exceeded);
        }
        Ok(Some(Turn {
            _turn: self.turn.lock().await,
            _place: place,
        }))
    }
}
