//! Rate limits for addresses: prefixes, and the maximum number of separate addresses.

use std::net::IpAddr;

use chrono::TimeDelta;
use rolecall_core::base::limits::{
    KNOWN_ADDRESS_LIFE, PENDING_MAX, PENDING_RESERVED_PER_ADDRESS, SIGN_IN_MAX,
};
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::record::rate_limit::{
    AddressSlots, LimitName, RateCounters, RateLimit, RateLimitError, RateLimits,
};
use rolecall_core::record::{Counter, Key};

use crate::fixture::Fixture;

const RATE: RateLimit = RateLimit::new(3, TimeDelta::minutes(1));

async fn takes(counters: &RateCounters, address: &str) -> bool {
    let address = match address {
        "" => None,
        address => Some(address.parse().unwrap()),
    };
    let taken = counters.acquire_for_address(LimitName::SignIn, RATE, address);
    taken.await.is_ok()
}

/// Adds pending sign-ins, or device authorizations, up to the maximum of the installation.
async fn fill(fixture: &Fixture, all: LimitName) {
    let digest = SecretDigest::of("rolecall/rate/v1", &[all.code().as_bytes(), b"all"]);
    let counter = Counter {
        key: Key::new("rate", digest),
        by: PENDING_MAX.into(),
        max: u32::MAX.into(),
        window: SIGN_IN_MAX,
    };
    let counted = fixture.records().count(&[counter]).await.unwrap();
    assert!(counted[0].added, "{counted:?}");
}

#[tokio::test]
async fn ipv6_prefixes_share_limits() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default());
    for host in 1..=3 {
        assert!(takes(&counters, &format!("2001:db8:1:1::{host}")).await);
    }
    assert!(
        !takes(&counters, "2001:db8:1:1:ffff::9").await,
        "the /64 is full"
    );
    assert!(takes(&counters, "2001:db8:1:2::1").await, "another /64");
    // The rejected request released the slot of the /48.
    for network in 3..29 {
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
async fn coarse_network_limit_is_100_times() {
    for networks in [
        |number: u32| format!("2001:db8:{number:x}::1"),
        |number: u32| format!("10.1.{}.{}", number / 200, number % 200),
    ] {
        let fixture = Fixture::new();
        let counters = RateCounters::new(fixture.records(), RateLimits::default());
        for number in 0..300 {
            assert!(takes(&counters, &networks(number)).await, "{number}");
        }
        for number in 300..400 {
            assert!(!takes(&counters, &networks(number)).await, "{number}");
        }
        assert!(takes(&counters, "2001:db9::1").await);
        assert!(takes(&counters, "10.2.0.1").await);
    }
}

#[tokio::test]
async fn unknown_addresses_share_a_limit() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default());
    for _ in 0..3 {
        assert!(takes(&counters, "").await);
    }
    assert!(!takes(&counters, "").await);
    assert!(takes(&counters, "10.0.0.1").await);
}

#[tokio::test]
async fn beyond_ceiling_networks_are_counted() {
    let fixture = Fixture::new();
    let counters =
        RateCounters::new(fixture.records(), RateLimits::default()).with_buckets_max(100);
    for host in 0..100 {
        assert!(takes(&counters, &format!("10.1.0.{host}")).await);
    }
    let before = fixture.store.numbers();
    // The limit of a /16 is a hundred times that of an address.
    for host in 0..200 {
        let address = format!("10.2.{host}.1");
        assert!(takes(&counters, &address).await, "{host}");
    }
    assert!(takes(&counters, "10.3.0.1").await);
    assert_eq!(fixture.store.numbers(), before + 2, "two /16");
    // Addresses of the other IP version are still counted separately.
    for host in 0..4 {
        assert_eq!(takes(&counters, "2001:db8::1").await, host < 3, "{host}");
    }
    fixture.clock.advance(RATE.window());
    for host in 0..4 {
        assert_eq!(
            takes(&counters, "10.2.0.1").await,
            host < 3,
            "single addresses again"
        );
    }
}

#[tokio::test]
async fn slots_acquired_before_ceiling_are_released_correctly() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default()).with_buckets_max(10);
    let (limit, address) = (LimitName::SignIn, Some("10.2.0.1".parse().unwrap()));
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(
            counters
                .acquire_for_address(limit, RATE, address)
                .await
                .unwrap(),
        );
    }
    for host in 1..=10 {
        assert!(takes(&counters, &format!("10.1.0.{host}")).await);
    }
    for one in taken {
        let given = counters.release_for_address(limit, RATE, &one).await;
        given.unwrap();
    }
    // The same number again, on a replica that has not reached the maximum.
    let other = RateCounters::new(fixture.records(), RateLimits::default());
    for place in 0..4 {
        assert_eq!(takes(&other, "10.2.0.1").await, place < 3, "{place}");
    }
}

