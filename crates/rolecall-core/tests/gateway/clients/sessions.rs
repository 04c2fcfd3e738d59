//! Client sessions: listed by their owner, ended individually or all at once, and invalid when their provider is
//! removed.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;
use rolecall_core::base::secret::AccessToken;
use rolecall_core::session::AccessTokenError;
use rolecall_core::sign_in::BrowserDelivery;

use super::*;
use crate::fixture::{PostResponse as _, id, logout, saml};

#[tokio::test]
async fn owner_lists_and_ends_client_sessions() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let (alice, bob) = (
        fixture.session_of("alice").await,
        fixture.session_of("bob").await,
    );
    let (first, second) = (
        by_device(&fixture, &known, &alice).await,
        by_device(&fixture, &known, &alice).await,
    );
    let his = by_device(&fixture, &known, &bob).await;
    let listed = fixture
        .gateway
        .sessions()
        .client_sessions(&alice)
        .await
        .unwrap();
    let of = |tokens: &ClientTokens| {
        let (gateway, token) = (fixture.gateway.clone(), tokens.access_token.clone());
        async move {
            gateway
                .sessions()
                .client_session(&token)
                .await
                .unwrap()
                .unwrap()
                .id
        }
    };
    let names: Vec<_> = listed.iter().map(|one| one.id).collect();
    assert_eq!(names, [of(&second).await, of(&first).await]);
    assert_eq!(
        fixture
            .gateway
            .sessions()
            .browser_sessions(&alice)
            .await
            .unwrap()
            .len(),
        1,
        "browsers are listed separately"
    );

    let name = of(&first).await.to_string();
    fixture
        .gateway
        .sessions()
        .end_session(&context(), &bob, &name)
        .await
        .unwrap();
    assert!(opens(&fixture, &first).await, "bob cannot end it");
    fixture.trail.take();
    fixture
        .gateway
        .sessions()
        .end_session(&context(), &alice, &name)
        .await
        .unwrap();
    assert!(
        !opens(&fixture, &first).await
            && opens(&fixture, &second).await
            && opens(&fixture, &his).await
    );
    let kind = fixture.trail.take_only();
    assert!(
        matches!(
            &kind,
            AuditEventKind::SignedOut { session, reason, .. }
                if *session == name && reason == "ended_by_owner"
        ),
        "{kind:?}"
    );
    assert_eq!(
        fixture
            .gateway
            .sessions()
            .client_sessions(&alice)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn client_ends_its_own_session() {
    let (fixture, known, alice) = set_up().await;
    let tokens = by_device(&fixture, &known, &alice).await;
    fixture.trail.take();
    for _ in 0..2 {
        fixture
            .gateway
            .sessions()
            .end_client_session(&context(), &tokens.access_token)
            .await
            .unwrap();
    }
    assert!(!opens(&fixture, &tokens).await);
    let refreshed = refresh(&fixture, &known, &tokens.refresh_token).await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
    let kind = fixture.trail.take_only();
    assert!(
        matches!(&kind, AuditEventKind::SignedOut { reason, .. } if reason == "client_sign_out"),
        "{kind:?}"
    );
}

#[tokio::test]
async fn end_others_ends_all_client_sessions() {
    let (fixture, known, alice) = set_up().await;
    let (listed, lost) = (
        by_device(&fixture, &known, &alice).await,
        by_device(&fixture, &known, &alice).await,
    );
    for key in fixture.store.keys("client-session-index") {
        fixture.store.remove(key);
    }
    let started = start_allowed(&fixture, &known, &alice).await;
    fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &alice)
        .await
        .unwrap();
    assert!(!opens(&fixture, &listed).await && !opens(&fixture, &lost).await);
    assert!(
        matches!(
            poll(&fixture, &known, &started).await,
            Err(TokenError::AccessDenied)
        ),
        "allowed before"
    );
    assert!(
        opens(&fixture, &by_device(&fixture, &known, &alice).await).await,
        "allowed after"
    );
}

