//! How sessions end: never without a word in the trail, and with the provider that vouched for the person.

use rolecall_core::audit::AuditEventKind;

use crate::world::{World, context};

#[tokio::test]
async fn a_provider_that_is_taken_out_takes_its_peoples_sessions_along() {
    let world = World::new();
    let okta = world.sign_in("okta", "alice").await;
    let google = world.sign_in("google", "alice").await;
    let later = world.without_okta();
    assert!(
        later
            .sessions()
            .session(&okta.secret)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        later
            .sessions()
            .session(&google.secret)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_session_that_cannot_be_said_to_have_ended_lives_on() {
    let world = World::new();
    let alice = world.sign_in("okta", "alice").await;
    world.trail.take();
    world.trail.outage.break_after(0);
    let ended = world
        .gateway
        .sign_ins()
        .sign_out(&context(), &alice.session, &alice.secret)
        .await;
    assert!(ended.is_err() && world.is_live(&alice).await);

    world.trail.outage.repair();
    let ended = world
        .gateway
        .sign_ins()
        .sign_out(&context(), &alice.session, &alice.secret)
        .await;
    assert!(ended.is_ok() && !world.is_live(&alice).await);
    let kind = world.trail.take_only();
    assert!(matches!(kind, AuditEventKind::SignedOut { .. }));
}
