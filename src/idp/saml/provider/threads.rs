//! Limits how many SAML messages are verified concurrently, because verification is CPU-bound and any client can send
//! messages.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, QueuePosition};

use super::fair_queue::FairQueue;
use super::unavailable;

/// Shared by all providers.
static ALL: LazyLock<Threads> = LazyLock::new(|| Threads::new(processors()));
static HALF: LazyLock<Threads> = LazyLock::new(|| Threads::new((processors() / 2).max(1)));

/// A number of threads for CPU-bound work. Clones share them.
#[derive(Clone)]
pub struct Threads {
    slots: FairQueue,
    wait_max: Duration,
}

impl Threads {
    /// One thread per processor, shared by all providers.
    pub fn all() -> Self {
        ALL.clone()
    }

    /// Half as many, at least one.
    pub fn half() -> Self {
        HALF.clone()
    }

    fn new(threads: usize) -> Self {
        Self {
            slots: FairQueue::new(threads),
            wait_max: limits::SAML_VERIFICATION_WAIT_MAX
                .to_std()
                .unwrap_or_default(),
        }
    }

    /// Runs the work on a separate thread when it gets a slot. It keeps the slot until it has completed, even if the
    /// caller is gone.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`], if there is no slot in time, or the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        position: &QueuePosition,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ProviderError> {
        let waiting = tokio::time::timeout(self.wait_max, self.slots.acquire(position));
        let busy = |_| unavailable("too many SAML messages are being verified; try again");
        let slot = waiting.await.map_err(busy)?;
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(slot);
            done
        });
        running.await.map_err(unavailable)
    }
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn one() -> Threads {
        Threads {
            wait_max: Duration::from_millis(50),
            ..Threads::new(1)
        }
    }

    #[tokio::test]
    async fn waiting_times_out_and_abandoned_work_keeps_its_slot() {
        let threads = one();
        let (go, blocked) = channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let long = threads.run(&QueuePosition::Priority, move || {
            let _ = begun.send(());
            let _ = blocked.recv();
        });
        tokio::select! {
            ended = long => panic!("{ended:?}"),
            begun = has_begun => begun.unwrap(),
        }
        // The caller is gone; the work continues.
        let refused = threads.run(&QueuePosition::Priority, || ()).await;
        assert!(
            matches!(refused, Err(ProviderError::Unavailable(_))),
            "{refused:?}"
        );
        drop(go);
        let patient = Threads {
            wait_max: Duration::from_secs(60),
            ..threads.clone()
        };
        patient.run(&QueuePosition::Priority, || ()).await.unwrap();
    }

    #[tokio::test]
    async fn panicking_work_releases_its_slot() {
        let threads = one();
        let panicked = threads
            .run(&QueuePosition::Priority, || panic!("as a test"))
            .await;
        let panicked: Result<(), ProviderError> = panicked;
        assert!(panicked.is_err());
        threads.run(&QueuePosition::Priority, || ()).await.unwrap();
    }
}
