//! Refusals: which of them cost an event, and which are summarised.

use rolecall_core::audit::AuditEventKind;

use super::*;
use crate::world::{context, word};

#[tokio::test]
async fn refusals_without_a_state_cost_neither_events_nor_trips_to_the_store() {
    let world = World::new();
    let office = context_from(OFFICE);
    exhaust(&world, &office).await;
    world.trail.take();
    world.store.take_verbs();
    for _ in 0..1_000 {
        let unsolicited = world
            .gateway
            .sign_ins()
            .complete_unsolicited_sign_in(&office, &id("okta"), saml(UNSIGNED))
            .await;
        assert!(exceeded(&unsolicited.unwrap_err()).is_some());
        for by in [OrderedBy::Navigation, OrderedBy::Frame] {
            let ordered = unsigned_order(&world.gateway, &office, by).await;
            assert_eq!(ordered.code(), "rate_limited");
        }
        let for_aws = world
            .gateway
            .issuer()
            .receive_for_aws(&office, &id("okta"), saml(UNSIGNED))
            .await;
        assert!(exceeded(&for_aws.unwrap_err()).is_some());
        assert!(
            world
                .gateway
                .clients()
                .admit_registration(&office)
                .await
                .is_err()
        );
    }
    assert!(world.store.take_verbs().is_empty());
    assert!(world.trail.take().is_empty());
    for _ in 0..1_000 {
        stray(&world.gateway, &office).await;
    }
    let verbs = world.store.take_verbs();
    assert!(
        verbs.keys().eq(&["take"]),
        "only whether the state is live: {verbs:?}"
    );
    assert!(world.trail.take().is_empty());
}

#[tokio::test]
async fn refusals_without_a_state_are_one_event_for_an_address_and_window() {
    let world = World::new();
    let office = context_from(OFFICE);
    for _ in 0..20 {
        stray(&world.gateway, &office).await;
    }
    stray(&world.gateway, &context_from("2001:db8::1")).await;
    let unreadable = world
        .gateway
        .sign_ins()
        .complete_sign_in(&context(), &id("okta"), None, None)
        .await;
    assert!(unreadable.is_err());
    let ordered = world
        .gateway
        .sign_ins()
        .sign_out_ordered(&office, &id("okta"), None, OrderedBy::Frame)
        .await;
    assert!(ordered.is_err());
    world.gateway.journal().write_refusals(false).await.unwrap();
    assert!(world.trail.take().is_empty(), "the window has not ended");
    world
        .clock
        .advance(rolecall_core::base::limits::REFUSALS_WINDOW);
    world.gateway.journal().write_refusals(false).await.unwrap();
    let mut events = world.trail.take_events();
    events.sort_by_key(|event| (word(&event.kind), event.address));
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let (AuditEventKind::SignInRefusals(summary)
            | AuditEventKind::SignOutRefusals(summary)) = &event.kind
            else {
                panic!("{event:?}");
            };
            let address = event.address.map(|address| address.to_string());
            let reasons: Vec<&str> = summary.reasons.keys().map(String::as_str).collect();
            (
                address,
                summary.from.as_deref().unwrap(),
                summary.refusals,
                reasons,
            )
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (None, "2001:db8::/64", 1, vec!["expired_state"]),
            (text("10.1.2.3"), "10.1.2.3", 1, vec!["unreadable"]),
            (text(OFFICE), OFFICE, 20, vec!["expired_state"]),
            (text(OFFICE), OFFICE, 1, vec!["unreadable"]),
        ]
    );
    world.gateway.journal().write_refusals(true).await.unwrap();
    assert!(world.trail.take().is_empty());
}

#[tokio::test]
async fn what_the_trail_does_not_take_is_kept() {
    let world = World::new();
    stray(&world.gateway, &context()).await;
    world.trail.outage.break_after(0);
    assert!(world.gateway.journal().write_refusals(true).await.is_err());
    world.trail.outage.repair();
    stray(&world.gateway, &context()).await;
    let summary = world.take_refusals().await;
    assert_eq!(summary, [("expired_state".to_owned(), 2)]);
}

#[tokio::test]
async fn a_live_state_without_its_browser_is_an_event_each_up_to_the_limit() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let max = u64::from(RateLimits::default().failures.max());
    for _ in 0..2 * max {
        let returned = back(&begun.state, code("alice"));
        let refused = world
            .gateway
            .sign_ins()
            .complete_sign_in(&context(), &id("okta"), None, returned)
            .await;
        assert!(
            matches!(refused, Err(SignInError::OtherBrowser)),
            "{refused:?}"
        );
    }
    let events = world.trail.take();
    assert_eq!(events.len() as u64, max);
    assert!(events.iter().all(|event| word(event) == "sign_in_refused"));
    let summary = world.take_refusals().await;
    assert_eq!(summary, [("other_browser".to_owned(), max)]);
    assert!(world.complete("okta", &begun, "alice").await.is_ok());
}
