//! Codes and sessions of `aws login` belong to the browser session that approved them.

use super::*;

#[tokio::test]
async fn end_others_ends_logins_and_codes() {
    let fixture = Fixture::new();
    let (here, there) = (
        fixture.session_of("alice").await,
        fixture.session_of("alice").await,
    );
    let program = Program::here();
    let shown = program.allowed(&fixture, &there, plain()).await.unwrap();
    let tokens = program.redeem(&fixture, &shown).await.unwrap();
    let waiting = program.allowed(&fixture, &there, plain()).await.unwrap();
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &here)
        .await
        .unwrap();
    let over = program.refresh(&fixture, &tokens.refresh_token).await;
    assert!(matches!(over, Err(LoginError::SessionOver)));
    let over = program.redeem(&fixture, &waiting).await;
    assert!(matches!(over, Err(LoginError::CodeUsed)));
}

#[tokio::test]
async fn login_code_is_bound_to_its_session() {
    let fixture = Fixture::new();
    let (alice, bob) = (
        fixture.session_of("alice").await,
        fixture.session_of("bob").await,
    );
    let program = Program::new(LoginClient::CrossDevice, 8);
    let shown = program.allowed(&fixture, &alice, plain()).await.unwrap();
    let of = async |session: &Session| {
        let code = fixture
            .gateway
            .aws_logins()
            .login_code(session, &shown.code)
            .await;
        code.unwrap().is_some()
    };
    assert!(of(&alice).await && !of(&bob).await);
    fixture.clock.advance(TimeDelta::minutes(5));
    assert!(!of(&alice).await);
}
