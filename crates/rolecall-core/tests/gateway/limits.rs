//! Rate limits at the verbs: who is counted, who is never refused, and what a flood costs.

mod refusals;

use std::collections::VecDeque;

use chrono::TimeDelta;
use rolecall_core::audit::RequestContext;
use rolecall_core::base::secret::{BrowserSecret, SessionSecret, State};
use rolecall_core::gateway::Gateway;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName, RateLimits};
use rolecall_core::sign_in::{OrderedBy, ReturnTo, SignInError, SignOutError};

use crate::world::{UNSIGNED, World, back, code, context_from, id, logout, plain, saml, wish};

pub const OFFICE: &str = "198.51.100.7";

fn second() -> TimeDelta {
    TimeDelta::seconds(1)
}

pub async fn begin(
    gateway: &Gateway,
    context: &RequestContext,
    session: Option<&SessionSecret>,
) -> Result<(), SignInError> {
    let begun = gateway
        .sign_ins()
        .begin_sign_in(
            context,
            &id("okta"),
            None,
            session,
            wish(ReturnTo::portal()),
        )
        .await;
    begun.map(drop)
}

/// A callback with a `state` that nobody began.
pub async fn stray(gateway: &Gateway, context: &RequestContext) -> SignInError {
    let browser = BrowserSecret::new("somebody's");
    let returned = back(&State::new("invented"), code("alice"));
    gateway
        .sign_ins()
        .complete_sign_in(context, &id("okta"), Some(&browser), returned)
        .await
        .unwrap_err()
}

fn exceeded(error: &SignInError) -> Option<LimitExceeded> {
    match error {
        SignInError::RateLimited(exceeded) => Some(*exceeded),
        SignInError::UnknownProvider
        | SignInError::Unreadable
        | SignInError::Expired
        | SignInError::OtherBrowser
        | SignInError::OtherProvider
        | SignInError::Replayed
        | SignInError::Provider(_)
        | SignInError::EndedByProvider
        | SignInError::Unavailable(_) => None,
    }
}

/// Uses up every limit of an address.
async fn exhaust(world: &World, context: &RequestContext) {
    let limits = RateLimits::default();
    while begin(&world.gateway, context, None).await.is_ok() {}
    for _ in 0..=limits.failures.max() {
        stray(&world.gateway, context).await;
    }
    while world
        .gateway
        .clients()
        .admit_registration(context)
        .await
        .is_ok()
    {}
    assert!(exceeded(&stray(&world.gateway, context).await).is_some());
    for by in [OrderedBy::Navigation, OrderedBy::Frame] {
        for _ in 0..=limits.failures.max() {
            unsigned_order(&world.gateway, context, by).await;
        }
    }
}

/// An order to sign out that fails verification.
pub async fn unsigned_order(
    gateway: &Gateway,
    context: &RequestContext,
    by: OrderedBy,
) -> SignOutError {
    let order = Some(logout(UNSIGNED));
    let okta = id("okta");
    let ordered = gateway
        .sign_ins()
        .sign_out_ordered(context, &okta, order, by);
    ordered.await.unwrap_err()
}

#[tokio::test]
async fn three_thousand_people_behind_one_address_sign_in_within_five_minutes() {
    const PEOPLE: usize = 3_000;
    let world = World::new();
    let office = context_from(OFFICE);
    // All of them at once, and whoever is refused tries again when the page says so. Each takes twenty seconds.
    let mut waiting: VecDeque<(usize, i64)> = (0..PEOPLE).map(|person| (person, 0)).collect();
    let mut at_provider = VecDeque::new();
    let mut signed_in = 0;
    for person in 0..PEOPLE {
        world.okta.describe(&format!("p{person}"), |_| {});
    }
    for now in 0..300 {
        for _ in 0..waiting.len() {
            let (person, due) = waiting.pop_front().unwrap();
            if due > now {
                waiting.push_back((person, due));
                continue;
            }
            match world.begin_from("okta", &office, None).await {
                Ok(begun) => at_provider.push_back((now + 20, person, begun)),
                Err(error) => {
                    let wait = exceeded(&error).unwrap().retry_after_seconds();
                    waiting.push_back((person, now + i64::from(wait)));
                }
            }
        }
        while let Some((_, person, begun)) =
            at_provider.pop_front_if(|(done, ..): &mut (i64, usize, _)| *done <= now)
        {
            let completed = world.complete("okta", &begun, &format!("p{person}")).await;
            completed.unwrap();
            signed_in += 1;
        }
        world.clock.advance(second());
    }
    assert_eq!(signed_in, PEOPLE);
}

