//! Additional verification that a session requests: of the same person, once, and without effect until it succeeds.

use chrono::TimeDelta;
use rolecall_core::access::Unmet;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::{BrowserSecret, State};
use rolecall_core::issue::IssueError;
use rolecall_core::sign_in::{
    AuthnRequirements, BrowserSecrets, Callback, Challenge, ProviderError, RejectReason, ReturnTo,
    SignInCompleted, SignInError, SignInRequest,
};

use crate::fixture::{Fixture, callback_params, code, context, id, role};

const PAGE: &str = "/console?account=777788889999&permission_set=Careful";

/// A step-up in progress.
struct StartedStepUp {
    state: State,
    browser: BrowserSecret,
}

impl Fixture {
    async fn step_up(&self, session: Option<&SignInCompleted>, provider: &str) -> StartedStepUp {
        let secrets = BrowserSecrets {
            browser: None,
            session: session.map(|known| known.secret.clone()),
        };
        let request = SignInRequest {
            requirements: AuthnRequirements {
                second_factor: true,
                ..AuthnRequirements::default()
            },
            return_to: ReturnTo::parse(PAGE).unwrap(),
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
        StartedStepUp {
            state: State::new(state.1),
            browser: begun.browser,
        }
    }

    async fn returned(
        &self,
        session: &SignInCompleted,
        provider: &str,
        begun: &StartedStepUp,
        callback: Callback,
    ) -> Result<SignInCompleted, SignInError> {
        let secrets = BrowserSecrets {
            browser: Some(begun.browser.clone()),
            session: Some(session.secret.clone()),
        };
        let returned = callback_params(&begun.state, callback);
        let sign_ins = self.gateway.sign_ins();
        sign_ins
            .complete_sign_in(&context(), &id(provider), &secrets, returned)
            .await
    }
}

fn use_second_factor(fixture: &Fixture, person: &str) {
    fixture.okta.update_person(person, |one| one.mfa = true);
}

#[tokio::test]
async fn second_factor_unlocks_the_role_in_a_new_session() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "bob").await;
    let careful = role("777788889999", "Careful");
    let error = fixture.issue(&old.session, &careful).await.unwrap_err();
    assert!(matches!(&error, IssueError::Locked { unmet, .. } if *unmet == [Unmet::Mfa]));
    assert!(!old.session.has_just_stepped_up(fixture.now()));

    let begun = fixture.step_up(Some(&old), "okta").await;
    use_second_factor(&fixture, "bob");
    let new = fixture.returned(&old, "okta", &begun, code("bob")).await;
    let new = new.unwrap();
    assert_eq!(new.return_to.as_str(), PAGE);
    fixture.issue(&new.session, &careful).await.unwrap();
    assert!(!fixture.is_live(&old).await);

    // The page moves the focus to its button only now.
    assert!(new.session.has_just_stepped_up(fixture.now()));
    fixture.clock.advance(limits::STEP_UP_RECENT);
    assert!(!new.session.has_just_stepped_up(fixture.now()));
}

#[tokio::test]
async fn other_person_is_refused_and_session_gains_nothing() {
    let fixture = Fixture::new();
    let bob = fixture.sign_in("okta", "bob").await;
    let begun = fixture.step_up(Some(&bob), "okta").await;
    use_second_factor(&fixture, "alice");
    fixture.trail.take();
    let error = fixture.returned(&bob, "okta", &begun, code("alice")).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "other_person");
    let SignInError::StepUp(failed) = error else {
        panic!("{error}");
    };
    assert_eq!(failed.return_to.as_str(), PAGE);
    let refused = AuditEventKind::SignInRefused {
        provider: Some("okta".to_owned()),
        reason: "other_person".to_owned(),
    };
    assert_eq!(fixture.trail.take_only(), refused);

    // The session is the one before, without a second factor, and no other session exists.
    assert!(fixture.is_live(&bob).await);
    assert_eq!(fixture.store.keys("session").len(), 1);
    let careful = role("777788889999", "Careful");
    let error = fixture.issue(&bob.session, &careful).await.unwrap_err();
    assert_eq!(error.code(), "condition");

    // The state is used, also for the right person.
    let again = fixture.returned(&bob, "okta", &begun, code("bob")).await;
    assert_eq!(again.unwrap_err().code(), "expired_state");
}

#[tokio::test]
async fn failed_step_up_keeps_the_session() {
    let fixture = Fixture::new();
    let bob = fixture.sign_in("okta", "bob").await;
    let canceled = || Callback::Error {
        error: "access_denied".to_owned(),
        description: None,
        iss: None,
    };
    let begun = fixture.step_up(Some(&bob), "okta").await;
    let error = fixture.returned(&bob, "okta", &begun, canceled()).await;
    assert_eq!(error.unwrap_err().code(), "access_denied");
    assert!(fixture.is_live(&bob).await);

    let begun = fixture.step_up(Some(&bob), "okta").await;
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::NotFresh, "auth_time is old"));
    let error = fixture.returned(&bob, "okta", &begun, code("bob")).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, SignInError::StepUp(failed) if failed.second_factor),
        "{error:?}"
    );
    assert_eq!(error.code(), "not_fresh");
    assert!(fixture.is_live(&bob).await);
}

#[tokio::test]
async fn step_up_requires_a_live_session_at_the_provider() {
    let fixture = Fixture::new();
    let bob = fixture.sign_in("okta", "bob").await;
    // Without a session it is a sign-in of anyone.
    let begun = fixture.step_up(None, "okta").await;
    let alice = fixture.returned(&bob, "okta", &begun, code("alice")).await;
    assert!(!alice.unwrap().session.stepped_up);

    // The same at another provider, whose people are different ones.
    let bob = fixture.sign_in("okta", "bob").await;
    let begun = fixture.step_up(Some(&bob), "google").await;
    let other = fixture.returned(&bob, "google", &begun, code("bob")).await;
    assert!(!other.unwrap().session.stepped_up);

    // And after the session has expired.
    let bob = fixture.sign_in("okta", "bob").await;
    fixture.clock.advance(TimeDelta::days(2));
    let begun = fixture.step_up(Some(&bob), "okta").await;
    let alice = fixture.returned(&bob, "okta", &begun, code("alice")).await;
    assert!(!alice.unwrap().session.stepped_up);
}

#[tokio::test]
async fn unconfirmed_second_factor_names_what_the_provider_sent() {
    let fixture = Fixture::new();
    let stated = "the ID token has amr \"pwd\" and no acr";
    fixture.okta.update_person("bob", |bob| {
        bob.unconfirmed_mfa = Some(stated.to_owned());
    });
    let bob = fixture.session_of("bob").await;
    let careful = role("777788889999", "Careful");
    let error = fixture.issue(&bob, &careful).await.unwrap_err();
    let IssueError::Locked { unmet, .. } = error else {
        panic!("{error}");
    };
    let expected = Unmet::MfaUnconfirmed {
        stated: stated.to_owned(),
    };
    assert_eq!(unmet, [expected]);
    assert_eq!(
        unmet[0].to_string(),
        "needs a sign-in with a second factor, but your identity provider did not confirm one although it was requested: \
         the ID token has amr \"pwd\" and no acr"
    );
    assert!(
        unmet[0]
            .hint()
            .is_some_and(|hint| hint.contains("set mfa of the provider"))
    );
}
