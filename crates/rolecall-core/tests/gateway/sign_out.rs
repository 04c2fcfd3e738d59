//! Signing out, and being signed in anew over an older session.

use rolecall_core::audit::{Actor, AuditEventKind};
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::sign_in::{Challenge, SignInCompleted};

use crate::world::{IDLE, World, context};

fn out(signed_in: &SignInCompleted, reason: &str) -> AuditEventKind {
    AuditEventKind::SignedOut {
        actor: Actor::from(&signed_in.session.identity),
        session: signed_in.session.id.to_string(),
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn who_signs_out_is_out_here_and_then_at_the_provider() {
    let world = World::new();
    let mine = world.sign_in("okta", "alice").await;
    let other = world.sign_in("okta", "alice").await;
    world.trail.take();
    let sign_out = async || {
        let gateway = &world.gateway;
        gateway
            .sign_ins()
            .sign_out(&context(), &mine.session, &mine.secret)
            .await
    };
    let next = sign_out().await.unwrap();
    assert!(next.remaining.is_none(), "no client was let in");
    let Some(Challenge::Redirect(url)) = next.upstream else {
        panic!("the provider has a place for it");
    };
    let place = "https://idp.example/end?who=subject-alice&state=";
    assert!(url.as_str().starts_with(place), "{url}");
    assert!(!world.is_live(&mine).await);
    assert!(world.is_live(&other).await, "one browser, one session");
    assert_eq!(world.trail.take_only(), out(&mine, "sign_out"));

    assert!(
        sign_out().await.unwrap().upstream.is_some(),
        "a second click is no mistake"
    );
    assert_eq!(world.trail.take(), [], "and ends nothing");
}

#[tokio::test]
async fn a_new_sign_in_replaces_the_browsers_old_session() {
    let world = World::new();
    let old = world.sign_in("okta", "alice").await;
    let new = world.sign_in("google", "bob").await;
    world.trail.take();
    world
        .gateway
        .sign_ins()
        .replace_session(&context(), &old.secret)
        .await
        .unwrap();
    assert!(!world.is_live(&old).await && world.is_live(&new).await);
    assert_eq!(
        world.trail.take_only(),
        out(&old, "replaced"),
        "by its own person's name"
    );
}

#[tokio::test]
async fn what_is_no_session_any_more_is_replaced_without_a_word() {
    let world = World::new();
    let old = world.sign_in("okta", "alice").await;
    world.clock.advance(IDLE);
    world.trail.take();
    let made_up = SessionSecret::new("made up");
    for secret in [&old.secret, &made_up] {
        world
            .gateway
            .sign_ins()
            .replace_session(&context(), secret)
            .await
            .unwrap();
    }
    assert_eq!(world.trail.take(), []);
}
