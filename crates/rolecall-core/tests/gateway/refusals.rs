//! What refusals cost: messages that are verified in vain, events of their own, places of sign-ins that did not begin.

use futures_util::future::join_all;
use rolecall_core::gateway::{OrderedBy, RequestContext, TokenError};
use rolecall_core::limits::{EARLY_POLLS_MAX, REFUSAL_EVENTS_MAX, REFUSALS_WINDOW, SLOW_LANE_MAX};
use rolecall_core::rate_limit::RateLimits;
use rolecall_core::secret::BrowserSecret;
use rolecall_core::sign_in::ProviderError;

use crate::clients::{poll, register, start};
use crate::limits::{OFFICE, begin, stray, unsigned_order};
use crate::world::{UNSIGNED, World, back, code, context, context_from, id, logout, saml};

#[tokio::test]
async fn messages_that_are_verified_in_vain_count_and_then_wait_for_their_turn() {
    let max = RateLimits::default().failures.max();
    for by in [OrderedBy::Navigation, OrderedBy::Frame] {
        let world = World::new();
        let gateway = &world.gateway;
        let office = context_from(OFFICE);
        for number in 0..max {
            let refused = unsigned_order(gateway, &office, by).await;
            assert_eq!(refused.reason(), "signature", "{number}");
        }
        let refused = unsigned_order(gateway, &office, by).await;
        assert_eq!(refused.reason(), "rate_limited");
        let verified = world.okta.verified();
        let flood = (0..500).map(|_| unsigned_order(gateway, &office, by));
        for refused in join_all(flood).await {
            assert_eq!(refused.reason(), "rate_limited");
        }
        assert_eq!(world.okta.verified(), verified + SLOW_LANE_MAX);
        assert_eq!(world.okta.most_at_once(), 1);
        // What the provider really says is heard.
        let (okta, order) = (id("okta"), Some(logout("subject-alice r1")));
        let ordered = gateway.sign_out_ordered(&office, &okta, order, by).await;
        ordered.unwrap();
    }
}

#[tokio::test]
async fn whatever_an_address_has_sent_the_providers_responses_are_taken() {
    let world = World::new();
    let gateway = &world.gateway;
    let (office, okta) = (context_from(OFFICE), id("okta"));
    for _ in 0..2 * RateLimits::default().failures.max() {
        let unsigned = gateway.complete_unsolicited_sign_in(&office, &okta, saml(UNSIGNED));
        assert!(unsigned.await.is_err());
        let begun = world.begin_from("okta", &office, None).await.unwrap();
        let held = gateway.hold_response(&office, &okta, &begun.state, saml(UNSIGNED));
        assert!(held.await.is_err());
    }
    let unsolicited = gateway.complete_unsolicited_sign_in(&office, &okta, saml("alice a1 s1"));
    unsolicited.await.unwrap();
    let for_aws = saml("alice a2 arn:aws:iam::1:role/x,arn:aws:iam::1:saml-provider/y");
    gateway
        .receive_for_aws(&office, &okta, for_aws)
        .await
        .unwrap();
    let begun = world.begin_from("okta", &office, None).await.unwrap();
    let held = gateway.hold_response(&office, &okta, &begun.state, saml("bob a3 s3"));
    held.await.unwrap();
}

#[tokio::test]
async fn refusals_that_cost_nothing_do_not_hold_up_a_message_of_the_provider() {
    let world = World::new();
    let office = context_from(OFFICE);
    let okta = id("okta");
    let gateway = &world.gateway;
    for _ in 0..2 * RateLimits::default().failures.max() {
        stray(gateway, &office).await;
        let unreadable = gateway.sign_out_ordered(&office, &okta, None, OrderedBy::Navigation);
        assert!(unreadable.await.is_err());
        // A frame of any page can do this.
        unsigned_order(gateway, &office, OrderedBy::Frame).await;
        world
            .okta
            .fail_once(|| ProviderError::Unavailable("down".into()));
        let outage = gateway.complete_unsolicited_sign_in(&office, &okta, saml("alice a1 s1"));
        assert_eq!(outage.await.unwrap_err().reason(), "provider_unavailable");
    }
    let unsolicited = gateway.complete_unsolicited_sign_in(&office, &okta, saml("alice a1 s1"));
    unsolicited.await.unwrap();
    let order = Some(logout("subject-alice r1"));
    let ordered = gateway.sign_out_ordered(&office, &okta, order, OrderedBy::Navigation);
    ordered.await.unwrap();
}

