//! Signing in: one browser, one provider, one state, once, in time.

use chrono::TimeDelta;
use rolecall_core::audit::{Actor, AuditEventKind};
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, State};
use rolecall_core::identity::ReadClaims;
use rolecall_core::sign_in::{
    Callback, ProviderError, RejectReason, ReturnTo, SignInCompleted, SignInError,
};
use tokio::task::JoinSet;

use crate::world::{ACCESS, World, back, code, context, id, wish};

/// The sign-in ended in this, nobody has a session, and the trail says why: in an event of its own where a live `state`
/// was shown.
async fn assert_refused(
    world: &World,
    ended: Result<SignInCompleted, SignInError>,
    provider: &str,
    why: &str,
) {
    let error = ended.expect_err("nobody is signed in");
    assert_eq!(error.code(), why);
    assert!(
        world.store.keys("session").is_empty(),
        "no session was made"
    );
    if why == "expired_state" {
        assert_eq!(world.take_refusals().await, [(why.to_owned(), 1)]);
        return;
    }
    let refused = AuditEventKind::SignInRefused {
        provider: Some(provider.to_owned()),
        reason: why.to_owned(),
    };
    assert_eq!(world.trail.take_only(), refused);
    assert!(world.take_refusals().await.is_empty());
}

#[tokio::test]
async fn a_sign_in_ends_in_a_session_where_it_was_going() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let signed_in = world.complete("okta", &begun, "alice").await.unwrap();

    assert_eq!(
        signed_in.return_to.as_str(),
        "/console?account=777788889999"
    );
    let session = &signed_in.session;
    assert_eq!(session.identity.subject.as_str(), "subject-alice");
    assert_eq!(session.started_at, world.now());
    assert_eq!(session.origin, context().origin);
    let found = world
        .gateway
        .sessions()
        .session(&signed_in.secret)
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, session.id);
    let kind = AuditEventKind::SignedIn {
        actor: Actor::from(&session.identity),
        session: session.id.to_string(),
        mfa: false,
        unsolicited: false,
    };
    assert_eq!(world.trail.take_only(), kind);
}

#[tokio::test]
async fn the_trail_knows_from_where_and_when() {
    let world = World::new();
    world.sign_in("okta", "alice").await;
    let events = world.trail.take_events();
    assert_eq!(events[0].at, world.now());
    assert_eq!(events[0].address, context().origin.address);
    assert_eq!(events[0].reference, context().reference);
    assert_eq!(
        events[0].user_agent.as_deref(),
        Some("other"),
        "a program and its version, and nothing else of the header"
    );
}

#[tokio::test]
async fn an_unknown_provider_begins_and_completes_nothing() {
    let world = World::new();
    let nobody = id("nobody");
    let begun = world
        .gateway
        .sign_ins()
        .begin_sign_in(&context(), &nobody, None, None, wish(ReturnTo::portal()))
        .await;
    assert!(matches!(begun, Err(SignInError::UnknownProvider)));

    let begun = world.begin("okta").await;
    let ended = world.complete("nobody", &begun, "alice").await;
    assert!(matches!(ended, Err(SignInError::UnknownProvider)));
    let refused = [("unknown_provider".to_owned(), 1)];
    assert_eq!(world.take_refusals().await, refused);
}

#[tokio::test]
async fn a_state_is_spent_by_the_sign_in_it_ends() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let first = world.complete("okta", &begun, "alice").await.unwrap();
    world.trail.take();
    world.journal.take();

    let error = world.complete("okta", &begun, "alice").await.unwrap_err();
    assert_eq!(error.code(), "expired_state");
    assert!(
        world.journal.take().is_empty(),
        "the provider is not asked a second time, and no event is written"
    );
    assert!(world.is_live(&first).await, "the honest session lives on");
}

#[tokio::test]
async fn a_state_that_nobody_began_is_refused_before_the_provider_is_asked() {
    let world = World::new();
    let mut begun = world.begin("okta").await;
    begun.state = State::new("a-state-of-an-attacker");
    let ended = world.complete("okta", &begun, "alice").await;
    assert!(world.journal.take().is_empty());
    assert_refused(&world, ended, "okta", "expired_state").await;
}

