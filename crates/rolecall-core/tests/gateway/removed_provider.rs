//! Session ends: always with an event, and when the provider is removed.

use rolecall_core::audit::AuditEventKind;

use crate::fixture::{Fixture, context};

#[tokio::test]
async fn removed_provider_ends_its_sessions() {
    let fixture = Fixture::new();
    let okta = fixture.sign_in("okta", "alice").await;
    let google = fixture.sign_in("google", "alice").await;
    let later = fixture.without_okta();
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
async fn unaudited_end_keeps_the_session() {
    let fixture = Fixture::new();
    let alice = fixture.sign_in("okta", "alice").await;
    fixture.trail.take();
    fixture.trail.outage.fail_after(0);
    let ended = fixture
        .gateway
        .sign_ins()
        .sign_out(&context(), &alice.session, &alice.secret)
        .await;
    assert!(ended.is_err() && fixture.is_live(&alice).await);

    fixture.trail.outage.repair();
    let ended = fixture
        .gateway
        .sign_ins()
        .sign_out(&context(), &alice.session, &alice.secret)
        .await;
    assert!(ended.is_ok() && !fixture.is_live(&alice).await);
    let kind = fixture.trail.take_only();
    assert!(matches!(kind, AuditEventKind::SignedOut { .. }));
}