#[tokio::test]
async fn oldest_client_session_ends_beyond_limit() {
    let (fixture, known, alice) = set_up().await;
    let mut all = Vec::new();
    for number in 0..=limits::CLIENT_SESSIONS_PER_SUBJECT_MAX {
        fixture.clock.advance(minutes(2));
        all.push(code(&fixture, &known, &alice, &number.to_string()).await);
        let redeemed = redeem(&fixture.gateway, &known, all.last().unwrap())
            .await
            .unwrap();
        if number == 0 {
            assert!(opens(&fixture, &redeemed).await);
        }
    }
    let listed = fixture
        .gateway
        .sessions()
        .client_sessions(&alice)
        .await
        .unwrap();
    assert_eq!(listed.len(), limits::CLIENT_SESSIONS_PER_SUBJECT_MAX);
    let ended = fixture.trail.take().into_iter().filter(
        |one| matches!(one, AuditEventKind::SignedOut { reason, .. } if reason == "too_many"),
    );
    assert_eq!(ended.count(), 1);
}

#[tokio::test]
async fn removed_provider_ends_client_sessions() {
    let (fixture, known, alice) = set_up().await;
    let tokens = by_device(&fixture, &known, &alice).await;
    let without = fixture.without_okta();
    assert!(
        without
            .sessions()
            .client_session(&tokens.access_token)
            .await
            .unwrap()
            .is_none()
    );
    let refreshed = without
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
        .await;
    assert!(matches!(refreshed, Err(TokenError::InvalidGrant)));
    assert!(opens(&fixture, &tokens).await);
}

#[tokio::test]
async fn provider_logout_ends_client_sessions() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let sign_in = |response: &'static str| {
        let gateway = fixture.gateway.clone();
        async move {
            let signed_in = gateway
                .sign_ins()
                .post_unsolicited(&context(), &id("okta"), saml(response))
                .await;
            signed_in.unwrap().session
        }
    };
    let named = by_device(&fixture, &known, &sign_in("alice a1 s1").await).await;
    let other = by_device(&fixture, &known, &sign_in("alice a2 s2").await).await;
    let bob = by_device(&fixture, &known, &sign_in("bob a3 s1").await).await;
    fixture
        .gateway
        .sign_ins()
        .handle_logout_request(
            &context(),
            &id("okta"),
            Some(logout("subject-alice r1 s1")),
            BrowserDelivery::Navigation,
        )
        .await
        .unwrap();
    assert!(!opens(&fixture, &named).await);
    assert!(opens(&fixture, &other).await && opens(&fixture, &bob).await);
}

#[tokio::test]
async fn administrator_ends_all_sessions_of_a_person() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let (alice, bob) = (
        fixture.sign_in("okta", "alice").await,
        fixture.sign_in("okta", "bob").await,
    );
    let listed = by_device(&fixture, &known, &alice.session).await;
    let his = by_device(&fixture, &known, &bob.session).await;
    for key in fixture.store.keys("session-index") {
        fixture.store.remove(key);
    }
    let started = start_allowed(&fixture, &known, &alice.session).await;
    let who = &alice.session.identity;
    fixture
        .gateway
        .sessions()
        .end_person(&who.provider, &who.subject)
        .await
        .unwrap();
    assert!(!opens(&fixture, &listed).await && !fixture.is_live(&alice).await);
    let redeemed = poll(&fixture, &known, &started).await;
    assert!(matches!(redeemed, Err(TokenError::AccessDenied)));
    assert!(opens(&fixture, &his).await && fixture.is_live(&bob).await);
    assert!(
        fixture
            .is_live(&fixture.sign_in("okta", "alice").await)
            .await
    );
}

#[tokio::test]
async fn access_token_error_tells_foreign_from_ended() {
    let (fixture, known, alice) = set_up().await;
    let own = by_device(&fixture, &known, &alice).await.access_token;
    let sessions = fixture.gateway.sessions();
    let verify = async |token: &str| sessions.verify_access_token(&AccessToken::new(token)).await;
    let found = verify(own.expose()).await.unwrap();
    assert_eq!(found.identity.key(), alice.identity.key());
    for (foreign, is_of_aws) in [("aoaAAAAAGlOsBcExample", true), ("rca_short", false)] {
        assert!(
            matches!(
                verify(foreign).await,
                Err(AccessTokenError::NotIssuedHere { of_aws }) if of_aws == is_of_aws
            ),
            "{foreign}"
        );
    }
    fixture.store.outage.fail_after(0);
    let outage = verify(own.expose()).await;
    assert!(matches!(outage, Err(AccessTokenError::Unavailable(_))));
    fixture.store.outage.repair();
    sessions.end_client_session(&context(), &own).await.unwrap();
    let ended = verify(own.expose()).await;
    assert!(matches!(ended, Err(AccessTokenError::SessionEnded)));
}