#[tokio::test]
async fn another_browser_cannot_end_it_and_neither_can_the_first_one_then() {
    let world = World::new();
    let victim = world.begin("okta").await;
    let mut attacker = victim.clone();
    attacker.browser = BrowserSecret::new("the attacker's own");
    let ended = world.complete("okta", &attacker, "alice").await;
    assert_refused(&world, ended, "okta", "other_browser").await;
    let ended = world.complete("okta", &victim, "alice").await;
    assert_refused(&world, ended, "okta", "expired_state").await;
}

#[tokio::test]
async fn without_a_cookie_nothing_ends_and_nothing_is_spent() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let ended = world
        .gateway
        .sign_ins()
        .complete_sign_in(
            &context(),
            &id("okta"),
            None,
            back(&begun.state, code("alice")),
        )
        .await;
    assert_refused(&world, ended, "okta", "other_browser").await;
    assert!(world.complete("okta", &begun, "alice").await.is_ok());
}

#[tokio::test]
async fn an_answer_at_another_providers_callback_is_a_mix_up() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let ended = world.complete("google", &begun, "alice").await;
    assert_refused(&world, ended, "google", "other_provider").await;
    assert!(
        !world
            .journal
            .take()
            .iter()
            .any(|call| call.starts_with("complete")),
        "neither provider saw a code"
    );
}

