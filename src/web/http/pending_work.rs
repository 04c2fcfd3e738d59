//! Work that goes on when its request has ended, counted, so that the process does not end before it.

use std::sync::Arc;

use tokio::sync::watch;

/// How much of it is under way.
#[derive(Clone, Default)]
pub struct PendingWork(Arc<watch::Sender<usize>>);

/// One piece of work; it has ended when this is dropped.
pub struct Piece(PendingWork);

impl PendingWork {
    /// Counts one more, as long as the answer lives.
    pub fn begin(&self) -> Piece {
        self.0.send_modify(|count| *count += 1);
        Piece(self.clone())
    }

    /// Waits until there is none.
    pub async fn finished(&self) {
        // The sender lives as long as `self`, so waiting ends only when nothing is left.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
