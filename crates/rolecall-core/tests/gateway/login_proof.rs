//! The token endpoint of `aws login`: tokens require a verified proof, of the session's key, that no request has used.

use rolecall_core::aws_login::dpop::DpopError;
use rolecall_core::aws_login::{LoginClient, LoginError, LoginTokenRequest};

use crate::fixture::{Fixture, context, plain};
use crate::login::{Program, create_token};

#[tokio::test]
async fn token_request_needs_each_step() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let program = Program::here();
    let code = program.allowed(&fixture, &alice, plain()).await.unwrap();
    let request = LoginTokenRequest::Code(code);
    let logins = fixture.gateway.aws_logins();
    // Verified …
    for headers in [&[][..], &["no.proof.here"]] {
        let refused = logins.create_token(&context(), headers, &request).await;
        assert!(matches!(refused, Err(LoginError::Proof(_))), "{headers:?}");
    }
    let used = program.proof(&fixture);
    let tokens = create_token(&fixture, &used, &request).await.unwrap();
    let refresh = LoginTokenRequest::Refresh(program.client, tokens.refresh_token);
    // … consumed …
    let replayed = create_token(&fixture, &used, &refresh).await;
    assert!(matches!(
        replayed,
        Err(LoginError::Proof(DpopError::Replayed))
    ));
    // … and made with the session's own key.
    let other_key = Program::new(LoginClient::SameDevice, 9).proof(&fixture);
    let refused = create_token(&fixture, &other_key, &refresh).await;
    assert!(matches!(
        refused,
        Err(LoginError::Proof(DpopError::OtherKey))
    ));
    let fresh = program.proof(&fixture);
    assert!(create_token(&fixture, &fresh, &refresh).await.is_ok());
}
