//! Single logout: requests of the provider, and its responses to requests of the gateway.

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::State;
use rolecall_core::clients::ConsentChoice;
use rolecall_core::sign_in::{
    BrowserDelivery, Challenge, ProviderError, RejectReason, SignInCompleted, SignInError,
    SignOutError,
};

use crate::clients;
use crate::fixture::{Fixture, PostResponse as _, context, event_name, id, logout, saml};

impl Fixture {
    async fn by_saml(&self, response: &str) -> SignInCompleted {
        self.gateway
            .sign_ins()
            .post_unsolicited(&context(), &id("okta"), saml(response))
            .await
            .unwrap()
    }

    /// Signs out. Returns the state for the response of the provider.
    async fn leaves(&self, person: &SignInCompleted) -> State {
        let challenge = self
            .gateway
            .sign_ins()
            .sign_out(&context(), &person.session, &person.secret)
            .await
            .unwrap();
        let Some(Challenge::Redirect(url)) = challenge.upstream else {
            panic!("the provider supports sign-out");
        };
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        State::new(state.1)
    }

    async fn sees_no_session_of(&self, person: &str) -> bool {
        self.clock.advance(TimeDelta::seconds(1));
        let later = self.by_saml(&format!("{person} later later")).await;
        let sessions = self
            .gateway
            .sessions()
            .browser_sessions(&later.session)
            .await
            .unwrap();
        sessions.len() == 1
    }

    async fn ordered(&self, order: &str) -> Result<Option<Challenge>, SignOutError> {
        self.gateway
            .sign_ins()
            .handle_logout_request(
                &context(),
                &id("okta"),
                Some(logout(order)),
                BrowserDelivery::Navigation,
            )
            .await
    }
}

#[tokio::test]
async fn logout_request_ends_named_sessions() {
    let fixture = Fixture::new();
    let first = fixture.by_saml("alice a1 s1").await;
    let second = fixture.by_saml("alice a2 s2").await;
    let bob = fixture.by_saml("bob a3 s1").await;
    let oidc = fixture.sign_in("okta", "alice").await;
    fixture.trail.take();

    let answer = fixture.ordered("subject-alice r1 s1").await.unwrap();
    let Some(Challenge::Redirect(url)) = answer else {
        panic!("the provider gets a response");
    };
    assert_eq!(url.as_str(), "https://idp.example/done?to=r1");
    assert!(!fixture.is_live(&first).await);
    for other in [&second, &bob, &oidc] {
        assert!(fixture.is_live(other).await);
    }
    let kind = fixture.trail.take_only();
    let AuditEventKind::SignedOut {
        session, reason, ..
    } = kind
    else {
        panic!("{kind:?}");
    };
    assert_eq!(session, first.session.id.to_string());
    assert_eq!(reason, "ended_by_provider");
}

#[tokio::test]
async fn logout_request_without_index_ends_all() {
    let fixture = Fixture::new();
    let sessions = [
        fixture.by_saml("alice a1 s1").await,
        fixture.by_saml("alice a2 s2").await,
    ];
    let bob = fixture.by_saml("bob a3 s3").await;
    fixture.ordered("subject-alice r1").await.unwrap();
    for session in &sessions {
        assert!(!fixture.is_live(session).await);
    }
    assert!(fixture.is_live(&bob).await);
}

#[tokio::test]
async fn guessed_session_index_ends_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1").await;
    fixture.ordered("subject-bob r1 s1").await.unwrap();
    fixture.ordered("subject-alice r2 s9").await.unwrap();
    assert!(fixture.is_live(&alice).await);
}

#[tokio::test]
async fn logout_request_finds_person_by_name_id() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1 transient-1").await;
    let bob = fixture.by_saml("bob a2 s2 transient-2").await;
    fixture.ordered("transient-1 r1 s1").await.unwrap();
    assert!(!fixture.is_live(&alice).await && fixture.is_live(&bob).await);
    fixture.ordered("subject-bob r2").await.unwrap();
    assert!(fixture.is_live(&bob).await, "the name is unknown");
}

#[tokio::test]
async fn logout_request_ends_renewed_session() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1").await;
    fixture
        .clock
        .advance(rolecall_core::base::limits::SESSION_SECRET_LIFE);
    let renewed = fixture
        .gateway
        .sessions()
        .renew_secret(&alice.secret)
        .await
        .unwrap();
    let renewed = renewed.expect("it was due");
    fixture.ordered("subject-alice r1 s1").await.unwrap();
    let session = fixture.gateway.sessions().session(&renewed).await.unwrap();
    assert!(session.is_none() && !fixture.is_live(&alice).await);
}

#[tokio::test]
async fn logout_request_ends_clients_of_lost_session() {
    for order in ["subject-alice r1 s1", "subject-alice r2 s2"] {
        let fixture = Fixture::new();
        let alice = fixture.by_saml("alice a1 s1").await;
        let known = clients::register(&fixture.gateway);
        let started = clients::start(&fixture, &known).await;
        let yes = clients::answer(&started, ConsentChoice::Allow);
        clients::decide(&fixture, &alice.session, &yes)
            .await
            .unwrap();
        // It was idle for too long.
        for key in fixture.store.keys("session") {
            fixture.store.remove(key);
        }
        fixture.ordered(order).await.unwrap();
        let redeemed = clients::poll(&fixture, &known, &started).await;
        assert_eq!(redeemed.is_ok(), order.ends_with("s2"), "{order}");
    }
}

