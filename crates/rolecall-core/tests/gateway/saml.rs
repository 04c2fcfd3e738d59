//! SAML responses that other sites post: held for their browser, used once; and unsolicited responses.

use std::pin::Pin;
use std::sync::Arc;

use chrono::TimeDelta;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, State};
use rolecall_core::sign_in::{
    AcceptedResponse, BrowserSecrets, PostedResponse, ProviderError, RejectReason, SignInCompleted,
    SignInError,
};
use tokio::task::JoinSet;

use crate::fixture::{
    ABSOLUTE, ASSERTION_LIFE, Fixture, PROVIDER_SESSION, PostResponse as _, StartedSignIn,
    UNSIGNED, callback_params, context, id, saml, saml_callback,
};

/// Small limit for held responses, in bytes. The unit tests of the limit use the default.
const HELD_BYTES_MAX: usize = 64 * 1024;

impl Fixture {
    async fn hold(&self, begun: &StartedSignIn, response: &str) -> Result<(), SignInError> {
        self.gateway
            .sign_ins()
            .post_response(&context(), &id("okta"), &begun.state, saml(response))
            .await
    }

    async fn fetch(&self, begun: &StartedSignIn) -> Result<SignInCompleted, SignInError> {
        self.gateway
            .sign_ins()
            .complete_held_sign_in(
                &context(),
                &id("okta"),
                &begun.secrets(),
                begun.state.clone(),
            )
            .await
    }

    /// Posts a response of alice with this `RelayState`, from a browser that has a session.
    async fn post_over(
        &self,
        relay_state: Option<&str>,
        response: &str,
        session: &SignInCompleted,
    ) -> AcceptedResponse {
        let secrets = BrowserSecrets {
            browser: None,
            session: Some(session.secret.clone()),
        };
        let posted = PostedResponse {
            response: saml(response),
            relay_state: relay_state.map(str::to_owned),
        };
        let sign_ins = self.gateway.sign_ins();
        let (context, okta) = (context(), id("okta"));
        let accepted = sign_ins.accept_response(&context, &okta, &secrets, posted);
        accepted.await.unwrap()
    }

    async fn unsolicited(&self, response: &str) -> Result<SignInCompleted, SignInError> {
        self.gateway
            .sign_ins()
            .post_unsolicited(&context(), &id("okta"), saml(response))
            .await
    }

    /// The reason of the only refusal since the last time. Checks that there is no session.
    async fn refusal(&self) -> String {
        assert!(self.store.keys("session").is_empty());
        self.gateway.journal().write_refusals(true).await.unwrap();
        let kind = self.trail.take_only();
        if let AuditEventKind::SignInRefused { reason, .. } = kind {
            return reason;
        }
        let AuditEventKind::SignInRefusals(summary) = kind else {
            panic!("{kind:?}");
        };
        summary.reasons.into_keys().collect()
    }
}

#[tokio::test]
async fn unsigned_response_is_not_held() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    assert!(fixture.hold(&begun, UNSIGNED).await.is_err());
    assert_eq!(fixture.refusal().await, "signature");
    assert!(fixture.store.keys("saml-response").is_empty());
    // The sign-in is still pending.
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    assert!(fixture.fetch(&begun).await.is_ok());
}

#[tokio::test]
async fn held_responses_have_a_ceiling() {
    let fixture = Fixture::with_held_responses_max(HELD_BYTES_MAX);
    let large = "x".repeat(HELD_BYTES_MAX / 4);
    for _ in 0..4 {
        let begun = fixture.begin("okta").await;
        fixture.hold(&begun, &large).await.unwrap();
    }
    let begun = fixture.begin("okta").await;
    let refused = fixture.hold(&begun, "alice a1 s1").await.unwrap_err();
    assert!(
        matches!(refused, SignInError::Unavailable(_)),
        "{refused:?}"
    );
    assert_eq!(fixture.store.keys("saml-response").len(), 4);
    fixture.clock.advance(limits::HELD_RESPONSE_MAX);
    let begun = fixture.begin("okta").await;
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
}

#[tokio::test]
async fn held_response_completes_in_its_browser() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    assert!(
        fixture.store.keys("session").is_empty(),
        "a form of another site creates no session"
    );
    let signed_in = fixture.fetch(&begun).await.unwrap();
    assert_eq!(
        signed_in.return_to.as_str(),
        "/console?account=777788889999"
    );
    assert_eq!(
        signed_in.session.ends_at,
        fixture.now() + PROVIDER_SESSION,
        "no longer than at the provider"
    );
    assert!(
        PROVIDER_SESSION < ABSOLUTE,
        "which is shorter than the lifetime of the gateway's session"
    );
    assert!(fixture.store.keys("saml-response").is_empty());
}

