//! A counter of tasks that continue after their request, so that the process waits for them before it exits.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of pending tasks.
#[derive(Clone, Default)]
pub struct PendingWork(Arc<watch::Sender<usize>>);

/// A pending task. It counts until it is dropped.
pub struct PendingItem(PendingWork);

impl PendingWork {
    /// Counts a task until the returned value is dropped.
    pub fn begin(&self) -> PendingItem {
        self.0.send_modify(|count| *count += 1);
        PendingItem(self.clone())
    }

    /// Waits until no task is pending.
    pub async fn finished(&self) {
        // The sender lives as long as `self`, so waiting ends only when nothing is left.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for PendingItem {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
