//! The store or the trail fails at each step in turn: nothing is allowed unseen, no token leaves unwritten, and an outage
//! costs nobody a good token.

use rolecall_core::record::StoreError;

use super::*;

#[tokio::test]
async fn consent_that_cannot_be_recorded_is_none() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    world.trail.outage.break_after(0);
    let error = decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap_err();
    assert!(matches!(error, ConsentError::Unavailable(_)));
    world.trail.outage.repair();
    assert!(matches!(
        poll(&world, &known, &started).await,
        Err(TokenError::AuthorizationPending)
    ));
}

#[tokio::test]
async fn tokens_that_cannot_be_recorded_do_not_leave() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    let code = code(&world, &known, &alice, "s").await;
    world.trail.outage.break_after(0);
    assert!(matches!(
        poll(&world, &known, &started).await,
        Err(TokenError::Unavailable(_))
    ));
    assert!(matches!(
        redeem(&world.gateway, &known, &code).await,
        Err(TokenError::Unavailable(_))
    ));
    assert!(world.store.keys("client-session").is_empty());
}

#[tokio::test]
async fn a_store_that_fails_at_any_step_lets_nobody_in_twice() {
    for step in 0.. {
        let world = World::new();
        let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
        let code = code(&world, &known, &alice, "s").await;
        world.store.outage.break_after(step);
        let first = redeem(&world.gateway, &known, &code).await;
        world.store.outage.repair();
        match first {
            Ok(tokens) => {
                assert!(opens(&world, &tokens).await);
                assert!(step > 3, "it takes more than {step} calls");
                break;
            }
            Err(error) => assert!(
                matches!(error, TokenError::Unavailable(StoreError::Unavailable(_))),
                "step {step}: {error:?}"
            ),
        }
        // Where the code had not been spent, trying again helps; in no case do two sessions come of it.
        let second = redeem(&world.gateway, &known, &code).await;
        let listed = world
            .gateway
            .sessions()
            .client_sessions(&alice)
            .await
            .unwrap();
        assert_eq!(listed.len(), usize::from(second.is_ok()), "step {step}");
    }
}

#[tokio::test]
async fn an_outage_costs_nobody_a_token() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let tokens = by_device(&world, &known, &alice).await;
    for step in 0..2 {
        world.store.outage.break_after(step);
        let found = world
            .gateway
            .sessions()
            .client_session(&tokens.access_token)
            .await;
        assert!(
            matches!(found, Err(StoreError::Unavailable(_))),
            "step {step}"
        );
        let refreshed = world
            .gateway
            .clients()
            .refresh(&context(), &known.id, &tokens.refresh_token)
            .await;
        assert!(
            matches!(refreshed, Err(TokenError::Unavailable(_))),
            "step {step}"
        );
        world.store.outage.repair();
    }
    world.store.outage.break_after(2);
    let refreshed = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await;
    assert!(
        matches!(refreshed, Err(TokenError::Unavailable(_))),
        "the rotation was not written"
    );
    world.store.outage.repair();
    assert!(opens(&world, &tokens).await);
    assert!(
        world
            .gateway
            .clients()
            .refresh(&context(), &known.id, &tokens.refresh_token)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_full_waiting_list_or_a_lost_one_stops_nobody() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    for key in world.store.keys("waiting") {
        world.store.remove(key);
    }
    decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    assert!(poll(&world, &known, &started).await.is_ok());
}
