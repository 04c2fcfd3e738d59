//! Guessed and mistyped user codes.

use rolecall_core::base::limits;

use super::*;

#[tokio::test]
async fn wrong_user_codes_are_rate_limited() {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    let right = started.user_code.to_string();
    let look = |session: Session, code: &'static str| {
        let gateway = fixture.gateway.clone();
        async move {
            gateway
                .clients()
                .look_up_device(&context(), &session, code)
                .await
                .map(|_| ())
        }
    };
    for _ in 0..limits::WRONG_CODES_PER_SESSION_MAX {
        assert!(matches!(
            look(alice.clone(), "BCDF-BCDF").await,
            Err(ConsentError::UnknownCode)
        ));
    }
    assert!(matches!(
        look(alice.clone(), "BCDF-BCDF").await,
        Err(ConsentError::TooManyTries(_))
    ));
    let blocked = decide(&fixture, &alice, &answer(&started, ConsentChoice::Allow)).await;
    assert!(matches!(blocked, Err(ConsentError::TooManyTries(_))));
    let bob = fixture.session_of("bob").await;
    assert!(
        fixture
            .gateway
            .clients()
            .look_up_device(&context(), &bob, &right)
            .await
            .is_ok()
    );
    fixture.clock.advance(limits::WRONG_CODES_WINDOW);
    // Ten minutes later the old code and the sign-in have expired.
    let alice = fixture.session_of("alice").await;
    assert!(matches!(
        look(alice, "BCDF-BCDF").await,
        Err(ConsentError::UnknownCode)
    ));
}

#[tokio::test]
async fn wrong_retyped_half_counts_as_wrong_code() {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    let guess = DeviceConsent {
        retyped: "XXXX".to_owned(),
        ..answer(&started, ConsentChoice::Allow)
    };
    for _ in 0..limits::WRONG_CODES_PER_SESSION_MAX {
        assert!(matches!(
            decide(&fixture, &alice, &guess).await,
            Err(ConsentError::NotRetyped)
        ));
    }
    assert!(matches!(
        decide(&fixture, &alice, &guess).await,
        Err(ConsentError::TooManyTries(_))
    ));
    // Denying requires neither retyping nor an approved session.
    let bob = fixture.session_of("bob").await;
    let deny = DeviceConsent {
        retyped: String::new(),
        ..answer(&started, ConsentChoice::Deny)
    };
    assert_eq!(decide(&fixture, &bob, &deny).await.unwrap(), 1);
    assert!(matches!(
        poll(&fixture, &known, &started).await,
        Err(TokenError::AccessDenied)
    ));
}