#[tokio::test]
async fn ten_minutes_are_enough_to_the_second() {
    for (taken, why) in [
        (limits::SIGN_IN_MAX - TimeDelta::seconds(1), None),
        (limits::SIGN_IN_MAX, Some("expired_state")),
        (
            limits::SIGN_IN_MAX + TimeDelta::seconds(1),
            Some("expired_state"),
        ),
    ] {
        let world = World::new();
        let begun = world.begin("okta").await;
        world.clock.advance(taken);
        let ended = world.complete("okta", &begun, "alice").await;
        match why {
            None => assert!(ended.is_ok(), "{taken}"),
            Some(why) => assert_refused(&world, ended, "okta", why).await,
        }
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_brings_no_spent_state_back() {
    let world = World::new();
    let begun = world.begin("okta").await;
    world.clock.advance(limits::SIGN_IN_MAX);
    let late = world.complete("okta", &begun, "alice").await;
    assert_refused(&world, late, "okta", "expired_state").await;
    world.clock.advance(-limits::SIGN_IN_MAX);
    let again = world.complete("okta", &begun, "alice").await;
    assert_refused(&world, again, "okta", "expired_state").await;
}

#[tokio::test]
async fn every_no_of_a_provider_is_audited_by_its_reason_and_spends_the_state() {
    let rejected = |reason| move || ProviderError::rejected(reason, "canary-detail");
    for reason in [
        RejectReason::Issuer,
        RejectReason::Audience,
        RejectReason::Signature,
        RejectReason::Algorithm,
        RejectReason::Malformed,
        RejectReason::Nonce,
        RejectReason::Expired,
        RejectReason::NotYetValid,
        RejectReason::Subject,
        RejectReason::AccessTokenHash,
        RejectReason::HostedDomain,
        RejectReason::NotFresh,
        RejectReason::TooManyGroups,
        RejectReason::Claims,
        RejectReason::Code,
    ] {
        let world = World::new();
        let begun = world.begin("okta").await;
        world.okta.fail_once(rejected(reason));
        let ended = world.complete("okta", &begun, "alice").await;
        let shown = ended.as_ref().unwrap_err().to_string();
        assert!(!shown.contains("canary"), "details are for the log");
        assert_refused(&world, ended, "okta", reason.code()).await;
        let again = world.complete("okta", &begun, "alice").await;
        assert_refused(&world, again, "okta", "expired_state").await;
    }
}

#[tokio::test]
async fn a_provider_that_is_down_signs_nobody_in() {
    let world = World::new();
    world
        .okta
        .fail_once(|| ProviderError::Unavailable("no route".into()));
    let begun = world.begin_in("okta", None).await;
    assert_eq!(begun.err().unwrap().code(), "provider_unavailable");
    assert!(
        world.store.keys("sign-in").is_empty(),
        "nothing to come back to"
    );
    let refused = [("provider_unavailable".to_owned(), 1)];
    assert_eq!(world.take_refusals().await, refused);

    let begun = world.begin("okta").await;
    world
        .okta
        .fail_once(|| ProviderError::Unavailable("no route".into()));
    let ended = world.complete("okta", &begun, "alice").await;
    assert_refused(&world, ended, "okta", "provider_unavailable").await;
}

#[tokio::test]
async fn a_person_who_cancels_is_refused_in_the_providers_word() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let cancelled = Callback::Error {
        error: "access_denied".to_owned(),
        description: None,
        iss: None,
    };
    let ended = world
        .gateway
        .sign_ins()
        .complete_sign_in(
            &context(),
            &id("okta"),
            Some(&begun.browser),
            back(&begun.state, cancelled),
        )
        .await;
    assert_refused(&world, ended, "okta", "access_denied").await;
}

#[tokio::test]
async fn two_tabs_of_one_browser_sign_in_side_by_side() {
    let world = World::new();
    let first = world.begin("okta").await;
    let kept = Some(BrowserSecret::new(first.browser.expose()));
    let second = world.begin_in("google", kept).await.unwrap();
    assert_eq!(first.browser.expose(), second.browser.expose());
    assert_ne!(first.state.expose(), second.state.expose());
    assert!(world.complete("google", &second, "alice").await.is_ok());
    assert!(world.complete("okta", &first, "alice").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_callbacks_with_one_state_one_wins() {
    let world = World::new();
    let begun = world.begin("okta").await;
    let mut callbacks = JoinSet::new();
    for _ in 0..100 {
        let (gateway, begun) = (world.gateway.clone(), begun.clone());
        callbacks.spawn(async move {
            let (at, browser) = (id("okta"), Some(&begun.browser));
            gateway
                .sign_ins()
                .complete_sign_in(&context(), &at, browser, back(&begun.state, code("alice")))
                .await
                .map_err(|error| error.code())
        });
    }
    let ended = callbacks.join_all().await;
    let lost: Vec<_> = ended
        .iter()
        .filter_map(|one| one.as_ref().err())
        .copied()
        .collect();
    assert_eq!(lost.len(), 99);
    let told = |why: &&str| ["expired_state", "rate_limited"].contains(why);
    assert!(lost.iter().all(told), "{lost:?}");
    let summary = world.take_refusals().await;
    assert_eq!(summary, [("expired_state".to_owned(), 99)]);
    assert_eq!(world.store.keys("session").len(), 1);
}

#[tokio::test]
async fn a_claim_that_rules_name_and_nobody_can_read_refuses_the_sign_in() {
    let deny = r#"
        [[deny]]
        id = "contractors"
        who = { claims = { employment = ["contractor"] } }
        permission_sets = ["Plain"]
        "#;
    let world = World::with_access(&format!("{ACCESS}{deny}"));
    let says = |sent: serde_json::Value| {
        world.okta.describe("alice", |alice| {
            let read = ReadClaims::from_json(sent.as_object().unwrap());
            (alice.claims, alice.unread_claims) = read.into_parts();
        });
    };
    says(serde_json::json!({"employment": ["staff", {"kind": "contractor"}]}));
    let begun = world.begin("okta").await;
    let ended = world.complete("okta", &begun, "alice").await;
    let Err(SignInError::Provider(ProviderError::Rejected { detail, .. })) = &ended else {
        panic!("{ended:?}");
    };
    assert!(detail.contains("employment"), "{detail}");
    assert_refused(&world, ended, "okta", "claims").await;
    assert!(world.store.keys("session").is_empty());

    says(serde_json::json!({"employment": "staff", "address": [{"street": "x"}]}));
    let begun = world.begin("okta").await;
    assert!(world.complete("okta", &begun, "alice").await.is_ok());
}
