//! Silent sign-ins, which renew an ID token.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::record::rate_limit::RateLimits;
use rolecall_core::sign_in::{
    AuthnRequirements, BrowserSecrets, ProviderError, ReturnTo, SignInCompleted, SignInError,
};

use super::{fixture, must_sign_in_again};
use crate::fixture::{Fixture, ID_TOKEN_LIFE, StartedSignIn, context, developer, sign_in_request};

fn page() -> ReturnTo {
    ReturnTo::parse("/console?account=111122223333&permission_set=Developer").unwrap()
}

impl Fixture {
    async fn begin_silently(
        &self,
        provider: &str,
        session: Option<SessionSecret>,
    ) -> StartedSignIn {
        let mut request = sign_in_request(page());
        request.requirements.silent = true;
        let secrets = BrowserSecrets {
            browser: None,
            session,
        };
        self.begin_request(provider, &context(), secrets, request)
            .await
            .unwrap()
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
    let new = fixture.complete("okta", &silent, "alice").await.unwrap();
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
        let returned = fixture.complete("okta", &silent, "alice").await;
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
        let returned = fixture.complete("okta", &begun, "alice").await;
        assert!(
            matches!(returned, Err(SignInError::Provider(_))),
            "{returned:?}"
        );
    }
}

/// The full sign-in that follows needs the slot.
#[tokio::test]
async fn silent_sign_in_without_a_result_releases_its_slot() {
    let fixture = fixture();
    let alice = fixture.sign_in("okta", "alice").await;
    for _ in 0..2 * RateLimits::default().sign_in.max() {
        let session = Some(alice.secret.clone());
        let silent = fixture.begin_silently("okta", session).await;
        fixture.okta.fail_once(|| ProviderError::Refused {
            error: "login_required",
            explanation: None,
        });
        let returned = fixture.complete("okta", &silent, "alice").await;
        assert!(
            matches!(returned, Err(SignInError::InteractionRequired(_))),
            "{returned:?}"
        );
    }
    fixture.begin_silently("okta", None).await;
}

#[tokio::test]
async fn silent_sign_in_of_another_person_changes_nothing() {
    let fixture = fixture();
    let alice = fixture.sign_in("okta", "alice").await;
    let silent = fixture
        .begin_silently("okta", Some(alice.secret.clone()))
        .await;
    fixture.trail.take();
    let returned = fixture.complete("okta", &silent, "bob").await;
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

/// A session with a second factor does not lose it, if the provider can confirm it without a page.
#[tokio::test]
async fn silent_sign_in_asks_for_the_second_factor_of_the_session() {
    let fixture = fixture();
    for mfa in [false, true] {
        fixture.okta.update_person("alice", |one| one.mfa = mfa);
        let session = fixture.sign_in("okta", "alice").await.secret;
        fixture.begin_silently("okta", Some(session)).await;
        let asked = fixture.okta.requirements();
        assert_eq!((asked.silent, asked.second_factor), (true, mfa));
    }
}

#[tokio::test]
async fn step_up_is_never_silent() {
    let fixture = fixture();
    let alice = fixture.sign_in("okta", "alice").await;
    for (fresh, second_factor) in [(true, false), (false, true)] {
        let mut request = sign_in_request(page());
        request.requirements = AuthnRequirements {
            fresh,
            second_factor,
            silent: true,
            login_hint: None,
        };
        let secrets = BrowserSecrets {
            browser: None,
            session: Some(alice.secret.clone()),
        };
        let begun = fixture
            .begin_request("okta", &context(), secrets, request)
            .await
            .unwrap();
        assert!(!fixture.okta.requirements().silent);
        fixture.okta.fail_once(|| ProviderError::Refused {
            error: "login_required",
            explanation: None,
        });
        let returned = fixture.complete("okta", &begun, "alice").await;
        assert!(
            matches!(returned, Err(SignInError::StepUp(_))),
            "{returned:?}"
        );
    }
}

#[tokio::test]
async fn forms_of_open_pages_stay_valid_for_the_same_person() {
    let fixture = fixture();
    let old = fixture.sign_in("okta", "alice").await;
    let form_key = |signed_in: &SignInCompleted| signed_in.session.form_key.expose().to_owned();
    let silent = fixture
        .begin_silently("okta", Some(old.secret.clone()))
        .await;
    let new = fixture.complete("okta", &silent, "alice").await.unwrap();
    assert_ne!(new.session.id, old.session.id);
    assert_eq!(form_key(&new), form_key(&old));
    // Not for another person in the same browser, and not for a session that has ended.
    for (session, person) in [(&new, "bob"), (&old, "alice")] {
        let mut begun = fixture.begin("okta").await;
        begun.session = Some(session.secret.clone());
        let other = fixture.complete("okta", &begun, person).await.unwrap();
        assert_ne!(form_key(&other), form_key(session), "{person}");
    }
}

/// The session is in the audit trail, and its secret reaches the browser.
#[tokio::test]
async fn failure_to_keep_the_token_does_not_fail_the_sign_in() {
    for calls in 0.. {
        let fixture = fixture();
        let begun = fixture.begin("okta").await;
        fixture.store.outage.fail_once_after(calls);
        let signed_in = fixture.complete("okta", &begun, "alice").await;
        let failed = !fixture.store.outage.has_pending_failure();
        fixture.store.outage.repair();
        let Ok(signed_in) = signed_in else {
            continue;
        };
        assert!(failed, "no call stores the token");
        if signed_in.id_token_lost.is_none() {
            continue;
        }
        assert!(fixture.is_live(&signed_in).await);
        assert!(fixture.store.keys("id-token").is_empty());
        must_sign_in_again(fixture.issue(&signed_in.session, &developer()).await);
        return;
    }
}

/// A session that ends is removed even if its token cannot be.
#[tokio::test]
async fn failure_to_remove_the_token_ends_the_session() {
    for calls in 0.. {
        let fixture = fixture();
        let alice = fixture.sign_in("okta", "alice").await;
        let sign_ins = fixture.gateway.sign_ins();
        fixture.store.outage.fail_once_after(calls);
        let context = context();
        let ended = sign_ins.sign_out(&context, &alice.session, &alice.secret);
        let ended = ended.await.is_ok();
        let failed = !fixture.store.outage.has_pending_failure();
        fixture.store.outage.repair();
        assert!(failed, "no call removes the token");
        let tokens = fixture.store.keys("id-token").len();
        if fixture.store.keys("session").is_empty() && tokens == 1 {
            assert!(!ended, "the failure is reported");
            assert!(!fixture.is_live(&alice).await);
            return;
        }
    }
}
