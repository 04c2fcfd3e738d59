//! Sign-in: one browser, one provider, one state, once, in time.

use chrono::TimeDelta;
use rolecall_core::audit::{Actor, AuditEventKind};
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, State};
use rolecall_core::identity::ReadClaims;
use rolecall_core::sign_in::{
    BrowserSecrets, Callback, ProviderError, RejectReason, ReturnTo, SignInCompleted, SignInError,
};
use tokio::task::JoinSet;

use crate::fixture::{ACCESS, Fixture, callback_params, code, context, id, sign_in_request};

/// Checks that the sign-in failed with this code, that there is no session, and that the audit trail has the reason: in
/// an event of its own if the `state` was valid.
async fn assert_refused(
    fixture: &Fixture,
    ended: Result<SignInCompleted, SignInError>,
    provider: &str,
    why: &str,
) {
    let error = ended.expect_err("nobody is signed in");
    assert_eq!(error.code(), why);
    assert!(
        fixture.store.keys("session").is_empty(),
        "no session was made"
    );
    if why == "expired_state" {
        assert_eq!(fixture.take_refusals().await, [(why.to_owned(), 1)]);
        return;
    }
    let refused = AuditEventKind::SignInRefused {
        provider: Some(provider.to_owned()),
        reason: why.to_owned(),
    };
    assert_eq!(fixture.trail.take_only(), refused);
    assert!(fixture.take_refusals().await.is_empty());
}

#[tokio::test]
async fn sign_in_creates_session_and_returns() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let signed_in = fixture.complete("okta", &begun, "alice").await.unwrap();

    assert_eq!(
        signed_in.return_to.as_str(),
        "/console?account=777788889999"
    );
    let session = &signed_in.session;
    assert_eq!(session.identity.subject.as_str(), "subject-alice");
    assert_eq!(session.started_at, fixture.now());
    assert_eq!(session.client_info, context().client_info);
    let found = fixture
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
    assert_eq!(fixture.trail.take_only(), kind);
}

#[tokio::test]
async fn sign_in_audit_has_address_and_time() {
    let fixture = Fixture::new();
    fixture.sign_in("okta", "alice").await;
    let events = fixture.trail.take_events();
    assert_eq!(events[0].at, fixture.now());
    assert_eq!(events[0].address, context().client_info.address);
    assert_eq!(events[0].reference, context().reference);
    assert_eq!(
        events[0].user_agent.as_deref(),
        Some("other"),
        "a program and its version, and nothing else of the header"
    );
}

#[tokio::test]
async fn unknown_provider_is_rejected() {
    let fixture = Fixture::new();
    let unknown = id("nobody");
    let begun = fixture
        .gateway
        .sign_ins()
        .begin_sign_in(
            &context(),
            &unknown,
            BrowserSecrets::default(),
            sign_in_request(ReturnTo::portal()),
        )
        .await;
    assert!(matches!(begun, Err(SignInError::UnknownProvider)));

    let begun = fixture.begin("okta").await;
    let ended = fixture.complete("nobody", &begun, "alice").await;
    assert!(matches!(ended, Err(SignInError::UnknownProvider)));
    let refused = [("unknown_provider".to_owned(), 1)];
    assert_eq!(fixture.take_refusals().await, refused);
}

#[tokio::test]
async fn state_is_single_use() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let first = fixture.complete("okta", &begun, "alice").await.unwrap();
    fixture.trail.take();
    fixture.call_log.take();

    let error = fixture.complete("okta", &begun, "alice").await.unwrap_err();
    assert_eq!(error.code(), "expired_state");
    assert!(
        fixture.call_log.take().is_empty(),
        "the provider is not asked a second time, and no event is written"
    );
    assert!(fixture.is_live(&first).await, "the valid session remains");
}

#[tokio::test]
async fn unknown_state_is_rejected_before_provider() {
    let fixture = Fixture::new();
    let mut begun = fixture.begin("okta").await;
    begun.state = State::new("a-state-of-an-attacker");
    let ended = fixture.complete("okta", &begun, "alice").await;
    assert!(fixture.call_log.take().is_empty());
    assert_refused(&fixture, ended, "okta", "expired_state").await;
}

#[tokio::test]
async fn other_browser_consumes_the_state() {
    let fixture = Fixture::new();
    let victim = fixture.begin("okta").await;
    let mut attacker = victim.clone();
    attacker.browser = BrowserSecret::new("the attacker's own");
    let ended = fixture.complete("okta", &attacker, "alice").await;
    assert_refused(&fixture, ended, "okta", "other_browser").await;
    let ended = fixture.complete("okta", &victim, "alice").await;
    assert_refused(&fixture, ended, "okta", "expired_state").await;
}

#[tokio::test]
async fn missing_cookie_keeps_the_state() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let ended = fixture
        .gateway
        .sign_ins()
        .complete_sign_in(
            &context(),
            &id("okta"),
            &BrowserSecrets::default(),
            callback_params(&begun.state, code("alice")),
        )
        .await;
    assert_refused(&fixture, ended, "okta", "other_browser").await;
    assert!(fixture.complete("okta", &begun, "alice").await.is_ok());
}

#[tokio::test]
async fn response_at_another_callback_is_rejected() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let ended = fixture.complete("google", &begun, "alice").await;
    assert_refused(&fixture, ended, "google", "other_provider").await;
    assert!(
        !fixture
            .call_log
            .take()
            .iter()
            .any(|call| call.starts_with("complete")),
        "neither provider saw a code"
    );
}