#[tokio::test]
async fn response_without_pending_sign_in_is_not_stored() {
    let fixture = Fixture::new();
    let unknown = StartedSignIn {
        state: State::new("i".repeat(43)),
        browser: BrowserSecret::new("b"),
        session: None,
    };
    assert!(fixture.hold(&unknown, "alice a1 s1").await.is_err());
    assert_eq!(fixture.refusal().await, "expired_state");
    let elsewhere = fixture.begin("google").await;
    assert!(fixture.hold(&elsewhere, "alice a1 s1").await.is_err());
    assert_eq!(fixture.refusal().await, "other_provider");
    let late = fixture.begin("okta").await;
    fixture.clock.advance(limits::SIGN_IN_MAX);
    assert!(fixture.hold(&late, "alice a1 s1").await.is_err());
    assert_eq!(fixture.refusal().await, "expired_state");
    let begun = fixture.begin("okta").await;
    let google = fixture
        .gateway
        .sign_ins()
        .post_response(&context(), &id("google"), &begun.state, saml("alice a1 s1"))
        .await;
    assert!(matches!(google, Err(SignInError::UnknownProvider)));
    assert_eq!(fixture.refusal().await, "unknown_provider");
    assert!(fixture.store.keys("saml-response").is_empty());
}

#[tokio::test]
async fn second_response_for_sign_in_is_rejected() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    // A form that is submitted twice is not an error; the first response counts.
    fixture.hold(&begun, "bob a2 s2").await.unwrap();
    let signed_in = fixture.fetch(&begun).await.unwrap();
    assert_eq!(signed_in.session.identity.subject.as_str(), "subject-alice");
}

#[tokio::test]
async fn response_in_another_browser_is_rejected() {
    let fixture = Fixture::new();
    let mut begun = fixture.begin("okta").await;
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    let own = std::mem::replace(&mut begun.browser, fixture.begin("okta").await.browser);
    assert!(matches!(
        fixture.fetch(&begun).await,
        Err(SignInError::OtherBrowser)
    ));
    assert_eq!(fixture.refusal().await, "other_browser");
    let no_secrets = BrowserSecrets::default();
    let none = fixture
        .gateway
        .sign_ins()
        .complete_held_sign_in(&context(), &id("okta"), &no_secrets, begun.state.clone())
        .await;
    assert!(matches!(none, Err(SignInError::OtherBrowser)));
    assert_eq!(fixture.refusal().await, "other_browser");
    // It waits for its own browser.
    begun.browser = own;
    fixture.fetch(&begun).await.unwrap();
}

#[tokio::test]
async fn fetched_response_frees_its_space() {
    let fixture = Fixture::with_held_responses_max(HELD_BYTES_MAX);
    let large = "x".repeat(HELD_BYTES_MAX / 2);
    for number in 0..3 {
        let begun = fixture.begin("okta").await;
        let text = format!("alice a{number} s1 subject-alice {large}");
        fixture.hold(&begun, &text).await.unwrap();
        fixture.fetch(&begun).await.unwrap();
    }
}

#[tokio::test]
async fn held_response_expires() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    fixture.clock.advance(limits::HELD_RESPONSE_MAX);
    assert!(fixture.fetch(&begun).await.is_err());
    assert_eq!(fixture.refusal().await, "expired_state");
}

#[tokio::test]
async fn assertion_is_single_use() {
    let fixture = Fixture::new();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let begun = fixture.begin("okta").await;
        let returned = callback_params(&begun.state, saml_callback("alice a1 s1"));
        let (secrets, gateway) = (begun.secrets(), &fixture.gateway);
        ends.push(
            gateway
                .sign_ins()
                .complete_sign_in(&context(), &id("okta"), &secrets, returned)
                .await,
        );
    }
    assert!(ends[0].is_ok());
    assert!(matches!(ends[1], Err(SignInError::Replayed)));
    assert_eq!(fixture.store.keys("session").len(), 1);
}

#[tokio::test]
async fn used_assertion_is_remembered_until_expiry() {
    let fixture = Fixture::new();
    fixture.unsolicited("alice a1 s1").await.unwrap();
    fixture
        .clock
        .advance(ASSERTION_LIFE + limits::LEEWAY - TimeDelta::seconds(1));
    let again = fixture.unsolicited("alice a1 s1").await;
    assert!(matches!(again, Err(SignInError::Replayed)));
}