#[tokio::test]
async fn one_state_buys_three_verifications() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let okta = id("okta");
    for _ in 0..50 {
        let held = world
            .gateway
            .hold_response(&context(), &okta, &begun.state, saml(UNSIGNED))
            .await;
        assert!(held.is_err());
    }
    assert_eq!(world.okta.verified(), 3);
}

#[tokio::test]
async fn a_response_that_could_not_be_verified_is_none_of_the_three() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let okta = id("okta");
    let hold = || {
        let (gateway, state) = (&world.gateway, &begun.state);
        async {
            gateway
                .hold_response(&context(), &okta, state, saml("alice a1 s1"))
                .await
        }
    };
    for _ in 0..10 {
        let down = || ProviderError::Unavailable("down".into());
        world.okta.fail_once(down);
        assert_eq!(hold().await.unwrap_err().reason(), "provider_unavailable");
    }
    hold().await.unwrap();
}

#[tokio::test]
async fn refused_sign_ins_have_a_bounded_number_of_events() {
    let world = World::new();
    let max = RateLimits::default().failures.max();
    let refuse = async |context: &RequestContext| {
        let begun = world.begin_from("okta", context, None).await.unwrap();
        let returned = back(&begun.state, code("alice"));
        let other = BrowserSecret::new("of another browser");
        let browser = Some(&other);
        let okta = id("okta");
        let completed = world
            .gateway
            .complete_sign_in(context, &okta, browser, returned);
        assert!(completed.await.is_err());
    };
    let office = context_from(OFFICE);
    for _ in 0..max + 10 {
        refuse(&office).await;
    }
    assert_eq!(world.trail.take().len(), max as usize);
    assert_eq!(world.take_refusals().await.len(), 1);
    // Many addresses together have a bound as well.
    world.clock.advance(REFUSALS_WINDOW);
    for number in 0..30 {
        let other = context_from(&format!("203.0.113.{number}"));
        for _ in 0..max {
            refuse(&other).await;
        }
    }
    let events = world.trail.take().len();
    assert_eq!(events, REFUSAL_EVENTS_MAX as usize);
    let summarised: u64 = world
        .take_refusals()
        .await
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(summarised + events as u64, 30 * u64::from(max));
}

#[tokio::test]
async fn a_sign_in_that_could_not_begin_gives_its_place_back() {
    let world = World::new();
    let office = context_from(OFFICE);
    for _ in 0..2 * RateLimits::default().sign_in.max() {
        world
            .okta
            .fail_once(|| ProviderError::Unavailable("down".into()));
        let refused = begin(&world.gateway, &office, None).await.unwrap_err();
        assert_eq!(refused.reason(), "provider_unavailable");
    }
    begin(&world.gateway, &office, None).await.unwrap();
}

/// Whoever has a device code can poll without end.
#[tokio::test]
async fn polls_of_a_device_that_was_turned_away_write_nothing() {
    let world = World::new();
    let known = register(&world.gateway);
    let started = start(&world, &known).await;
    for _ in 0..2 * EARLY_POLLS_MAX {
        assert!(poll(&world, &known, &started).await.is_err());
    }
    world.store.take_verbs();
    for _ in 0..100 {
        let refused = poll(&world, &known, &started).await.unwrap_err();
        assert!(matches!(refused, TokenError::AccessDenied), "{refused:?}");
    }
    let verbs = world.store.take_verbs();
    assert!(verbs.keys().eq(&["get"]), "{verbs:?}");
}
