//! Sign-out, and a sign-in over an earlier session.

use rolecall_core::audit::{Actor, AuditEventKind};
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::sign_in::{
    BrowserSecrets, Challenge, ProviderError, RejectReason, SignInCompleted, SignInError,
};

use crate::fixture::{
    Fixture, IDLE, StartedSignIn, callback_params, code, context, event_name, id,
};

fn out(signed_in: &SignInCompleted, reason: &str) -> AuditEventKind {
    AuditEventKind::SignedOut {
        actor: Actor::from(&signed_in.session.identity),
        session: signed_in.session.id.to_string(),
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn sign_out_ends_session_and_redirects_to_provider() {
    let fixture = Fixture::new();
    let mine = fixture.sign_in("okta", "alice").await;
    let other = fixture.sign_in("okta", "alice").await;
    fixture.trail.take();
    let sign_out = async || {
        let gateway = &fixture.gateway;
        gateway
            .sign_ins()
            .sign_out(&context(), &mine.session, &mine.secret)
            .await
    };
    let next = sign_out().await.unwrap();
    assert!(next.remaining.is_none(), "no client remains");
    let Some(Challenge::Redirect(url)) = next.upstream else {
        panic!("the provider supports sign-out");
    };
    let place = "https://idp.example/end?who=subject-alice&state=";
    assert!(url.as_str().starts_with(place), "{url}");
    assert!(!fixture.is_live(&mine).await);
    assert!(fixture.is_live(&other).await, "one browser, one session");
    assert_eq!(fixture.trail.take_only(), out(&mine, "sign_out"));

    assert!(
        sign_out().await.unwrap().upstream.is_some(),
        "a second click succeeds"
    );
    assert_eq!(fixture.trail.take(), [], "and ends nothing");
}

/// Signs bob in at google in a browser that sends this as its session.
async fn sign_in_over(
    fixture: &Fixture,
    session: &SessionSecret,
) -> Result<SignInCompleted, SignInError> {
    let begun = fixture.begin("google").await;
    complete_over(fixture, session, &begun).await
}

async fn complete_over(
    fixture: &Fixture,
    session: &SessionSecret,
    begun: &StartedSignIn,
) -> Result<SignInCompleted, SignInError> {
    let secrets = BrowserSecrets {
        session: Some(session.clone()),
        ..begun.secrets()
    };
    let returned = callback_params(&begun.state, code("bob"));
    fixture.trail.take();
    let sign_ins = fixture.gateway.sign_ins();
    let (context, google) = (context(), id("google"));
    sign_ins
        .complete_sign_in(&context, &google, &secrets, returned)
        .await
}

#[tokio::test]
async fn new_sign_in_replaces_previous_session() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    let new = sign_in_over(&fixture, &old.secret).await.unwrap();
    assert!(!fixture.is_live(&old).await && fixture.is_live(&new).await);
    let events = fixture.trail.take();
    assert_eq!(event_name(&events[0]), "signed_in");
    assert_eq!(
        events[1..],
        [out(&old, "replaced")],
        "the event names the person"
    );
}

#[tokio::test]
async fn refused_sign_in_replaces_no_session() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    let begun = fixture.begin("google").await;
    fixture
        .google
        .fail_once(|| ProviderError::rejected(RejectReason::Nonce, "of another sign-in"));
    let refused = complete_over(&fixture, &old.secret, &begun).await;
    assert!(refused.is_err());
    assert!(fixture.is_live(&old).await);
}

#[tokio::test]
async fn ended_session_is_replaced_without_event() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(IDLE);
    let made_up = SessionSecret::new("made up");
    for secret in [&old.secret, &made_up] {
        sign_in_over(&fixture, secret).await.unwrap();
        assert_eq!(event_name(&fixture.trail.take_only()), "signed_in");
    }
}
