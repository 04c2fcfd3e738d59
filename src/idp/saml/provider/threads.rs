//! How many SAML messages are verified at the same time: verification takes a processor and no network, and whoever likes
//! can send messages.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use rolecall_core::base::limits;
use rolecall_core::sign_in::{ProviderError, Turn};

use super::lines::Lines;
use super::unwritable;

/// Of all providers together.
static ALL: LazyLock<Threads> = LazyLock::new(|| Threads::new(processors()));
static HALF: LazyLock<Threads> = LazyLock::new(|| Threads::new((processors() / 2).max(1)));

/// A number of threads for work that takes a processor. Clones share them.
#[derive(Clone)]
pub struct Threads {
    places: Lines,
    wait_max: Duration,
}

impl Threads {
    /// As many as there are processors, for all providers together.
    pub fn all() -> Self {
        ALL.clone()
    }

    /// Half as many, at least one.
    pub fn half() -> Self {
        HALF.clone()
    }

    fn new(threads: usize) -> Self {
        Self {
            places: Lines::new(threads),
            wait_max: limits::SAML_VERIFICATION_WAIT_MAX
                .to_std()
                .unwrap_or_default(),
        }
    }

    /// Does the work on a thread of its own, when it is its turn. It keeps its place until it has ended, whether or not
    /// anybody still waits for it.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] when it is not its turn in time, or the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        turn: &Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ProviderError> {
        let waiting = tokio::time::timeout(self.wait_max, self.places.place(turn));
        let busy = |_| unwritable("too many SAML messages are being verified; try again");
        let place = waiting.await.map_err(busy)?;
        let running = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        running.await.map_err(unwritable)
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
    async fn nobody_waits_for_ever_and_work_that_nobody_waits_for_keeps_its_place() {
        let threads = one();
        let (go, blocked) = channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let long = threads.run(&Turn::Ours, move || {
            let _ = begun.send(());
            let _ = blocked.recv();
        });
        tokio::select! {
            ended = long => panic!("{ended:?}"),
            begun = has_begun => begun.unwrap(),
        }
        // Its caller has gone; it works on.
        let refused = threads.run(&Turn::Ours, || ()).await;
        assert!(
            matches!(refused, Err(ProviderError::Unavailable(_))),
            "{refused:?}"
        );
        drop(go);
        let patient = Threads {
            wait_max: Duration::from_secs(60),
            ..threads.clone()
        };
        patient.run(&Turn::Ours, || ()).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_leaves_its_place_to_others() {
        let threads = one();
        let panicked = threads.run(&Turn::Ours, || panic!("as a test")).await;
        let panicked: Result<(), ProviderError> = panicked;
        assert!(panicked.is_err());
        threads.run(&Turn::Ours, || ()).await.unwrap();
    }
}
