//! Successful flows, the effect of the policy on them, and their number of store operations.

use rolecall_core::access::Unmet;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::caller::Flow;
use rolecall_core::entitlements::AccessSummary;
use rolecall_core::issue::IssueError;

use super::*;
use crate::fixture::{ABSOLUTE, ACCESS, plain};

#[tokio::test]
async fn device_flow_grants_roles() {
    let (fixture, known, alice) = set_up().await;
    let started = start(&fixture, &known).await;
    assert!(matches!(
        poll(&fixture, &known, &started).await,
        Err(TokenError::AuthorizationPending)
    ));
    let typed = started.user_code.to_string();
    let asked = fixture
        .gateway
        .clients()
        .look_up_device(&context(), &alice, &typed)
        .await
        .unwrap();
    assert_eq!(asked.requester.client_name.as_str(), "canary-client");
    assert_eq!(
        asked.requester.client_info.address,
        "192.0.2.7".parse().ok()
    );
    assert_eq!((asked.flow, asked.others.len()), (Flow::Device, 0));
    fixture.trail.take();
    assert_eq!(
        decide(&fixture, &alice, &answer(&started, ConsentChoice::Allow))
            .await
            .unwrap(),
        1
    );
    let kind = fixture.trail.take_only();
    let AuditEventKind::ConsentGiven { session, asked, .. } = &kind else {
        panic!("{kind:?}");
    };
    assert_eq!(*session, alice.id.to_string());
    assert_eq!(
        (asked.client.as_str(), asked.requests),
        ("canary-client", 1)
    );
    assert_eq!(asked.from, "192.0.2.7".parse().ok());
    let tokens = poll(&fixture, &known, &started).await.unwrap();
    assert_eq!(tokens.access_expires_at, fixture.now() + minutes(60));
    let client = fixture
        .gateway
        .sessions()
        .client_session(&tokens.access_token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.identity.key(), alice.identity.key());
    assert_eq!((client.flow, client.ends_at), (Flow::Device, alice.ends_at));
    let issued = fixture
        .gateway
        .issuer()
        .credentials(&context(), &client, &plain())
        .await;
    assert!(issued.is_ok(), "{issued:?}");
}

#[tokio::test]
async fn code_flow_grants_roles() {
    let (fixture, known, alice) = set_up().await;
    let code = code(&fixture, &known, &alice, "s").await;
    let tokens = redeem(&fixture.gateway, &known, &code).await.unwrap();
    let client = fixture
        .gateway
        .sessions()
        .client_session(&tokens.access_token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.flow, Flow::Code);
    assert!(client.client_info.address == context().client_info.address);
}

#[tokio::test]
async fn policy_restricts_device_flow_per_role() {
    let access = ACCESS.replace(
        "accounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]",
        "accounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]\nwhen = { device_flow = false }",
    );
    let fixture = Fixture::with_access(&access);
    let (known, alice) = (
        register(&fixture.gateway),
        fixture.session_of("alice").await,
    );
    let (entitlements, client_info) = (fixture.gateway.entitlements(), context().client_info);
    for (flow, roles, accounts) in [(Flow::Code, 3, 2), (Flow::Device, 2, 1)] {
        let summary = entitlements
            .access_summary(&alice, flow, &client_info)
            .await;
        assert_eq!(
            summary.unwrap(),
            AccessSummary { roles, accounts },
            "{flow:?}"
        );
    }
    let device = by_device(&fixture, &known, &alice).await;
    let code = code(&fixture, &known, &alice, "s").await;
    let here = redeem(&fixture.gateway, &known, &code).await.unwrap();
    let session = |tokens: &ClientTokens| {
        let (gateway, token) = (fixture.gateway.clone(), tokens.access_token.clone());
        async move {
            gateway
                .sessions()
                .client_session(&token)
                .await
                .unwrap()
                .unwrap()
        }
    };
    let refused = fixture
        .gateway
        .issuer()
        .credentials(&context(), &session(&device).await, &plain())
        .await;
    match refused {
        Err(IssueError::Locked { unmet, .. }) => assert_eq!(unmet, [Unmet::DeviceFlow]),
        other => panic!("{other:?}"),
    }
    // Refreshed tokens do not change that.
    let refreshed = refresh(&fixture, &known, &device.refresh_token)
        .await
        .unwrap();
    assert!(
        fixture
            .gateway
            .issuer()
            .credentials(&context(), &session(&refreshed).await, &plain())
            .await
            .is_err()
    );
    assert!(
        fixture
            .gateway
            .issuer()
            .credentials(&context(), &session(&here).await, &plain())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn token_lookup_needs_two_reads() {
    let (fixture, known, alice) = set_up().await;
    let tokens = by_device(&fixture, &known, &alice).await;
    let started = start(&fixture, &known).await;
    fixture.store.take_calls();
    assert!(opens(&fixture, &tokens).await);
    assert_eq!(
        fixture.store.take_calls().into_iter().collect::<Vec<_>>(),
        [("get", 2)]
    );
    let _ = poll(&fixture, &known, &started).await;
    let operations: Vec<_> = fixture.store.take_calls().into_iter().collect();
    assert_eq!(operations, [("get", 1), ("replace", 1)]);
    register(&fixture.gateway);
    assert!(
        fixture.store.take_calls().is_empty(),
        "registering stores nothing"
    );
}

#[tokio::test]
async fn client_session_ends_with_browser_session() {
    let (fixture, known, alice) = set_up().await;
    fixture.clock.advance(ABSOLUTE - minutes(90));
    let code = code(&fixture, &known, &alice, "s").await;
    let tokens = redeem(&fixture.gateway, &known, &code).await.unwrap();
    fixture.clock.advance(minutes(59));
    let tokens = refresh(&fixture, &known, &tokens.refresh_token)
        .await
        .unwrap();
    assert_eq!(tokens.access_expires_at, alice.ends_at);
    fixture.clock.advance(minutes(31));
    assert!(!opens(&fixture, &tokens).await);
    let refreshed = refresh(&fixture, &known, &tokens.refresh_token).await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
}
