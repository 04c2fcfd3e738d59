//! Counting against limits for addresses: prefixes, and the ceiling of what is told apart.

use chrono::TimeDelta;
use rolecall_core::rate_limit::{LimitName, RateCounters, RateLimit};

use crate::world::World;

const RATE: RateLimit = RateLimit::new(3, TimeDelta::minutes(1));

async fn takes(counters: &RateCounters, address: &str) -> bool {
    let address = match address {
        "" => None,
        address => Some(address.parse().unwrap()),
    };
    let taken = counters.take_for_address(LimitName::SignIn, RATE, address);
    taken.await.is_ok()
}

#[tokio::test]
async fn an_ipv6_network_of_64_bits_counts_as_one_and_one_of_48_as_ten() {
    let world = World::new();
    let counters = RateCounters::new(world.records());
    for host in 1..=3 {
        assert!(takes(&counters, &format!("2001:db8:1:1::{host}")).await);
    }
    assert!(
        !takes(&counters, "2001:db8:1:1:ffff::9").await,
        "the /64 is full"
    );
    assert!(takes(&counters, "2001:db8:1:2::1").await, "another /64");
    // The refused one took a place of the /48 as well.
    for network in 3..28 {
        let address = format!("2001:db8:1:{network:x}::1");
        assert!(takes(&counters, &address).await, "{address}");
    }
    assert!(
        !takes(&counters, "2001:db8:1:ffff::1").await,
        "the /48 is full"
    );
    assert!(takes(&counters, "2001:db8:2::1").await, "another /48");
    assert!(takes(&counters, "10.0.0.1").await);
}

#[tokio::test]
async fn addresses_that_are_not_known_count_together() {
    let world = World::new();
    let counters = RateCounters::new(world.records());
    for _ in 0..3 {
        assert!(takes(&counters, "").await);
    }
    assert!(!takes(&counters, "").await);
    assert!(takes(&counters, "10.0.0.1").await);
}

#[tokio::test]
async fn beyond_the_ceiling_networks_count_in_place_of_addresses() {
    let world = World::new();
    let counters = RateCounters::new(world.records()).with_buckets_max(100);
    for host in 0..100 {
        assert!(takes(&counters, &format!("10.1.0.{host}")).await);
    }
    let before = world.store.numbers();
    // A /16 has ten times the places of an address.
    for host in 0..30 {
        assert!(takes(&counters, &format!("10.2.{host}.1")).await, "{host}");
    }
    assert!(!takes(&counters, "10.2.200.200").await);
    assert!(takes(&counters, "10.3.0.1").await);
    for network in 0..500 {
        takes(&counters, &format!("2001:db8:{network:x}::1")).await;
    }
    assert_eq!(world.store.numbers(), before + 3, "two /16 and one /32");
    world.clock.advance(RATE.window());
    for host in 0..4 {
        assert_eq!(
            takes(&counters, "10.2.0.1").await,
            host < 3,
            "single addresses again"
        );
    }
}
