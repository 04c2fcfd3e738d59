//! The store or the trail fails at each step in turn: never a session, never a denial, never somebody signed out.

use std::sync::atomic::Ordering;

use rolecall_core::record::StoreError;
use rolecall_core::sign_in::SignInError;

use crate::world::World;

#[tokio::test]
async fn a_store_that_fails_at_any_step_signs_nobody_in() {
    for step in 0.. {
        let world = World::new();
        world.store.outage.break_after(step);
        let Ok(begun) = world.begin_in("okta", None).await else {
            assert!(step < 3, "beginning counts twice and writes once");
            continue;
        };
        let ended = world.complete("okta", &begun, "alice").await;
        world.store.outage.repair();
        match ended {
            Ok(signed_in) => {
                assert!(world.is_live(&signed_in).await);
                assert_eq!(
                    step,
                    world.store.outage.calls() - 3,
                    "the first with enough; the place that is given back at last holds nobody up"
                );
                break;
            }
            Err(error) => {
                assert!(
                    matches!(error, SignInError::Unavailable(StoreError::Unavailable(_))),
                    "step {step}: {error:?}"
                );
                // Nobody learned the secret; what is left of it is an entry that ends by itself.
                let again = world.begin("okta").await;
                assert!(world.complete("okta", &again, "alice").await.is_ok());
            }
        }
    }
}

#[tokio::test]
async fn a_trail_that_is_down_signs_nobody_in() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.trail.outage.break_after(0);
    let error = world.complete("okta", &begun, "alice").await.unwrap_err();
    assert!(matches!(error, SignInError::Unavailable(_)));
    assert!(world.store.keys("session").is_empty());
}

#[tokio::test]
async fn a_refused_sign_in_that_cannot_be_recorded_is_an_outage() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.trail.outage.break_after(0);
    let error = world.complete("google", &begun, "alice").await.unwrap_err();
    assert!(matches!(error, SignInError::Unavailable(_)));
    assert!(world.store.keys("session").is_empty());
}

#[tokio::test]
async fn an_outage_of_the_store_signs_nobody_out() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    for step in 0..2 {
        world.clock.advance(chrono::TimeDelta::minutes(2));
        world.store.outage.break_after(step);
        let found = world.gateway.sessions().session(&signed_in.secret).await;
        assert!(
            matches!(found, Err(StoreError::Unavailable(_))),
            "step {step}"
        );
        world.store.outage.repair();
    }
    assert!(world.is_live(&signed_in).await);
}

#[tokio::test]
async fn whether_it_is_ready_names_what_is_not() {
    let world = World::new();
    assert!(world.gateway.ready().await.is_ok());
    world.trail.outage.break_after(0);
    assert_eq!(world.gateway.ready().await.unwrap_err().0, "database");
    world.store.outage.break_after(0);
    assert_eq!(world.gateway.ready().await.unwrap_err().0, "store");
    let health = world.gateway.health().await;
    let faults: Vec<&str> = health.faults().map(|(part, _)| part).collect();
    assert_eq!(faults, ["store", "database"]);
}

/// Replicas share these faults, and most of the service works.
#[tokio::test]
async fn a_shared_store_that_is_read_only_and_a_shared_trail_that_is_down_keep_no_traffic_away() {
    let world = World::new();
    world.store.shared.store(true, Ordering::Relaxed);
    world.trail.shared.store(true, Ordering::Relaxed);
    world.store.read_only.store(true, Ordering::Relaxed);
    world.trail.outage.break_after(0);
    assert!(world.gateway.ready().await.is_ok());
    assert_eq!(world.gateway.health().await.faults().count(), 2);
    world.store.outage.break_after(0);
    assert_eq!(world.gateway.ready().await.unwrap_err().0, "store");
}

#[tokio::test]
async fn a_store_that_can_only_be_read_signs_nobody_out() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    world.store.read_only.store(true, Ordering::Relaxed);
    // Its use would be remembered now.
    world.clock.advance(chrono::TimeDelta::minutes(2));
    assert!(world.is_live(&signed_in).await);
}

#[tokio::test]
async fn nobody_is_sent_to_the_provider_while_the_trail_is_down() {
    let world = World::new();
    world.trail.outage.break_after(0);
    let begun = world.begin_in("okta", None).await;
    assert!(matches!(begun, Err(SignInError::Unavailable(_))));
    assert!(world.store.keys("sign-in").is_empty());
}