#[tokio::test]
async fn pending_ceiling_leaves_a_reserve_per_address() {
    for (limit, all) in [
        (LimitName::SignIn, LimitName::PendingSignIns),
        (LimitName::DeviceAuthorization, LimitName::PendingDevices),
    ] {
        let fixture = Fixture::new();
        let counters = RateCounters::new(fixture.records(), RateLimits::default());
        let wide = RateLimit::new(1_000, RATE.window());
        fill(&fixture, all).await;
        let take = |address: &str| {
            let address = Some(address.parse().unwrap());
            counters.acquire_for_address(limit, wide, address)
        };
        let mut taken = None;
        for address in ["10.1.0.1", "10.9.0.1"] {
            for _ in 0..PENDING_RESERVED_PER_ADDRESS {
                taken = Some(take(address).await.unwrap());
            }
            let refused = take(address).await;
            assert!(
                matches!(&refused, Err(RateLimitError::Exceeded(exceeded)) if exceeded.limit == all),
                "{refused:?}"
            );
        }
        // A completed sign-in frees a slot.
        let taken = taken.unwrap();
        let given = counters.release_for_address(limit, wide, &taken).await;
        given.unwrap();
        assert!(take("10.9.0.1").await.is_ok());
        assert!(take("10.9.0.1").await.is_err());
    }
}

#[tokio::test]
async fn pending_ceiling_exempts_known_addresses() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default());
    let wide = RateLimit::new(1_000, RATE.window());
    let office: Option<IpAddr> = Some("10.1.0.1".parse().unwrap());
    let limit = LimitName::SignIn;
    let begun = counters.acquire_for_address(limit, wide, office).await;
    let begun = begun.unwrap();
    let completed = counters.release_completed_for_address(limit, wide, &begun);
    completed.await.unwrap();
    for (limit, all) in [
        (limit, LimitName::PendingSignIns),
        (LimitName::DeviceAuthorization, LimitName::PendingDevices),
    ] {
        fill(&fixture, all).await;
        for number in 0..wide.max() {
            let taken = counters.acquire_for_address(limit, wide, office).await;
            assert!(taken.is_ok(), "{number}: {taken:?}");
        }
        let refused = counters.acquire_for_address(limit, wide, office).await;
        assert!(matches!(&refused, Err(RateLimitError::Exceeded(own)) if own.limit == limit));
        // No sign-in from this address was completed.
        let unknown_client = Some("10.1.0.2".parse().unwrap());
        for number in 0..2 * PENDING_RESERVED_PER_ADDRESS {
            let taken = counters
                .acquire_for_address(limit, wide, unknown_client)
                .await;
            assert_eq!(
                taken.is_ok(),
                number < PENDING_RESERVED_PER_ADDRESS,
                "{number}"
            );
        }
    }
    fixture.clock.advance(KNOWN_ADDRESS_LIFE);
    fill(&fixture, LimitName::PendingSignIns).await;
    for number in 0..2 * PENDING_RESERVED_PER_ADDRESS {
        let taken = counters.acquire_for_address(limit, wide, office).await;
        assert_eq!(
            taken.is_ok(),
            number < PENDING_RESERVED_PER_ADDRESS,
            "{number}"
        );
    }
}

#[tokio::test]
async fn slot_is_not_released_to_a_later_window() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default());
    let (limit, address) = (LimitName::SignIn, Some("10.1.0.1".parse().unwrap()));
    let take = || counters.acquire_for_address(limit, RATE, address);
    let early = take().await.unwrap();
    fixture.clock.advance(RATE.window());
    let mut late = Vec::new();
    for _ in 0..RATE.max() {
        late.push(take().await.unwrap());
    }
    let given = counters.release_for_address(limit, RATE, &early);
    given.await.unwrap();
    assert!(
        take().await.is_err(),
        "the slot belongs to the first window"
    );
    let given = counters.release_for_address(limit, RATE, &late[0]);
    given.await.unwrap();
    assert!(take().await.is_ok());
}

/// Replicas of two versions share a store during a rolling upgrade.
#[tokio::test]
async fn slots_of_earlier_version_are_released() {
    let fixture = Fixture::new();
    let counters = RateCounters::new(fixture.records(), RateLimits::default());
    let (limit, address) = (LimitName::SignIn, Some("10.1.0.1".parse().unwrap()));
    let mut taken = None;
    for _ in 0..RATE.max() {
        taken = Some(counters.acquire_for_address(limit, RATE, address).await);
    }
    assert!(!takes(&counters, "10.1.0.1").await);
    let old: AddressSlots = serde_json::from_str(r#"{"address":"10.1.0.1"}"#).unwrap();
    let given = counters.release_for_address(limit, RATE, &old);
    given.await.unwrap();
    assert!(takes(&counters, "10.1.0.1").await);
    // The earlier version reads only these members.
    let written = serde_json::to_value(taken.unwrap().unwrap()).unwrap();
    assert_eq!(written["address"], "10.1.0.1");
    assert_eq!(written["coarse"], false);
}