#[tokio::test]
async fn pending_sign_in_expires_after_ten_minutes() {
    for (taken, why) in [
        (limits::SIGN_IN_MAX - TimeDelta::seconds(1), None),
        (limits::SIGN_IN_MAX, Some("expired_state")),
        (
            limits::SIGN_IN_MAX + TimeDelta::seconds(1),
            Some("expired_state"),
        ),
    ] {
        let fixture = Fixture::new();
        let begun = fixture.begin("okta").await;
        fixture.clock.advance(taken);
        let ended = fixture.complete("okta", &begun, "alice").await;
        match why {
            None => assert!(ended.is_ok(), "{taken}"),
            Some(why) => assert_refused(&fixture, ended, "okta", why).await,
        }
    }
}

#[tokio::test]
async fn clock_going_back_revives_no_state() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.clock.advance(limits::SIGN_IN_MAX);
    let late = fixture.complete("okta", &begun, "alice").await;
    assert_refused(&fixture, late, "okta", "expired_state").await;
    fixture.clock.advance(-limits::SIGN_IN_MAX);
    let again = fixture.complete("okta", &begun, "alice").await;
    assert_refused(&fixture, again, "okta", "expired_state").await;
}

#[tokio::test]
async fn provider_refusal_is_audited() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Signature, "canary-detail"));
    let ended = fixture.complete("okta", &begun, "alice").await;
    let shown = ended.as_ref().unwrap_err().to_string();
    assert!(!shown.contains("canary"), "details are for the log");
    assert_refused(&fixture, ended, "okta", "signature").await;
    let again = fixture.complete("okta", &begun, "alice").await;
    assert_refused(&fixture, again, "okta", "expired_state").await;
}

#[tokio::test]
async fn provider_outage_blocks_sign_in() {
    let fixture = Fixture::new();
    fixture
        .okta
        .fail_once(|| ProviderError::Unavailable("no route".into()));
    let begun = fixture.begin_in("okta", None).await;
    assert_eq!(begun.err().unwrap().code(), "provider_unavailable");
    assert!(
        fixture.store.keys("sign-in").is_empty(),
        "the state is consumed"
    );
    let refused = [("provider_unavailable".to_owned(), 1)];
    assert_eq!(fixture.take_refusals().await, refused);

    let begun = fixture.begin("okta").await;
    fixture
        .okta
        .fail_once(|| ProviderError::Unavailable("no route".into()));
    let ended = fixture.complete("okta", &begun, "alice").await;
    assert_refused(&fixture, ended, "okta", "provider_unavailable").await;
}

#[tokio::test]
async fn cancelled_sign_in_keeps_provider_error() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let cancelled = Callback::Error {
        error: "access_denied".to_owned(),
        description: None,
        iss: None,
    };
    let ended = fixture
        .gateway
        .sign_ins()
        .complete_sign_in(
            &context(),
            &id("okta"),
            &begun.secrets(),
            callback_params(&begun.state, cancelled),
        )
        .await;
    assert_refused(&fixture, ended, "okta", "access_denied").await;
}

#[tokio::test]
async fn two_tabs_sign_in_independently() {
    let fixture = Fixture::new();
    let first = fixture.begin("okta").await;
    let entry = Some(BrowserSecret::new(first.browser.expose()));
    let second = fixture.begin_in("google", entry).await.unwrap();
    assert_eq!(first.browser.expose(), second.browser.expose());
    assert_ne!(first.state.expose(), second.state.expose());
    assert!(fixture.complete("google", &second, "alice").await.is_ok());
    assert!(fixture.complete("okta", &first, "alice").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_100_callbacks_succeeds() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let mut callbacks = JoinSet::new();
    for _ in 0..100 {
        let (gateway, begun) = (fixture.gateway.clone(), begun.clone());
        callbacks.spawn(async move {
            let (at, secrets) = (id("okta"), begun.secrets());
            gateway
                .sign_ins()
                .complete_sign_in(
                    &context(),
                    &at,
                    &secrets,
                    callback_params(&begun.state, code("alice")),
                )
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
    let message = |why: &&str| ["expired_state", "rate_limited"].contains(why);
    assert!(lost.iter().all(message), "{lost:?}");
    let summary = fixture.take_refusals().await;
    assert_eq!(summary, [("expired_state".to_owned(), 99)]);
    assert_eq!(fixture.store.keys("session").len(), 1);
}

#[tokio::test]
async fn unread_claim_of_a_rule_blocks_sign_in() {
    let deny = r#"
        [[deny]]
        id = "contractors"
        who = { claims = { employment = ["contractor"] } }
        permission_sets = ["Plain"]
        "#;
    let fixture = Fixture::with_access(&format!("{ACCESS}{deny}"));
    let says = |sent: serde_json::Value| {
        fixture.okta.update_person("alice", |alice| {
            let read = ReadClaims::from_json(sent.as_object().unwrap());
            (alice.claims, alice.unread_claims) = read.into_parts();
        });
    };
    says(serde_json::json!({"employment": ["staff", {"kind": "contractor"}]}));
    let begun = fixture.begin("okta").await;
    let ended = fixture.complete("okta", &begun, "alice").await;
    let Err(SignInError::Provider(ProviderError::Rejected { detail, .. })) = &ended else {
        panic!("{ended:?}");
    };
    assert!(detail.contains("employment"), "{detail}");
    assert_refused(&fixture, ended, "okta", "claims").await;
    assert!(fixture.store.keys("session").is_empty());

    says(serde_json::json!({"employment": "staff", "address": [{"street": "x"}]}));
    let begun = fixture.begin("okta").await;
    assert!(fixture.complete("okta", &begun, "alice").await.is_ok());
}
