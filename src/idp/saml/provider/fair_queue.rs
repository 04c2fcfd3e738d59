//! Fair queue of SAML messages that wait for verification: one queue per address, first in, first out. Addresses of a
//! network take turns, and so do networks, so that a client that sends many messages from many addresses of a network
//! delays few others.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::record::rate_limit::{AddressPrefix, AddressSource};
use rolecall_core::sign_in::QueuePosition;
use tokio::sync::oneshot;

/// A number of slots and the queues for them. Clones share them.
#[derive(Clone, Debug)]
pub struct FairQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Messages of sign-ins started here, each with its own turn.
    prioritized: Queue,
    waiting: Networks,
    /// Whether the last slot was given to one of `prioritized`, which get every second slot while others wait.
    was_prioritized: bool,
}

/// A slot. Dropping it gives it to the next in the queue.
#[derive(Debug)]
pub struct Slot(Option<FairQueue>);

type Queue = VecDeque<oneshot::Sender<Slot>>;
/// Queues by network.
type Networks = Rotation<Option<AddressPrefix>, Sites>;
/// Queues by address.
type Sites = Rotation<Option<AddressPrefix>, Queue>;

impl FairQueue {
    /// A queue with this many free slots.
    pub fn new(slots: usize) -> Self {
        let state = State {
            free: slots,
            prioritized: Queue::default(),
            waiting: Networks::default(),
            was_prioritized: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a slot. The number of waiting unsolicited messages is limited by the creator of `position`, the number of
    /// ours by the sign-ins that were started. Dropping the future leaves the queue.
    pub async fn acquire(&self, position: &QueuePosition) -> Slot {
        let waiting = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Slot(Some(self.clone()));
            }
            let (sender, waiting) = oneshot::channel();
            state.enqueue(position, sender);
            waiting
        };
        // The queues outlive the waiting futures.
        waiting.await.unwrap_or(Slot(None))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a slot to the next in the queue.
    fn give(&self) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else {
                return;
            };
            // Sent without the lock, because a slot that nobody receives is dropped and returns here.
            match next.send(Slot(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut slot) => slot.0 = None,
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(fair_queue) = self.0.take() {
            fair_queue.give();
        }
    }
}

impl State {
    fn enqueue(&mut self, position: &QueuePosition, sender: oneshot::Sender<Slot>) {
        let queue = match position {
            QueuePosition::Priority => &mut self.prioritized,
            QueuePosition::OfAddress(share) => {
                let AddressSource { network, site } = share.source();
                self.waiting.entry(network).entry(site)
            }
        };
        // The length of a queue is limited by its shares.
        queue.retain(|waiting| !waiting.is_closed());
        queue.push_back(sender);
    }

    fn next(&mut self) -> Option<oneshot::Sender<Slot>> {
        let mut of_others = || self.waiting.next(|sites| sites.next(first));
        if self.was_prioritized {
            self.was_prioritized = false;
            return of_others().or_else(|| first(&mut self.prioritized));
        }
        let first_prioritized = first(&mut self.prioritized);
        self.was_prioritized = first_prioritized.is_some();
        first_prioritized.or_else(of_others)
    }
}

/// The first in a queue that is still waiting; abandoned entries do not take a turn.
fn first(queue: &mut Queue) -> Option<oneshot::Sender<Slot>> {
    std::iter::from_fn(|| queue.pop_front()).find(|waiting| !waiting.is_closed())
}

/// Queues that take turns.
#[derive(Debug)]
struct Rotation<K, V> {
    order: VecDeque<K>,
    queues: HashMap<K, V>,
}

impl<K, V> Default for Rotation<K, V> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            queues: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V: Default> Rotation<K, V> {
    /// The queue of this key; a new one gets the last turn.
    fn entry(&mut self, key: K) -> &mut V {
        let order = &mut self.order;
        self.queues.entry(key).or_insert_with(|| {
            order.push_back(key);
            V::default()
        })
    }