#[tokio::test]
async fn only_one_of_100_concurrent_responses_succeeds() {
    let fixture = Arc::new(Fixture::new());
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let fixture = Arc::clone(&fixture);
        all.spawn(async move { fixture.unsolicited("alice a1 s1").await.is_ok() });
    }
    let ends = all.join_all().await;
    assert_eq!(ends.into_iter().filter(|ok| *ok).count(), 1);
    assert_eq!(fixture.store.keys("session").len(), 1);
}

#[tokio::test]
async fn unsolicited_sign_in_opens_the_portal() {
    let fixture = Fixture::new();
    let signed_in = fixture.unsolicited("alice a1 s1").await.unwrap();
    assert_eq!(signed_in.return_to.as_str(), "/");
    let kind = fixture.trail.take_only();
    let said = matches!(
        kind,
        AuditEventKind::SignedIn {
            unsolicited: true,
            ..
        }
    );
    assert!(said, "{kind:?}");
}

#[tokio::test]
async fn disallowed_unsolicited_sign_in_is_rejected() {
    let fixture = Fixture::new();
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Unsolicited, "switched off"));
    assert!(fixture.unsolicited("alice a1 s1").await.is_err());
    assert_eq!(fixture.refusal().await, "unsolicited");
    let google = fixture
        .gateway
        .sign_ins()
        .post_unsolicited(&context(), &id("google"), saml("alice a1 s1"))
        .await;
    assert!(matches!(google, Err(SignInError::UnknownProvider)));
    assert_eq!(fixture.refusal().await, "unknown_provider");
}

#[tokio::test]
async fn store_outage_blocks_saml_sign_in() {
    let fixture = Fixture::new();
    fixture.store.outage.fail_after(0);
    assert!(matches!(
        fixture.unsolicited("alice a1 s1").await,
        Err(SignInError::Unavailable(_))
    ));
    fixture.store.outage.repair();
    assert!(fixture.store.keys("session").is_empty());
}

#[tokio::test]
async fn only_saml_providers_have_metadata() {
    let fixture = Fixture::new();
    assert!(
        fixture
            .gateway
            .sign_ins()
            .saml_metadata(&id("okta"))
            .is_ok()
    );
    for other in ["google", "nobody"] {
        assert!(
            fixture
                .gateway
                .sign_ins()
                .saml_metadata(&id(other))
                .is_err()
        );
    }
}

/// A form that is submitted twice while the store is slow.
#[tokio::test]
async fn held_response_is_in_the_store() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let mut first: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(fixture.hold(&begun, "alice a1 s1"));
    // The sign-in was read and the response was counted.
    assert!(fixture.gate.run_until_call(2, &mut first).await.is_none());
    assert!(fixture.store.keys("saml-response").is_empty());
    fixture.hold(&begun, "alice a1 s1").await.unwrap();
    assert_eq!(fixture.store.keys("saml-response").len(), 1);
    // Its browser continues immediately.
    fixture.fetch(&begun).await.unwrap();
    drop(first);
}

#[tokio::test]
async fn relay_state_decides_between_held_and_unsolicited() {
    let fixture = Fixture::new();
    let begun = fixture.begin("okta").await;
    let old = fixture.sign_in("okta", "alice").await;
    let state = begun.state.expose();
    let held = fixture.post_over(Some(state), "alice a1 s1", &old).await;
    assert!(matches!(held, AcceptedResponse::Held(held) if held.expose() == state));
    assert!(fixture.is_live(&old).await, "nothing is completed yet");
    fixture.fetch(&begun).await.unwrap();
    for (relay_state, response) in [
        (None, "alice a2 s1"),
        (Some("https://sso.example.com/"), "alice a3 s1"),
        (Some(&state[1..]), "alice a4 s1"),
    ] {
        let old = fixture.sign_in("okta", "alice").await;
        let accepted = fixture.post_over(relay_state, response, &old).await;
        assert!(
            matches!(accepted, AcceptedResponse::SignedIn(_)),
            "{relay_state:?}"
        );
        assert!(!fixture.is_live(&old).await, "the new session replaces it");
    }
}

#[tokio::test]
async fn groups_overage_is_refused_and_spends_no_assertion() {
    let fixture = Fixture::new();
    fixture.okta.leave_groups_out();
    assert!(fixture.unsolicited("alice a1 s1").await.is_err());
    assert_eq!(fixture.refusal().await, "too_many_groups");
    let begun = fixture.begin("okta").await;
    let ended = fixture.complete("okta", &begun, "alice").await;
    assert!(!ended.unwrap_err().to_string().contains("canary"));
    assert_eq!(fixture.refusal().await, "too_many_groups");
    assert!(fixture.store.keys("spent").is_empty());
}
