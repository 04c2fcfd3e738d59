//! Holds calls back: the next ones wait at the gate until it is opened. Whoever drives a flow by hand sees it stand at any
//! of its awaits.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::Poll;

#[derive(Default)]
pub struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many more calls pass; all when none is said.
    left: Option<usize>,
    waiting: bool,
}

impl Gate {
    fn close_after(&self, calls: usize) {
        let mut state = self.0.lock().unwrap();
        state.left = Some(calls);
        state.waiting = false;
    }

    fn open(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    fn is_waited_at(&self) -> bool {
        self.0.lock().unwrap().waiting
    }

    /// Every port passes here before it does anything.
    pub async fn pass(&self) {
        std::future::poll_fn(|_| {
            let mut state = self.0.lock().unwrap();
            match &mut state.left {
                None => Poll::Ready(()),
                Some(0) => {
                    state.waiting = true;
                    Poll::Pending
                }
                Some(left) => {
                    *left -= 1;
                    Poll::Ready(())
                }
            }
        })
        .await;
    }

    /// Lets `calls` calls of this flow pass and holds back the next; what came of it if it ended before. The gate is open
    /// afterwards, for whoever comes next and for the flow when it is awaited.
    pub async fn drive<T>(
        &self,
        calls: usize,
        flow: &mut Pin<Box<dyn Future<Output = T> + Send + '_>>,
    ) -> Option<T> {
        self.close_after(calls);
        loop {
            let polled = std::future::poll_fn(|cx| Poll::Ready(flow.as_mut().poll(cx))).await;
            if let Poll::Ready(outcome) = polled {
                self.open();
                return Some(outcome);
            }
            if self.is_waited_at() {
                self.open();
                return None;
            }
            tokio::task::yield_now().await;
        }
    }
}
