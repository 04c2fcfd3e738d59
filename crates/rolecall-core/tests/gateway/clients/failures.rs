//! The store or the audit trail fails at each step in turn: nothing is approved without an event, no unsaved token is
//! returned, and an outage invalidates no valid token.

use rolecall_core::record::StoreError;

use super::*;

#[tokio::test]
async fn unaudited_consent_is_not_given() {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    fixture.trail.outage.fail_after(0);
    let error = decide(&fixture, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap_err();
    assert!(matches!(error, ConsentError::Unavailable(_)));
    fixture.trail.outage.repair();
    assert!(matches!(
        poll(&fixture, &known, &started).await,
        Err(TokenError::AuthorizationPending)
    ));
}

#[tokio::test]
async fn unaudited_tokens_are_not_returned() {
    let (fixture, known, alice) = set_up().await;
    let started = start_allowed(&fixture, &known, &alice).await;
    let code = code(&fixture, &known, &alice, "s").await;
    fixture.trail.outage.fail_after(0);
    assert!(matches!(
        poll(&fixture, &known, &started).await,
        Err(TokenError::Unavailable(_))
    ));
    assert!(matches!(
        redeem(&fixture.gateway, &known, &code).await,
        Err(TokenError::Unavailable(_))
    ));
    assert!(fixture.store.keys("client-session").is_empty());
}

#[tokio::test]
async fn store_failure_never_issues_tokens_twice() {
    for step in 0.. {
        let fixture = Fixture::new();
        let (known, alice) = (
            register(&fixture.gateway),
            fixture.session_of("alice").await,
        );
        let code = code(&fixture, &known, &alice, "s").await;
        fixture.store.outage.fail_after(step);
        let first = redeem(&fixture.gateway, &known, &code).await;
        fixture.store.outage.repair();
        match first {
            Ok(tokens) => {
                assert!(opens(&fixture, &tokens).await);
                assert!(step > 3, "it takes more than {step} calls");
                break;
            }
            Err(error) => assert!(
                matches!(error, TokenError::Unavailable(StoreError::Unavailable(_))),
                "step {step}: {error:?}"
            ),
        }
        // A retry succeeds if the code was not consumed. There are never two sessions.
        let second = redeem(&fixture.gateway, &known, &code).await;
        let listed = fixture
            .gateway
            .sessions()
            .client_sessions(&alice)
            .await
            .unwrap();
        assert_eq!(listed.len(), usize::from(second.is_ok()), "step {step}");
    }
}

#[tokio::test]
async fn outage_does_not_invalidate_tokens() {
    let (fixture, known, alice) = set_up().await;
    let tokens = by_device(&fixture, &known, &alice).await;
    for step in 0..2 {
        fixture.store.outage.fail_after(step);
        let found = fixture
            .gateway
            .sessions()
            .client_session(&tokens.access_token)
            .await;
        assert!(
            matches!(found, Err(StoreError::Unavailable(_))),
            "step {step}"
        );
        let refreshed = refresh(&fixture, &known, &tokens.refresh_token).await;
        assert!(
            matches!(refreshed, Err(TokenError::Unavailable(_))),
            "step {step}"
        );
        fixture.store.outage.repair();
    }
    fixture.store.outage.fail_after(2);
    let refreshed = refresh(&fixture, &known, &tokens.refresh_token).await;
    assert!(
        matches!(refreshed, Err(TokenError::Unavailable(_))),
        "the rotation was not written"
    );
    fixture.store.outage.repair();
    assert!(opens(&fixture, &tokens).await);
    assert!(
        refresh(&fixture, &known, &tokens.refresh_token)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn pending_request_list_is_optional() {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    for key in fixture.store.keys("waiting") {
        fixture.store.remove(key);
    }
    decide(&fixture, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    assert!(poll(&fixture, &known, &started).await.is_ok());
}
