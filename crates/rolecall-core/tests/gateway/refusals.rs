//! What refusals cost: messages that are verified in vain, events of their own, places of sign-ins that did not begin.

use rolecall_core::gateway::{OrderedBy, RequestContext};
use rolecall_core::limits::{REFUSAL_EVENTS_MAX, REFUSALS_WINDOW};
use rolecall_core::rate_limit::RateLimits;
use rolecall_core::secret::BrowserSecret;
use rolecall_core::sign_in::ProviderError;

use crate::limits::{OFFICE, begin, stray, unsigned_order};
use crate::world::{UNSIGNED, World, back, code, context, context_from, id, logout, saml};

#[tokio::test]
async fn every_message_that_is_verified_in_vain_counts() {
    let max = RateLimits::default().failures.max();
    for by in [OrderedBy::Navigation, OrderedBy::Frame] {
        let world = World::new();
        let office = context_from(OFFICE);
        for number in 0..max {
            let refused = unsigned_order(&world.gateway, &office, by).await;
            assert_eq!(refused.reason(), "signature", "{number}");
        }
        unsigned_order(&world.gateway, &office, by).await;
        let verified = world.okta.verified();
        for _ in 0..10 {
            let refused = unsigned_order(&world.gateway, &office, by).await;
            assert_eq!(refused.reason(), "rate_limited");
        }
        assert_eq!(world.okta.verified(), verified, "nothing more is verified");
    }
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
