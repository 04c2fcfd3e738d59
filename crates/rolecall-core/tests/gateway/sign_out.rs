//! Sign-out, and a sign-in over an earlier session.

use rolecall_core::audit::{Actor, AuditEventKind};
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::sign_in::{Challenge, SignInCompleted};

use crate::fixture::{Fixture, IDLE, context};

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

#[tokio::test]
async fn new_sign_in_replaces_previous_session() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    let new = fixture.sign_in("google", "bob").await;
    fixture.trail.take();
    fixture
        .gateway
        .sign_ins()
        .replace_session(&context(), &old.secret)
        .await
        .unwrap();
    assert!(!fixture.is_live(&old).await && fixture.is_live(&new).await);
    assert_eq!(
        fixture.trail.take_only(),
        out(&old, "replaced"),
        "the event names the person"
    );
}

#[tokio::test]
async fn ended_session_is_replaced_without_event() {
    let fixture = Fixture::new();
    let old = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(IDLE);
    fixture.trail.take();
    let made_up = SessionSecret::new("made up");
    for secret in [&old.secret, &made_up] {
        fixture
            .gateway
            .sign_ins()
            .replace_session(&context(), secret)
            .await
            .unwrap();
    }
    assert_eq!(fixture.trail.take(), []);
}
