//! Who is next when SAML messages wait to be verified: a line for each address, first come, first served. The addresses of
//! a provider's network take turns, and so do the networks: who sends many messages, from however many addresses of one
//! network, holds up few others.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall_core::record::rate_limit::{AddressPrefix, Source};
use rolecall_core::sign_in::Turn;
use tokio::sync::oneshot;

/// Places to work at, and those who wait for one. Clones share them.
#[derive(Clone, Debug)]
pub struct Lines(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Messages that have been verified before: each had its turn.
    ours: Line,
    waiting: Networks,
    /// Whether the last place went to one of `ours`: they have every second place while others wait.
    was_ours: bool,
}

/// A place to work at; whoever is next has it when this is dropped.
#[derive(Debug)]
pub struct Place(Option<Lines>);

type Line = VecDeque<oneshot::Sender<Place>>;
/// By the network of the address.
type Networks = Rotation<Option<AddressPrefix>, Sites>;
/// By the address.
type Sites = Rotation<Option<AddressPrefix>, Line>;

impl Lines {
    /// So many places, all free.
    pub fn new(places: usize) -> Self {
        let state = State {
            free: places,
            ours: Line::default(),
            waiting: Networks::default(),
            was_ours: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a place. How many strangers may wait is bounded by whoever made `turn`, how many of ours by the sign-ins that
    /// were begun; who no longer waits leaves the line.
    pub async fn place(&self, turn: &Turn) -> Place {
        let waiting = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Place(Some(self.clone()));
            }
            let (place, waiting) = oneshot::channel();
            state.join(turn, place);
            waiting
        };
        // Lines outlive those who wait in them.
        waiting.await.unwrap_or(Place(None))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a place to whoever is next and still waits.
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
            // Not under the lock: a place that nobody takes comes back here.
            match next.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut place) => place.0 = None,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lines) = self.0.take() {
            lines.give();
        }
    }
}

impl State {
    fn join(&mut self, turn: &Turn, place: oneshot::Sender<Place>) {
        let line = match turn {
            Turn::Ours => &mut self.ours,
            Turn::Of(share) => {
                let Source { network, site } = share.source();
                self.waiting.entry(network).entry(site)
            }
        };
        // A line is as long as its shares allow.
        line.retain(|waiting| !waiting.is_closed());
        line.push_back(place);
    }

    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        let mut of_others = || self.waiting.next(|sites| sites.next(first));
        if self.was_ours {
            self.was_ours = false;
            return of_others().or_else(|| first(&mut self.ours));
        }
        let ours = first(&mut self.ours);
        self.was_ours = ours.is_some();
        ours.or_else(of_others)
    }
}

/// The first of a line who still waits: who has gone takes no turn.
fn first(line: &mut Line) -> Option<oneshot::Sender<Place>> {
    std::iter::from_fn(|| line.pop_front()).find(|waiting| !waiting.is_closed())
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
    /// The queue of this key; it is the last to have a turn when it is new.
    fn entry(&mut self, key: K) -> &mut V {
        let order = &mut self.order;
        self.queues.entry(key).or_insert_with(|| {
            order.push_back(key);
            V::default()
        })
    }

    /// What the queue whose turn it is gives; those that have nothing left are gone.
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

    fn of(address: &str) -> Turn {
        let address: IpAddr = address.parse().unwrap();
        let share = AddressShares::new(BOUNDS).take(Some(address), 1);
        Turn::Of(share.unwrap())
    }

    /// Those who wait, in the order in which they came.
    struct Waiting(Vec<(&'static str, BoxFuture<'static, Place>)>);

    impl Waiting {
        fn new(lines: &Lines, who: &[&'static str]) -> Self {
            let wait = |&address: &&'static str| {
                let lines = lines.clone();
                let mut waits = async move {
                    let turn = match address {
                        "ours" => Turn::Ours,
                        address => of(address),
                    };
                    lines.place(&turn).await
                }
                .boxed();
                assert!((&mut waits).now_or_never().is_none());
                (address, waits)
            };
            Self(who.iter().map(wait).collect())
        }

        /// Who has a place now.
        fn served(&mut self) -> Option<(&'static str, Place)> {
            for (index, (_, waits)) in self.0.iter_mut().enumerate() {
                if let Some(place) = waits.now_or_never() {
                    return Some((self.0.remove(index).0, place));
                }
            }
            None
        }

        /// Everybody, one after the other, once `first` has ended.
        fn order(mut self, first: Place) -> Vec<&'static str> {
            let mut order = Vec::new();
            let mut last = first;
            while !self.0.is_empty() {
                drop(last);
                let (who, place) = self.served().unwrap();
                assert!(self.served().is_none(), "one at a time");
                order.push(who);
                last = place;
            }
            order
        }
    }

    #[tokio::test]
    async fn addresses_and_their_networks_take_turns() {
        let lines = Lines::new(1);
        let first = lines.place(&Turn::Ours).await;
        let waiting = Waiting::new(
            &lines,
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
            // What was verified before, then one of each network, first come, first served ...
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
        let state = lines.state();
        assert!(state.free == 1 && state.waiting.order.len() <= 4);
    }

    #[tokio::test]
    async fn what_was_verified_before_has_every_second_place() {
        let lines = Lines::new(1);
        let first = lines.place(&of("192.0.2.1")).await;
        let who = ["192.0.2.1", "192.0.2.1", "ours", "ours", "ours", "ours"];
        let order = Waiting::new(&lines, &who).order(first);
        assert_eq!(
            order,
            ["ours", "192.0.2.1", "ours", "192.0.2.1", "ours", "ours"]
        );
    }

    #[tokio::test]
    async fn one_address_has_all_places_while_nobody_else_waits() {
        let lines = Lines::new(2);
        let places = [
            lines.place(&of("192.0.2.1")).await,
            lines.place(&of("192.0.2.1")).await,
        ];
        let mut waiting = Waiting::new(&lines, &["192.0.2.1", "192.0.2.1"]);
        assert!(waiting.served().is_none());
        drop(places);
        let (_first, _second) = (waiting.served().unwrap(), waiting.served().unwrap());
    }

    #[tokio::test]
    async fn who_has_gone_takes_nobodys_turn() {
        let lines = Lines::new(1);
        let held = lines.place(&Turn::Ours).await;
        let mut gone = Waiting::new(&lines, &["192.0.2.1"; 50]);
        let sites: Vec<String> = (1..50).map(|site| format!("192.0.2.{site}")).collect();
        for site in &sites {
            let turn = of(site);
            assert!(lines.place(&turn).now_or_never().is_none());
        }
        gone.0.clear();
        let waiting = Waiting::new(&lines, &["198.51.100.1", "192.0.2.1", "198.51.100.1"]);
        let order = waiting.order(held);
        assert_eq!(order, ["192.0.2.1", "198.51.100.1", "198.51.100.1"]);
        assert!(lines.state().next().is_none());
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_line() {
        let lines = Lines::new(1);
        let first = lines.place(&Turn::Ours).await;
        let mut gone = Waiting::new(&lines, &["192.0.2.1", "192.0.2.1"]);
        let mut next = Waiting::new(&lines, &["192.0.2.1", "198.51.100.1"]);
        let given = {
            drop(first);
            // It was given a place, and goes away without having looked.
            gone.0.remove(0)
        };
        drop(gone);
        drop(given);
        assert_eq!(next.served().unwrap().0, "198.51.100.1");
        assert_eq!(next.served().unwrap().0, "192.0.2.1");
        assert_eq!(lines.state().free, 1);
    }
}