#[tokio::test]
async fn a_completed_sign_in_gives_its_place_back_and_an_abandoned_one_keeps_it() {
    let world = World::new();
    let office = context_from(OFFICE);
    let max = RateLimits::default().sign_in.max();
    for number in 0..max + 20 {
        let person = format!("p{number}");
        world.okta.describe(&person, |_| {});
        let begun = world.begin_from("okta", &office, None).await.unwrap();
        world.complete("okta", &begun, &person).await.unwrap();
    }
    for number in 0..max {
        assert!(
            begin(&world.gateway, &office, None).await.is_ok(),
            "{number}"
        );
    }
    let refused = begin(&world.gateway, &office, None).await.unwrap_err();
    assert_eq!(exceeded(&refused).unwrap().limit, LimitName::SignIn);
    let elsewhere = context_from("198.51.100.8");
    assert!(begin(&world.gateway, &elsewhere, None).await.is_ok());
}

#[tokio::test]
async fn a_sign_in_by_saml_gives_its_place_back_too() {
    let world = World::new();
    let office = context_from(OFFICE);
    for number in 0..RateLimits::default().sign_in.max() + 20 {
        let person = format!("p{number}");
        world.okta.describe(&person, |_| {});
        let begun = world.begin_from("okta", &office, None).await.unwrap();
        let response = saml(&format!("{person} a{number} s1"));
        let (gateway, okta) = (&world.gateway, id("okta"));
        gateway
            .sign_ins()
            .hold_response(&office, &okta, &begun.state, response)
            .await
            .unwrap();
        gateway
            .sign_ins()
            .complete_held_sign_in(&office, &okta, Some(&begun.browser), begun.state.clone())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_wait_is_the_rest_of_the_window_and_then_it_goes_on() {
    let world = World::new();
    let office = context_from(OFFICE);
    while begin(&world.gateway, &office, None).await.is_ok() {}
    for left in (1..=60).rev() {
        let refused = begin(&world.gateway, &office, None).await.unwrap_err();
        let told = exceeded(&refused).unwrap().retry_after_seconds();
        assert!(told <= left && told >= 1, "{told} of {left}");
        world.clock.advance(second());
    }
    assert!(begin(&world.gateway, &office, None).await.is_ok());
}

#[tokio::test]
async fn who_shows_something_live_is_never_refused() {
    let world = World::new();
    let office = context_from(OFFICE);
    let member = world.sign_in("okta", "alice").await;
    let begun = world.begin_from("okta", &office, None).await.unwrap();
    let by_saml = world.begin_from("okta", &office, None).await.unwrap();
    exhaust(&world, &office).await;

    let session = Some(&member.secret);
    assert!(begin(&world.gateway, &office, session).await.is_ok());
    let other = SessionSecret::new("of nobody");
    assert!(begin(&world.gateway, &office, Some(&other)).await.is_err());
    let (gateway, okta) = (&world.gateway, id("okta"));
    let live = gateway
        .sign_ins()
        .complete_sign_in(
            &office,
            &okta,
            Some(&begun.browser),
            back(&begun.state, code("alice")),
        )
        .await;
    assert!(live.is_ok(), "a callback with a live state");
    let held = gateway
        .sign_ins()
        .hold_response(&office, &okta, &by_saml.state, saml("bob a1 s1"))
        .await;
    assert!(held.is_ok(), "an ACS post with a live state");
    let browser = Some(&by_saml.browser);
    let fetched = gateway
        .sign_ins()
        .complete_held_sign_in(&office, &okta, browser, by_saml.state.clone())
        .await;
    assert!(fetched.is_ok());
    let issued = gateway
        .issuer()
        .credentials(&office, &member.session, &plain())
        .await;
    assert!(issued.is_ok(), "a live session");
}

#[tokio::test]
async fn two_replicas_count_together() {
    let world = World::new();
    let second = world.replica();
    let office = context_from(OFFICE);
    let max = RateLimits::default().register.max();
    for number in 0..max {
        let gateway: &Gateway = if number % 2 == 0 {
            &world.gateway
        } else {
            &second
        };
        let admitted = gateway.clients().admit_registration(&office).await;
        assert!(admitted.is_ok(), "{number}");
    }
    for gateway in [&world.gateway as &Gateway, &second] {
        let refused = gateway
            .clients()
            .admit_registration(&office)
            .await
            .unwrap_err();
        assert_eq!(refused.limit, LimitName::Register);
    }
}