#[tokio::test]
async fn logout_request_is_single_use() {
    let fixture = Fixture::new();
    fixture.ordered("subject-alice r1").await.unwrap();
    fixture.clock.advance(TimeDelta::seconds(1));
    let alice = fixture.by_saml("alice a1 s1").await;
    fixture.trail.take();
    let again = fixture.ordered("subject-alice r1").await;
    assert!(matches!(again, Err(SignOutError::Replayed)));
    assert!(fixture.is_live(&alice).await);
    assert_eq!(fixture.take_refusals().await, [("replayed".to_owned(), 1)]);
}

#[tokio::test]
async fn logout_request_ends_late_assertions() {
    for order in ["subject-alice r1 s1", "subject-alice r1"] {
        let fixture = Fixture::new();
        let (gateway, context) = (&fixture.gateway, context());
        fixture.ordered(order).await.unwrap();
        fixture.trail.take();
        // Several assertions that were collected before the logout request.
        for assertion in ["a1", "a2"] {
            let response = saml(&format!("alice {assertion} s1"));
            let late = gateway
                .sign_ins()
                .post_unsolicited(&context, &id("okta"), response)
                .await;
            assert!(
                matches!(late, Err(SignInError::EndedByProvider)),
                "{late:?}"
            );
            let words: Vec<_> = fixture.trail.take().iter().map(event_name).collect();
            assert_eq!(words, ["signed_in", "signed_out"]);
        }
        assert!(fixture.sees_no_session_of("alice").await);
    }
}

#[tokio::test]
async fn logout_request_allows_later_sign_in() {
    let fixture = Fixture::new();
    fixture.ordered("subject-alice r1 s1").await.unwrap();
    let other = fixture.by_saml("alice a1 s2").await;
    let bob = fixture.by_saml("bob a2 s1").await;
    fixture.clock.advance(TimeDelta::seconds(1));
    let again = fixture.by_saml("alice a3 s1").await;
    for session in [&other, &bob, &again] {
        assert!(fixture.is_live(session).await);
    }
    // A late duplicate of an older request has no effect.
    fixture.ordered("subject-alice r2").await.unwrap();
    assert!(!fixture.is_live(&again).await);
}

#[tokio::test]
async fn logout_request_outlives_its_validity() {
    let fixture = Fixture::new();
    fixture.ordered("subject-alice r1 s1").await.unwrap();
    let keys = fixture.store.keys("logout-order");
    assert_eq!(keys.len(), 1);
    assert_eq!(
        fixture.store.expiry(keys[0]),
        fixture.now() + limits::LOGOUT_REQUEST_LIFE
    );
}

#[tokio::test]
async fn logout_request_is_retried_after_outage() {
    let mut met = 0;
    for calls in 0.. {
        let fixture = Fixture::new();
        let sessions = [
            fixture.by_saml("alice a1 s1").await,
            fixture.by_saml("alice a2 s1").await,
        ];
        fixture.store.outage.fail_after(calls);
        let first = fixture.ordered("subject-alice r1 s1").await;
        fixture.store.outage.repair();
        if first.is_ok() {
            break;
        }
        met += 1;
        fixture.ordered("subject-alice r1 s1").await.unwrap();
        for session in &sessions {
            assert!(!fixture.is_live(session).await, "outage at call {calls}");
        }
    }
    assert!(met > 5, "{met}");
}

#[tokio::test]
async fn unverified_logout_request_ends_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1").await;
    fixture.trail.take();
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Signature, "forged"));
    assert!(fixture.ordered("subject-alice r1").await.is_err());
    let nothing = fixture
        .gateway
        .sign_ins()
        .handle_logout_request(&context(), &id("okta"), None, BrowserDelivery::Navigation)
        .await;
    assert!(matches!(nothing, Err(SignOutError::Unreadable)));
    let other = fixture
        .gateway
        .sign_ins()
        .handle_logout_request(
            &context(),
            &id("google"),
            Some(logout("subject-alice r2")),
            BrowserDelivery::Navigation,
        )
        .await;
    assert!(matches!(other, Err(SignOutError::UnknownProvider)));
    assert!(fixture.is_live(&alice).await);
    let reasons = ["signature", "unknown_provider", "unreadable"];
    let expected = reasons.map(|reason| (reason.to_owned(), 1));
    assert_eq!(fixture.take_refusals().await, expected);
}

#[tokio::test]
async fn logout_response_is_single_use() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1").await;
    let gateway = &fixture.gateway;
    let state = fixture.leaves(&alice).await;
    let answer = async |provider: &str, state: &State| {
        gateway
            .sign_ins()
            .handle_logout_response(
                &context(),
                &id(provider),
                Some(state.expose()),
                logout("ok"),
            )
            .await
    };
    let strange = State::new("i".repeat(43));
    assert!(matches!(
        answer("okta", &strange).await,
        Err(SignOutError::Expired)
    ));
    assert!(matches!(
        answer("google", &state).await,
        Err(SignOutError::UnknownProvider)
    ));
    answer("okta", &state).await.unwrap();
    assert!(matches!(
        answer("okta", &state).await,
        Err(SignOutError::Expired)
    ));
}

#[tokio::test]
async fn failed_logout_response_is_reported() {
    let fixture = Fixture::new();
    let alice = fixture.by_saml("alice a1 s1").await;
    let gateway = &fixture.gateway;
    let state = fixture.leaves(&alice).await;
    fixture.okta.fail_once(|| ProviderError::Refused {
        error: "partial_logout",
        explanation: None,
    });
    let heard = gateway
        .sign_ins()
        .handle_logout_response(
            &context(),
            &id("okta"),
            Some(state.expose()),
            logout("partly"),
        )
        .await;
    assert_eq!(heard.unwrap_err().code(), "partial_logout");
    assert!(
        !fixture.is_live(&alice).await,
        "the session of the gateway has ended"
    );
}
