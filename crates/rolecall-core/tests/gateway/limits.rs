//! Rate limits of the services: what counts, what is never limited, and the cost of an attack.

mod refusals;

use std::collections::VecDeque;

use chrono::TimeDelta;
use rolecall_core::audit::RequestContext;
use rolecall_core::base::secret::{BrowserSecret, SessionSecret, State};
use rolecall_core::gateway::Gateway;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName, RateLimits};
use rolecall_core::sign_in::{
    BrowserDelivery, BrowserSecrets, ReturnTo, SignInError, SignOutError,
};

use crate::fixture::{
    Fixture, PostResponse as _, UNSIGNED, callback_params, code, context_from, id, logout, plain,
    saml, sign_in_request,
};

pub const OFFICE: &str = "198.51.100.7";

fn second() -> TimeDelta {
    TimeDelta::seconds(1)
}

pub async fn begin(
    gateway: &Gateway,
    context: &RequestContext,
    session: Option<&SessionSecret>,
) -> Result<(), SignInError> {
    let secrets = BrowserSecrets {
        browser: None,
        session: session.cloned(),
    };
    let begun = gateway
        .sign_ins()
        .begin_sign_in(
            context,
            &id("okta"),
            secrets,
            sign_in_request(ReturnTo::portal()),
        )
        .await;
    begun.map(drop)
}

/// A callback with an unknown `state`.
pub async fn stray(gateway: &Gateway, context: &RequestContext) -> SignInError {
    let secrets = BrowserSecrets {
        browser: Some(BrowserSecret::new("somebody's")),
        session: None,
    };
    let returned = callback_params(&State::new("invented"), code("alice"));
    gateway
        .sign_ins()
        .complete_sign_in(context, &id("okta"), &secrets, returned)
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
        | SignInError::InteractionRequired(_)
        | SignInError::OtherPerson
        | SignInError::StepUp(_)
        | SignInError::Unavailable(_) => None,
    }
}

/// Exceeds every limit of an address.
async fn exhaust(fixture: &Fixture, context: &RequestContext) {
    let limits = RateLimits::default();
    while begin(&fixture.gateway, context, None).await.is_ok() {}
    for _ in 0..=limits.failures.max() {
        stray(&fixture.gateway, context).await;
    }
    while fixture
        .gateway
        .clients()
        .admit_registration(context)
        .await
        .is_ok()
    {}
    assert!(exceeded(&stray(&fixture.gateway, context).await).is_some());
    for by in [BrowserDelivery::Navigation, BrowserDelivery::Frame] {
        for _ in 0..=limits.failures.max() {
            unsigned_order(&fixture.gateway, context, by).await;
        }
    }
}

/// A logout request that fails verification.
pub async fn unsigned_order(
    gateway: &Gateway,
    context: &RequestContext,
    by: BrowserDelivery,
) -> SignOutError {
    let order = Some(logout(UNSIGNED));
    let okta = id("okta");
    let ordered = gateway
        .sign_ins()
        .handle_logout_request(context, &okta, order, by);
    ordered.await.unwrap_err()
}

#[tokio::test]
async fn three_thousand_people_sign_in_from_one_address() {
    const PEOPLE: usize = 3_000;
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    // All people at once; a rejected person retries after `Retry-After`. Each sign-in takes twenty seconds.
    let mut waiting: VecDeque<(usize, i64)> = (0..PEOPLE).map(|person| (person, 0)).collect();
    let mut at_provider = VecDeque::new();
    let mut signed_in = 0;
    for person in 0..PEOPLE {
        fixture.okta.update_person(&format!("p{person}"), |_| {});
    }
    for now in 0..300 {
        for _ in 0..waiting.len() {
            let (person, due) = waiting.pop_front().unwrap();
            if due > now {
                waiting.push_back((person, due));
                continue;
            }
            match fixture.begin_from("okta", &office, None).await {
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
            let completed = fixture
                .complete("okta", &begun, &format!("p{person}"))
                .await;
            completed.unwrap();
            signed_in += 1;
        }
        fixture.clock.advance(second());
    }
    assert_eq!(signed_in, PEOPLE);
}

#[tokio::test]
async fn completed_sign_in_releases_its_slot() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    let max = RateLimits::default().sign_in.max();
    for number in 0..max + 20 {
        let person = format!("p{number}");
        fixture.okta.update_person(&person, |_| {});
        let begun = fixture.begin_from("okta", &office, None).await.unwrap();
        fixture.complete("okta", &begun, &person).await.unwrap();
    }
    for number in 0..max {
        assert!(
            begin(&fixture.gateway, &office, None).await.is_ok(),
            "{number}"
        );
    }
    let refused = begin(&fixture.gateway, &office, None).await.unwrap_err();
    assert_eq!(exceeded(&refused).unwrap().limit, LimitName::SignIn);
    let elsewhere = context_from("198.51.100.8");
    assert!(begin(&fixture.gateway, &elsewhere, None).await.is_ok());
}

