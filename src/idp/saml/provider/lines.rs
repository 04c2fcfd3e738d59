//! The order in which messages are verified whose addresses are over their limit: a line for each address, first come, first
//! served; the first messages of all lines take turns, one at a time. An address that sends many messages holds up its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::rate_limit::AddressPrefix;
use rolecall_core::sign_in::Turn;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The lines of all addresses.
#[derive(Debug)]
pub struct Lines {
    // Fair: whoever waits longest is next.
    first_of_all: Arc<Semaphore>,
    // Not a Tokio mutex: nothing is awaited while it is held.
    by_network: Mutex<HashMap<Option<AddressPrefix>, Line>>,
}

#[derive(Debug)]
struct Line {
    first: Arc<Semaphore>,
    members: usize,
}

/// A place in the line of an address.
#[derive(Debug)]
struct Member {
    lines: Arc<Lines>,
    network: Option<AddressPrefix>,
}

/// A message's turn; the next one begins when this is dropped.
#[derive(Debug)]
pub struct Held {
    _first_of_all: OwnedSemaphorePermit,
    _first: OwnedSemaphorePermit,
    _member: Member,
}

impl Lines {
    /// Nobody waits.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            first_of_all: Arc::new(Semaphore::new(1)),
            by_network: Mutex::default(),
        })
    }

    /// Waits for the message's turn; `None` where it need not wait. How many may wait is bounded by whoever made `turn`.
    pub async fn wait(self: &Arc<Self>, turn: &Turn) -> Option<Held> {
        let Turn::InTurn(share) = turn else {
            return None;
        };
        let (first, member) = self.join(share.network());
        // Nobody closes these semaphores.
        let first = first.acquire_owned().await.ok()?;
        let first_of_all = Arc::clone(&self.first_of_all).acquire_owned().await.ok()?;
        Some(Held {
            _first_of_all: first_of_all,
            _first: first,
            _member: member,
        })
    }

    fn join(self: &Arc<Self>, network: Option<AddressPrefix>) -> (Arc<Semaphore>, Member) {
        let mut lines = self
            .by_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(network).or_insert_with(|| Line {
            first: Arc::new(Semaphore::new(1)),
            members: 0,
        });
        line.members += 1;
        let member = Member {
            lines: Arc::clone(self),
            network,
        };
        (Arc::clone(&line.first), member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let lines = &self.lines.by_network;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(&self.network) {
            line.members -= 1;
            if line.members == 0 {
                lines.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt as _;
    use rolecall_core::rate_limit::{AddressShares, ShareBounds};

    use super::*;

    fn turns(last: u8, number: usize) -> Vec<Turn> {
        let (all, each, few) = (1_000, 1_000, 0);
        let shares = AddressShares::new(ShareBounds { all, each, few });
        let address = Some(IpAddr::from([192, 0, 2, last]));
        let share = || shares.take(address, 1).unwrap();
        (0..number).map(|_| Turn::InTurn(share())).collect()
    }

    #[tokio::test]
    async fn nobody_waits_who_need_not() {
        let lines = Lines::new();
        let [held] = &turns(1, 1)[..] else {
            panic!("one turn")
        };
        let _held = lines.wait(held).await.unwrap();
        assert!(lines.wait(&Turn::AtOnce).await.is_none());
    }

    #[tokio::test]
    async fn each_address_has_its_own_line_and_the_lines_take_turns() {
        let lines = Lines::new();
        let (strangers, office) = (turns(1, 5), turns(2, 2));
        let mut waiting: Vec<_> = strangers
            .iter()
            .map(|turn| ("stranger", lines.wait(turn).boxed()))
            .chain(
                office
                    .iter()
                    .map(|turn| ("office", lines.wait(turn).boxed())),
            )
            .collect();
        let mut order = Vec::new();
        let mut last: Option<Held> = None;
        while !waiting.is_empty() {
            let mut ready = Vec::new();
            for (index, (_, one)) in waiting.iter_mut().enumerate() {
                if let Some(held) = one.now_or_never() {
                    ready.push((index, held.unwrap()));
                }
            }
            assert!(ready.len() <= 1, "one at a time");
            for (index, held) in ready {
                order.push(waiting.remove(index).0);
                // The next begins when this one has ended.
                drop(last.replace(held));
            }
            if last.take().is_some() {
                tokio::task::yield_now().await;
            }
        }
        let expected = [
            "stranger", "office", "stranger", "office", "stranger", "stranger", "stranger",
        ];
        assert_eq!(order, expected);
        assert!(lines.by_network.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_line() {
        let lines = Lines::new();
        let turns = turns(1, 3);
        let held = lines.wait(&turns[0]).await;
        let mut gone = lines.wait(&turns[1]).boxed();
        let mut next = lines.wait(&turns[2]).boxed();
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut next).now_or_never().is_none());
        drop((held, gone));
        assert!(next.await.is_some());
        assert!(lines.by_network.lock().unwrap().is_empty());
    }
}
