//! What clients hold: listed to its owner, ended one by one or all at once, and never beyond the provider's own place in
//! the configuration.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::sign_in::OrderedBy;

use super::*;
use crate::world::{id, logout, saml};

#[tokio::test]
async fn their_owner_sees_them_newest_first_and_ends_one() {
    let world = World::new();
    let known = register(&world.gateway);
    let (alice, bob) = (
        world.session_of("alice").await,
        world.session_of("bob").await,
    );
    let (first, second) = (
        by_device(&world, &known, &alice).await,
        by_device(&world, &known, &alice).await,
    );
    let his = by_device(&world, &known, &bob).await;
    let listed = world
        .gateway
        .sessions()
        .client_sessions(&alice)
        .await
        .unwrap();
    let of = |tokens: &ClientTokens| {
        let (gateway, token) = (world.gateway.clone(), tokens.access_token.clone());
        async move {
            gateway
                .sessions()
                .client_session(&token)
                .await
                .unwrap()
                .unwrap()
                .id
        }
    };
    let names: Vec<_> = listed.iter().map(|one| one.id).collect();
    assert_eq!(names, [of(&second).await, of(&first).await]);
    assert_eq!(
        world
            .gateway
            .sessions()
            .browser_sessions(&alice)
            .await
            .unwrap()
            .len(),
        1,
        "browsers are listed by themselves"
    );

    let name = of(&first).await.to_string();
    world
        .gateway
        .sessions()
        .end_session(&context(), &bob, &name)
        .await
        .unwrap();
    assert!(opens(&world, &first).await, "it is not bob's to end");
    world.trail.take();
    world
        .gateway
        .sessions()
        .end_session(&context(), &alice, &name)
        .await
        .unwrap();
    assert!(
        !opens(&world, &first).await && opens(&world, &second).await && opens(&world, &his).await
    );
    let kind = world.trail.take_only();
    assert!(
        matches!(
            &kind,
            AuditEventKind::SignedOut { session, reason, .. }
                if *session == name && reason == "ended_by_owner"
        ),
        "{kind:?}"
    );
    assert_eq!(
        world
            .gateway
            .sessions()
            .client_sessions(&alice)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_client_signs_itself_out() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let tokens = by_device(&world, &known, &alice).await;
    world.trail.take();
    for _ in 0..2 {
        world
            .gateway
            .sessions()
            .end_client_session(&context(), &tokens.access_token)
            .await
            .unwrap();
    }
    assert!(!opens(&world, &tokens).await);
    let refreshed = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
    let kind = world.trail.take_only();
    assert!(
        matches!(&kind, AuditEventKind::SignedOut { reason, .. } if reason == "client_sign_out"),
        "{kind:?}"
    );
}

#[tokio::test]
async fn ending_all_others_ends_them_listed_or_not() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.session_of("alice").await;
    let (listed, lost) = (
        by_device(&world, &known, &alice).await,
        by_device(&world, &known, &alice).await,
    );
    for key in world.store.keys("client-session-index") {
        world.store.remove(key);
    }
    let started = start(&world, &known).await;
    decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &alice)
        .await
        .unwrap();
    assert!(!opens(&world, &listed).await && !opens(&world, &lost).await);
    assert!(
        matches!(
            poll(&world, &known, &started).await,
            Err(TokenError::AccessDenied)
        ),
        "allowed before"
    );
    assert!(
        opens(&world, &by_device(&world, &known, &alice).await).await,
        "allowed after"
    );
}

#[tokio::test]
async fn the_oldest_ends_when_there_are_too_many() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let mut all = Vec::new();
    for number in 0..=limits::CLIENT_SESSIONS_PER_SUBJECT_MAX {
        world.clock.advance(minutes(2));
        all.push(code(&world, &known, &alice, &number.to_string()).await);
        let redeemed = redeem(&world.gateway, &known, all.last().unwrap())
            .await
            .unwrap();
        if number == 0 {
            assert!(opens(&world, &redeemed).await);
        }
    }
    let listed = world
        .gateway
        .sessions()
        .client_sessions(&alice)
        .await
        .unwrap();
    assert_eq!(listed.len(), limits::CLIENT_SESSIONS_PER_SUBJECT_MAX);
    let ended = world.trail.take().into_iter().filter(
        |one| matches!(one, AuditEventKind::SignedOut { reason, .. } if reason == "too_many"),
    );
    assert_eq!(ended.count(), 1);
}

#[tokio::test]
async fn a_provider_that_is_gone_takes_its_people_s_clients_along() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let tokens = by_device(&world, &known, &alice).await;
    let without = world.without_okta();
    assert!(
        without
            .sessions()
            .client_session(&tokens.access_token)
            .await
            .unwrap()
            .is_none()
    );
    let refreshed = without
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
    assert!(opens(&world, &tokens).await);
}

#[tokio::test]
async fn a_provider_s_order_ends_what_stands_on_its_word() {
    let world = World::new();
    let known = register(&world.gateway);
    let sign_in = |response: &'static str| {
        let gateway = world.gateway.clone();
        async move {
            let signed_in = gateway
                .sign_ins()
                .complete_unsolicited_sign_in(&context(), &id("okta"), saml(response))
                .await;
            signed_in.unwrap().session
        }
    };
    let named = by_device(&world, &known, &sign_in("alice a1 s1").await).await;
    let other = by_device(&world, &known, &sign_in("alice a2 s2").await).await;
    let bob = by_device(&world, &known, &sign_in("bob a3 s1").await).await;
    world
        .gateway
        .sign_ins()
        .sign_out_ordered(
            &context(),
            &id("okta"),
            Some(logout("subject-alice r1 s1")),
            OrderedBy::Navigation,
        )
        .await
        .unwrap();
    assert!(!opens(&world, &named).await);
    assert!(opens(&world, &other).await && opens(&world, &bob).await);
}

#[tokio::test]
async fn an_administrator_ends_everything_of_one_person_s() {
    let world = World::new();
    let known = register(&world.gateway);
    let (alice, bob) = (
        world.sign_in("okta", "alice").await,
        world.sign_in("okta", "bob").await,
    );
    let listed = by_device(&world, &known, &alice.session).await;
    let his = by_device(&world, &known, &bob.session).await;
    for key in world.store.keys("session-index") {
        world.store.remove(key);
    }
    let started = start(&world, &known).await;
    decide(
        &world,
        &alice.session,
        &answer(&started, ConsentChoice::Allow),
    )
    .await
    .unwrap();
    let who = &alice.session.identity;
    world
        .gateway
        .sessions()
        .end_person(&who.provider, &who.subject)
        .await
        .unwrap();
    assert!(!opens(&world, &listed).await && !world.is_live(&alice).await);
    let redeemed = poll(&world, &known, &started).await;
    assert!(matches!(redeemed, Err(TokenError::AccessDenied)));
    assert!(opens(&world, &his).await && world.is_live(&bob).await);
    assert!(world.is_live(&world.sign_in("okta", "alice").await).await);
}
