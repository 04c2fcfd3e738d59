//! Additional verification that a session requests: of the same person, once, and without effect until it succeeds.

use chrono::TimeDelta;
use rolecall_core::access::Unmet;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::issue::IssueError;
use rolecall_core::sign_in::{
    BrowserSecrets, Callback, ProviderError, RejectReason, ReturnTo, SignInCompleted, SignInError,
};

use crate::fixture::{Fixture, StartedSignIn, context, role, sign_in_request};

const PAGE: &str = "/console?account=777788889999&permission_set=Careful";

impl Fixture {
    /// A step-up to which a page of the gateway leads.
    async fn step_up(&self, session: Option<&SignInCompleted>, provider: &str) -> StartedSignIn {
        let mut request = sign_in_request(ReturnTo::parse(PAGE).unwrap());
        request.requirements.second_factor = true;
        request.from_own_page = true;
        let secrets = BrowserSecrets {
            browser: None,
            session: session.map(|known| known.secret.clone()),
        };
        self.begin_request(provider, &context(), secrets, request)
            .await
            .unwrap()
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
    let new = fixture.complete("okta", &begun, "bob").await;
    let new = new.unwrap();
    assert_eq!(new.return_to.as_str(), PAGE);
    fixture.issue(&new.session, &careful).await.unwrap();
    assert!(!fixture.is_live(&old).await);

    // The page moves the focus to its button only now.
    assert!(new.session.has_just_stepped_up(fixture.now()));
    fixture.clock.advance(limits::STEP_UP_RECENT);
    assert!(!new.session.has_just_stepped_up(fixture.now()));
}

/// Anyone can send a link to a step-up with a role of their choice.
#[tokio::test]
async fn step_up_from_another_site_does_not_move_the_focus() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "bob").await;
    let mut request = sign_in_request(ReturnTo::parse(PAGE).unwrap());
    request.requirements.second_factor = true;
    let secrets = BrowserSecrets {
        browser: None,
        session: Some(old.secret.clone()),
    };
    let begun = fixture
        .begin_request("okta", &context(), secrets, request)
        .await
        .unwrap();
    use_second_factor(&fixture, "bob");
    let new = fixture.complete("okta", &begun, "bob").await.unwrap();
    assert!(new.session.identity.mfa && !new.session.has_just_stepped_up(fixture.now()));
    // It is a step-up nevertheless.
    let old = new;
    let mut request = sign_in_request(ReturnTo::parse(PAGE).unwrap());
    request.requirements.fresh = true;
    let secrets = BrowserSecrets {
        browser: None,
        session: Some(old.secret),
    };
    let begun = fixture
        .begin_request("okta", &context(), secrets, request)
        .await
        .unwrap();
    let error = fixture.complete("okta", &begun, "alice").await.unwrap_err();
    assert_eq!(error.code(), "other_person");
}

#[tokio::test]
async fn other_person_is_refused_and_session_gains_nothing() {
    let fixture = Fixture::new();
    let bob = fixture.sign_in("okta", "bob").await;
    let begun = fixture.step_up(Some(&bob), "okta").await;
    use_second_factor(&fixture, "alice");
    fixture.trail.take();
    let error = fixture.complete("okta", &begun, "alice").await;
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
    let again = fixture.complete("okta", &begun, "bob").await;
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
    let error = fixture.return_to_callback("okta", &begun, canceled()).await;
    assert_eq!(error.unwrap_err().code(), "access_denied");
    assert!(fixture.is_live(&bob).await);

    let begun = fixture.step_up(Some(&bob), "okta").await;
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::NotFresh, "auth_time is old"));
    let error = fixture.complete("okta", &begun, "bob").await;
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
    let mut begun = fixture.step_up(None, "okta").await;
    begun.session = Some(bob.secret);
    let alice = fixture.complete("okta", &begun, "alice").await;
    assert!(!alice.unwrap().session.stepped_up);

    // The same at another provider, whose people are different ones.
    let bob = fixture.sign_in("okta", "bob").await;
    let begun = fixture.step_up(Some(&bob), "google").await;
    let other = fixture.complete("google", &begun, "bob").await;
    assert!(!other.unwrap().session.stepped_up);

    // And after the session has expired.
    let bob = fixture.sign_in("okta", "bob").await;
    fixture.clock.advance(TimeDelta::days(2));
    let begun = fixture.step_up(Some(&bob), "okta").await;
    let alice = fixture.complete("okta", &begun, "alice").await;
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
