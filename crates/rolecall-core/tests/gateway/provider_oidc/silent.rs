//! Silent sign-ins, which renew an ID token.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::secret::{BrowserSecret, SessionSecret, State};
use rolecall_core::sign_in::{
    AuthnRequirements, BrowserSecrets, Challenge, PendingSignIn, ProviderError, ReturnTo,
    SignInCompleted, SignInError, SignInRequest,
};

use super::fixture;
use crate::fixture::{Fixture, ID_TOKEN_LIFE, callback_params, code, context, developer, id};

/// A silent sign-in of a browser.
struct Silent {
    state: State,
    browser: BrowserSecret,
    session: Option<SessionSecret>,
}

fn page() -> ReturnTo {
    ReturnTo::parse("/console?account=111122223333&permission_set=Developer").unwrap()
}

impl Fixture {
    async fn begin_silently(&self, provider: &str, session: Option<SessionSecret>) -> Silent {
        let request = SignInRequest {
            requirements: AuthnRequirements {
                silent: true,
                ..AuthnRequirements::default()
            },
            return_to: page(),
        };
        let secrets = BrowserSecrets {
            browser: None,
            session: session.clone(),
        };
        let sign_ins = self.gateway.sign_ins();
        let begun = sign_ins
            .begin_sign_in(&context(), &id(provider), secrets, request)
            .await
            .unwrap();
        let Challenge::Redirect(url) = begun.challenge else {
            panic!("the scripted provider redirects");
        };
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        Silent {
            state: State::new(state.1),
            browser: begun.browser,
            session,
        }
    }

    async fn return_from(
        &self,
        silent: Silent,
        person: &str,
    ) -> Result<SignInCompleted, SignInError> {
        let secrets = BrowserSecrets {
            browser: Some(silent.browser),
            session: silent.session,
        };
        let params = callback_params(&silent.state, code(person));
        let sign_ins = self.gateway.sign_ins();
        sign_ins
            .complete_sign_in(&context(), &id("okta"), &secrets, params)
            .await
    }
}

#[tokio::test]
async fn silent_sign_in_renews_the_token() {
    let fixture = fixture();
    let old = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(ID_TOKEN_LIFE / 2);
    fixture.is_live(&old).await;
    fixture.clock.advance(ID_TOKEN_LIFE / 2);
    let silent = fixture
        .begin_silently("okta", Some(old.secret.clone()))
        .await;
    let asked = fixture.okta.requirements();
    assert!(asked.silent);
    assert_eq!(asked.login_hint, old.session.identity.email);
    let new = fixture.return_from(silent, "alice").await.unwrap();
    assert_eq!(new.return_to, page());
    assert!(!fixture.is_live(&old).await, "the session was replaced");
    // The end of the replaced session does not remove the token of the new one.
    fixture.issue(&new.session, &developer()).await.unwrap();
}

#[tokio::test]
async fn sign_in_is_silent_only_for_a_session_at_the_provider() {
    let fixture = fixture();
    let google = fixture.sign_in("google", "alice").await;
    for session in [None, Some(google.secret), Some(SessionSecret::new("x"))] {
        fixture.begin_silently("okta", session).await;
        assert!(!fixture.okta.requirements().silent);
    }
}

#[tokio::test]
async fn provider_that_needs_the_person_is_followed_by_a_full_sign_in() {
    let fixture = fixture();
    let old = fixture.sign_in("okta", "alice").await;
    fixture.trail.take();
    for error in [
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    ] {
        let silent = fixture
            .begin_silently("okta", Some(old.secret.clone()))
            .await;
        fixture.okta.fail_once(move || ProviderError::Refused {
            error,
            explanation: None,
        });
        let returned = fixture.return_from(silent, "alice").await;
        let Err(SignInError::InteractionRequired(return_to)) = returned else {
            panic!("{returned:?}");
        };
        assert_eq!(return_to, page());
    }
    assert_eq!(fixture.trail.take(), [], "nobody was refused");
    assert!(fixture.is_live(&old).await);
    // Other errors are refusals, and so is this one in an ordinary sign-in.
    for (silent, error) in [(true, "access_denied"), (false, "login_required")] {
        let session = silent.then(|| old.secret.clone());
        let begun = fixture.begin_silently("okta", session).await;
        fixture.okta.fail_once(move || ProviderError::Refused {
            error,
            explanation: None,
        });
        let returned = fixture.return_from(begun, "alice").await;
        assert!(
            matches!(returned, Err(SignInError::Provider(_))),
            "{returned:?}"
        );
    }
}

#[tokio::test]
async fn silent_sign_in_of_another_person_changes_nothing() {
    let fixture = fixture();
    let alice = fixture.sign_in("okta", "alice").await;
    let silent = fixture
        .begin_silently("okta", Some(alice.secret.clone()))
        .await;
    fixture.trail.take();
    let returned = fixture.return_from(silent, "bob").await;
    assert!(
        matches!(returned, Err(SignInError::OtherPerson)),
        "{returned:?}"
    );
    let AuditEventKind::SignInRefused { reason, .. } = fixture.trail.take_only() else {
        panic!("not a refusal");
    };
    assert_eq!(reason, "other_person");
    assert!(fixture.is_live(&alice).await);
    assert_eq!(fixture.store.keys("session").len(), 1);
    fixture.issue(&alice.session, &developer()).await.unwrap();
    assert_eq!(fixture.sent_token(), "canary-id-token-of-alice");
}

#[test]
fn pending_sign_ins_of_earlier_versions_open() {
    let digest = serde_json::to_value(State::new("x").digest()).unwrap();
    let stored = serde_json::json!({
        "provider": "okta", "browser": digest, "correlation": {}, "return_to": "/",
    });
    let pending: PendingSignIn = serde_json::from_value(stored).unwrap();
    assert_eq!(pending.silent_for, None);
}
