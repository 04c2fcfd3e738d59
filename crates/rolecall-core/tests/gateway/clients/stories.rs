//! What goes well: both flows to the end, the policy's say in them, and how little it costs.

use rolecall_core::access::Unmet;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::caller::Flow;
use rolecall_core::entitlements::ClientReach;
use rolecall_core::issue::IssueError;

use super::*;
use crate::world::{ABSOLUTE, ACCESS, plain};

#[tokio::test]
async fn a_device_is_let_in_and_gets_roles() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    assert!(matches!(
        poll(&world, &known, &started).await,
        Err(TokenError::AuthorizationPending)
    ));
    let typed = started.user_code.to_string();
    let asked = world
        .gateway
        .clients()
        .look_up_device(&context(), &alice, &typed)
        .await
        .unwrap();
    assert_eq!(asked.requester.client_name.as_str(), "canary-client");
    assert_eq!(asked.requester.origin.address, "192.0.2.7".parse().ok());
    assert_eq!((asked.flow, asked.others.len()), (Flow::Device, 0));
    world.trail.take();
    assert_eq!(
        decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
            .await
            .unwrap(),
        1
    );
    let kind = world.trail.take_only();
    let AuditEventKind::ConsentGiven { session, asked, .. } = &kind else {
        panic!("{kind:?}");
    };
    assert_eq!(*session, alice.id.to_string());
    assert_eq!(
        (asked.client.as_str(), asked.requests),
        ("canary-client", 1)
    );
    assert_eq!(asked.from, "192.0.2.7".parse().ok());
    let tokens = poll(&world, &known, &started).await.unwrap();
    assert_eq!(tokens.access_expires_at, world.now() + minutes(60));
    let client = world
        .gateway
        .sessions()
        .client_session(&tokens.access_token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.identity.key(), alice.identity.key());
    assert_eq!((client.flow, client.ends_at), (Flow::Device, alice.ends_at));
    let issued = world
        .gateway
        .issuer()
        .credentials(&context(), &client, &plain())
        .await;
    assert!(issued.is_ok(), "{issued:?}");
}

#[tokio::test]
async fn a_program_on_the_same_machine_is_let_in() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let code = code(&world, &known, &alice, "s").await;
    let tokens = redeem(&world.gateway, &known, &code).await.unwrap();
    let client = world
        .gateway
        .sessions()
        .client_session(&tokens.access_token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.flow, Flow::Code);
    assert!(client.origin.address == context().origin.address);
}

#[tokio::test]
async fn the_policy_can_refuse_the_device_flow_role_by_role() {
    let access = ACCESS.replace(
        "accounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]",
        "accounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]\nwhen = { device_flow = false }",
    );
    let world = World::with_access(&access);
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let (entitlements, origin) = (world.gateway.entitlements(), context().origin);
    for (flow, roles, accounts) in [(Flow::Code, 3, 2), (Flow::Device, 2, 1)] {
        let reach = entitlements.client_reach(&alice, flow, &origin).await;
        assert_eq!(reach.unwrap(), ClientReach { roles, accounts }, "{flow:?}");
    }
    let device = by_device(&world, &known, &alice).await;
    let code = code(&world, &known, &alice, "s").await;
    let here = redeem(&world.gateway, &known, &code).await.unwrap();
    let session = |tokens: &ClientTokens| {
        let (gateway, token) = (world.gateway.clone(), tokens.access_token.clone());
        async move {
            gateway
                .sessions()
                .client_session(&token)
                .await
                .unwrap()
                .unwrap()
        }
    };
    let refused = world
        .gateway
        .issuer()
        .credentials(&context(), &session(&device).await, &plain())
        .await;
    match refused {
        Err(IssueError::Locked { unmet, .. }) => assert_eq!(unmet, [Unmet::DeviceFlow]),
        other => panic!("{other:?}"),
    }
    // It stays so whatever is refreshed.
    let refreshed = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &device.refresh_token)
        .await
        .unwrap();
    assert!(
        world
            .gateway
            .issuer()
            .credentials(&context(), &session(&refreshed).await, &plain())
            .await
            .is_err()
    );
    assert!(
        world
            .gateway
            .issuer()
            .credentials(&context(), &session(&here).await, &plain())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_token_is_looked_up_by_two_reads_and_a_poll_takes_two_trips() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let tokens = by_device(&world, &known, &alice).await;
    let started = start(&world, &known).await;
    world.store.take_verbs();
    assert!(opens(&world, &tokens).await);
    assert_eq!(
        world.store.take_verbs().into_iter().collect::<Vec<_>>(),
        [("get", 2)]
    );
    let _ = poll(&world, &known, &started).await;
    let verbs: Vec<_> = world.store.take_verbs().into_iter().collect();
    assert_eq!(verbs, [("get", 1), ("replace", 1)]);
    register(&world.gateway);
    assert!(
        world.store.take_verbs().is_empty(),
        "registering stores nothing"
    );
}

#[tokio::test]
async fn it_ends_with_the_browser_session_it_was_allowed_in() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.session_of("alice").await;
    world.clock.advance(ABSOLUTE - minutes(90));
    let code = code(&world, &known, &alice, "s").await;
    let tokens = redeem(&world.gateway, &known, &code).await.unwrap();
    world.clock.advance(minutes(59));
    let tokens = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await
        .unwrap();
    assert_eq!(tokens.access_expires_at, alice.ends_at);
    world.clock.advance(minutes(31));
    assert!(!opens(&world, &tokens).await);
    let refreshed = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
}