    /// Takes from the queue whose turn it is; removes empty queues.
    fn next<T>(&mut self, mut take: impl FnMut(&mut V) -> Option<T>) -> Option<T> {
        while let Some(key) = self.order.pop_front() {
            if let Some(taken) = self.queues.get_mut(&key).and_then(&mut take) {
                self.order.push_back(key);
                return Some(taken);
            }
            self.queues.remove(&key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use rolecall_core::record::rate_limit::{AddressShares, ShareBounds};

    use super::*;

    const BOUNDS: ShareBounds = ShareBounds {
        all: 1_000,
        each: 1_000,
        reserved: 0,
        ceiling: 1_000,
    };

    fn of(address: &str) -> QueuePosition {
        let address: IpAddr = address.parse().unwrap();
        let share = AddressShares::new(BOUNDS).take(Some(address), 1);
        QueuePosition::OfAddress(share.unwrap())
    }

    /// The waiting futures, in order of arrival.
    struct Waiting(Vec<(&'static str, BoxFuture<'static, Slot>)>);

    impl Waiting {
        fn new(fair_queue: &FairQueue, who: &[&'static str]) -> Self {
            let wait = |&address: &&'static str| {
                let fair_queue = fair_queue.clone();
                let mut waits = async move {
                    let position = match address {
                        "ours" => QueuePosition::Priority,
                        address => of(address),
                    };
                    fair_queue.acquire(&position).await
                }
                .boxed();
                assert!((&mut waits).now_or_never().is_none());
                (address, waits)
            };
            Self(who.iter().map(wait).collect())
        }

        /// The one that has a slot now.
        fn served(&mut self) -> Option<(&'static str, Slot)> {
            for (index, (_, waits)) in self.0.iter_mut().enumerate() {
                if let Some(slot) = waits.now_or_never() {
                    return Some((self.0.remove(index).0, slot));
                }
            }
            None
        }

        /// The order in which all get a slot after `first` has finished.
        fn order(mut self, first: Slot) -> Vec<&'static str> {
            let mut order = Vec::new();
            let mut last = first;
            while !self.0.is_empty() {
                drop(last);
                let (who, slot) = self.served().unwrap();
                assert!(self.served().is_none(), "one slot");
                order.push(who);
                last = slot;
            }
            order
        }
    }

    #[tokio::test]
    async fn addresses_and_networks_take_turns() {
        let fair_queue = FairQueue::new(1);
        let first = fair_queue.acquire(&QueuePosition::Priority).await;
        let waiting = Waiting::new(
            &fair_queue,
            &[
                "192.0.2.1",
                "192.0.2.1",
                "192.0.2.1",
                "192.0.3.1",
                "192.0.3.1",
                "2001:db8:1::1",
                "2001:db8:1:2::1",
                "198.51.100.1",
                "198.51.100.1",
                "ours",
            ],
        );
        let expected = [
            // First ours, then one of each network in order of arrival ...
            "ours",
            "192.0.2.1",
            "2001:db8:1::1",
            "198.51.100.1",
            // ... and the addresses of a network in turn.
            "192.0.3.1",
            "2001:db8:1:2::1",
            "198.51.100.1",
            "192.0.2.1",
            "192.0.3.1",
            "192.0.2.1",
        ];
        assert_eq!(waiting.order(first), expected);
        let state = fair_queue.state();
        assert!(state.free == 1 && state.waiting.order.len() <= 4);
    }

    #[tokio::test]
    async fn ours_get_every_second_slot() {
        let fair_queue = FairQueue::new(1);
        let first = fair_queue.acquire(&of("192.0.2.1")).await;
        let who = ["192.0.2.1", "192.0.2.1", "ours", "ours", "ours", "ours"];
        let order = Waiting::new(&fair_queue, &who).order(first);
        assert_eq!(
            order,
            ["ours", "192.0.2.1", "ours", "192.0.2.1", "ours", "ours"]
        );
    }

    #[tokio::test]
    async fn single_address_can_use_all_slots() {
        let fair_queue = FairQueue::new(2);
        let slots = [
            fair_queue.acquire(&of("192.0.2.1")).await,
            fair_queue.acquire(&of("192.0.2.1")).await,
        ];
        let mut waiting = Waiting::new(&fair_queue, &["192.0.2.1", "192.0.2.1"]);
        assert!(waiting.served().is_none());
        drop(slots);
        let (_first, _second) = (waiting.served().unwrap(), waiting.served().unwrap());
    }

    #[tokio::test]
    async fn abandoned_entry_takes_no_turn() {
        let fair_queue = FairQueue::new(1);
        let held = fair_queue.acquire(&QueuePosition::Priority).await;
        let mut gone = Waiting::new(&fair_queue, &["192.0.2.1"; 50]);
        let sites: Vec<String> = (1..50).map(|site| format!("192.0.2.{site}")).collect();
        for site in &sites {
            let position = of(site);
            assert!(fair_queue.acquire(&position).now_or_never().is_none());
        }
        gone.0.clear();
        let waiting = Waiting::new(&fair_queue, &["198.51.100.1", "192.0.2.1", "198.51.100.1"]);
        let order = waiting.order(held);
        assert_eq!(order, ["192.0.2.1", "198.51.100.1", "198.51.100.1"]);
        assert!(fair_queue.state().next().is_none());
    }

    #[tokio::test]
    async fn dropped_future_leaves_the_queue() {
        let fair_queue = FairQueue::new(1);
        let first = fair_queue.acquire(&QueuePosition::Priority).await;
        let mut gone = Waiting::new(&fair_queue, &["192.0.2.1", "192.0.2.1"]);
        let mut next = Waiting::new(&fair_queue, &["192.0.2.1", "198.51.100.1"]);
        let given = {
            drop(first);
            // It was given a slot, but is dropped before it was polled.
            gone.0.remove(0)
        };
        drop(gone);
        drop(given);
        assert_eq!(next.served().unwrap().0, "198.51.100.1");
        assert_eq!(next.served().unwrap().0, "192.0.2.1");
        assert_eq!(fair_queue.state().free, 1);
    }
}