#[tokio::test]
async fn completed_saml_sign_in_releases_its_slot() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    for number in 0..RateLimits::default().sign_in.max() + 20 {
        let person = format!("p{number}");
        fixture.okta.update_person(&person, |_| {});
        let begun = fixture.begin_from("okta", &office, None).await.unwrap();
        let response = saml(&format!("{person} a{number} s1"));
        let (gateway, okta) = (&fixture.gateway, id("okta"));
        gateway
            .sign_ins()
            .post_response(&office, &okta, &begun.state, response)
            .await
            .unwrap();
        gateway
            .sign_ins()
            .complete_held_sign_in(&office, &okta, &begun.secrets(), begun.state.clone())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn retry_after_is_rest_of_window() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    while begin(&fixture.gateway, &office, None).await.is_ok() {}
    for left in (1..=60).rev() {
        let refused = begin(&fixture.gateway, &office, None).await.unwrap_err();
        let message = exceeded(&refused).unwrap().retry_after_seconds();
        assert!(message <= left && message >= 1, "{message} of {left}");
        fixture.clock.advance(second());
    }
    assert!(begin(&fixture.gateway, &office, None).await.is_ok());
}

#[tokio::test]
async fn live_session_is_never_rate_limited() {
    let fixture = Fixture::new();
    let office = context_from(OFFICE);
    let member = fixture.sign_in("okta", "alice").await;
    let begun = fixture.begin_from("okta", &office, None).await.unwrap();
    let by_saml = fixture.begin_from("okta", &office, None).await.unwrap();
    exhaust(&fixture, &office).await;

    let session = Some(&member.secret);
    assert!(begin(&fixture.gateway, &office, session).await.is_ok());
    let other = SessionSecret::new("of nobody");
    assert!(
        begin(&fixture.gateway, &office, Some(&other))
            .await
            .is_err()
    );
    let (gateway, okta) = (&fixture.gateway, id("okta"));
    let live = gateway
        .sign_ins()
        .complete_sign_in(
            &office,
            &okta,
            &begun.secrets(),
            callback_params(&begun.state, code("alice")),
        )
        .await;
    assert!(live.is_ok(), "a callback with a live state");
    let held = gateway
        .sign_ins()
        .post_response(&office, &okta, &by_saml.state, saml("bob a1 s1"))
        .await;
    assert!(held.is_ok(), "an ACS post with a live state");
    let fetched = gateway
        .sign_ins()
        .complete_held_sign_in(&office, &okta, &by_saml.secrets(), by_saml.state.clone())
        .await;
    assert!(fetched.is_ok());
    let issued = gateway
        .issuer()
        .credentials(&office, &member.session, &plain())
        .await;
    assert!(issued.is_ok(), "a live session");
}

#[tokio::test]
async fn replicas_share_rate_limits() {
    let fixture = Fixture::new();
    let second = fixture.replica();
    let office = context_from(OFFICE);
    let max = RateLimits::default().register.max();
    for number in 0..max {
        let gateway: &Gateway = if number % 2 == 0 {
            &fixture.gateway
        } else {
            &second
        };
        let admitted = gateway.clients().admit_registration(&office).await;
        assert!(admitted.is_ok(), "{number}");
    }
    for gateway in [&fixture.gateway as &Gateway, &second] {
        let refused = gateway
            .clients()
            .admit_registration(&office)
            .await
            .unwrap_err();
        assert_eq!(refused.limit, LimitName::Register);
    }
}
