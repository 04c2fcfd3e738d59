//! Attacks: stolen, swapped, guessed and replayed codes, sequential and concurrent.

use futures_util::future::join_all;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;

use super::*;

#[tokio::test]
async fn only_one_of_100_redemptions_succeeds() {
    let (fixture, known, alice) = set_up().await;
    let started = start_allowed(&fixture, &known, &alice).await;
    let polls = (0..100).map(|_| poll(&fixture, &known, &started));
    let won: Vec<_> = join_all(polls)
        .await
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(opens(&fixture, &won[0]).await);

    let code = code(&fixture, &known, &alice, "s").await;
    let redemptions = (0..100).map(|_| redeem(&fixture.gateway, &known, &code));
    let won: Vec<_> = join_all(redemptions)
        .await
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(!opens(&fixture, &won[0]).await, "the code was shown again");
    assert_eq!(
        fixture.store.keys("client-session").len(),
        1,
        "no session of the other redemptions remains"
    );
}

#[tokio::test]
async fn concurrent_refreshes_get_the_same_tokens() {
    let (fixture, known, alice) = set_up().await;
    let tokens = by_device(&fixture, &known, &alice).await;
    fixture.clock.advance(minutes(60));
    let context = context();
    let refreshes = (0..50).map(|_| {
        fixture
            .gateway
            .clients()
            .refresh(&context, &known.id, &tokens.refresh_token)
    });
    let mut successors: Vec<String> = Vec::new();
    for refreshed in join_all(refreshes).await {
        let refreshed = refreshed.unwrap();
        assert!(opens(&fixture, &refreshed).await);
        successors.push(refreshed.refresh_token.expose().to_owned());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
}

#[tokio::test]
async fn each_replaced_refresh_token_keeps_its_grace() {
    let (fixture, known, alice) = set_up().await;
    let mut chain = vec![by_device(&fixture, &known, &alice).await];
    let refresh =
        async |tokens: &ClientTokens| refresh(&fixture, &known, &tokens.refresh_token).await;
    for _ in 0..limits::REFRESH_TOKENS_RETIRED_MAX {
        chain.push(refresh(chain.last().unwrap()).await.unwrap());
    }
    let newest = chain.last().unwrap();
    assert!(matches!(refresh(newest).await, Err(TokenError::SlowDown)));
    fixture
        .clock
        .advance(limits::REFRESH_GRACE - TimeDelta::seconds(1));
    for tokens in &chain {
        assert!(opens(&fixture, tokens).await);
    }
    for behind in &chain[..chain.len() - 1] {
        let again = refresh(behind).await.unwrap();
        assert_eq!(again.access_token.expose(), newest.access_token.expose());
    }
    fixture.clock.advance(TimeDelta::seconds(1));
    let next = refresh(newest).await.unwrap();
    assert!(opens(&fixture, &next).await);
    fixture.trail.take();
    assert!(matches!(refresh(&chain[0]).await, Err(TokenError::Reused)));
    assert!(!opens(&fixture, &next).await, "the token was replayed");
    let kind = fixture.trail.take_only();
    assert!(
        matches!(&kind, AuditEventKind::SignedOut { reason, .. } if reason == "refresh_token_reused"),
        "{kind:?}"
    );
}

#[tokio::test]
async fn concurrent_access_tokens_are_bounded() {
    let (fixture, known, alice) = set_up().await;
    let mut all = vec![by_device(&fixture, &known, &alice).await];
    for number in 0..limits::ACCESS_TOKENS_MAX {
        if number % limits::REFRESH_TOKENS_RETIRED_MAX == 0 {
            fixture.clock.advance(limits::REFRESH_GRACE);
        }
        let newest = &all.last().unwrap().refresh_token;
        all.push(refresh(&fixture, &known, newest).await.unwrap());
    }
    assert!(!opens(&fixture, &all[0]).await);
    for tokens in &all[1..] {
        assert!(opens(&fixture, tokens).await);
    }
}

#[tokio::test]
async fn swapped_client_records_do_not_open() {
    let fixture = Fixture::new();
    let known = register(&fixture.gateway);
    let (alice, bob) = (
        fixture.session_of("alice").await,
        fixture.session_of("bob").await,
    );
    let (hers, his) = (
        by_device(&fixture, &known, &alice).await,
        by_device(&fixture, &known, &bob).await,
    );
    let keys = fixture.store.keys("client-session");
    fixture.store.swap(keys[0], keys[1]);
    assert!(!opens(&fixture, &hers).await && !opens(&fixture, &his).await);
    fixture.store.swap(keys[0], keys[1]);

    // A device that alice approved is not bob's.
    let (one, other) = (start(&fixture, &known).await, start(&fixture, &known).await);
    decide(&fixture, &alice, &answer(&one, ConsentChoice::Allow))
        .await
        .unwrap();
    let keys = fixture.store.keys("device");
    fixture.store.swap(keys[0], keys[1]);
    for started in [&one, &other] {
        assert!(matches!(
            poll(&fixture, &known, started).await,
            Err(TokenError::InvalidGrant)
        ));
    }
}

#[tokio::test]
async fn store_contains_no_plaintext_codes_or_tokens() {
    let (fixture, known, alice) = set_up().await;
    let waiting = start(&fixture, &known).await;
    let code = code(&fixture, &known, &alice, "canary-state").await;
    let tokens = by_device(&fixture, &known, &alice).await;
    let refreshed = refresh(&fixture, &known, &tokens.refresh_token)
        .await
        .unwrap();
    let user_code = waiting.user_code.to_string();
    let bare = user_code.replace('-', "");
    let secrets = [
        "alice",
        "canary",
        "botocore",
        LISTENING,
        user_code.as_str(),
        bare.as_str(),
        waiting.device_code.expose(),
        code.expose(),
        known.id.as_str(),
        tokens.access_token.expose(),
        tokens.refresh_token.expose(),
        refreshed.refresh_token.expose(),
        &tokens.access_token.expose()[4..47],
    ];
    let kinds: std::collections::BTreeSet<String> = fixture
        .store
        .dump()
        .iter()
        .filter_map(|(key, _)| Some(key.split(':').next()?.to_owned()))
        .collect();
    for kind in [
        "authorization",
        "authorization-code",
        "client-session",
        "client-session-index",
        "device",
        "user-code",
        "waiting",
    ] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
    for (key, value) in fixture.store.dump() {
        for secret in secrets {
            let held = value
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!held && !key.contains(secret), "{key} holds {secret}");
        }
    }
}

#[tokio::test]
async fn token_with_another_person_is_rejected() {
    let (fixture, known, alice) = set_up().await;
    let bob = fixture.session_of("bob").await;
    let mut tokens = by_device(&fixture, &known, &alice).await;
    for key in fixture.store.keys("client-session-index") {
        fixture.store.remove(key);
    }
    let ended = fixture
        .gateway
        .sessions()
        .end_other_sessions(&context(), &alice)
        .await;
    ended.unwrap();
    assert!(!opens(&fixture, &tokens).await, "her epoch ended it");

    let own = alice.identity.key().to_string();
    let access = tokens.access_token.expose();
    assert!(access.contains(&own), "it names its person");
    let named_anew = access.replace(&own, &bob.identity.key().to_string());
    let known = tokens.access_token.handle().map(|handle| handle.key);
    tokens.access_token = AccessToken::new(named_anew);
    let named = tokens.access_token.handle().map(|handle| handle.key);
    assert!(named.is_some() && named != known, "it finds nothing");
    assert!(!opens(&fixture, &tokens).await);
}

#[tokio::test]
async fn replayed_code_ends_its_session() {
    let (fixture, known, alice) = set_up().await;
    let code = code(&fixture, &known, &alice, "s").await;
    let tokens = redeem(&fixture.gateway, &known, &code).await.unwrap();
    fixture.clock.advance(minutes(5));
    let again = redeem(&fixture.gateway, &known, &code).await;
    assert!(matches!(again, Err(TokenError::InvalidGrant)));
    assert!(!opens(&fixture, &tokens).await);
}

#[tokio::test]
async fn code_is_bound_to_redirect_uri() {
    let (fixture, known, alice) = set_up().await;
    let code = code(&fixture, &known, &alice, "s").await;
    let elsewhere = CodeRedemption {
        code: code.clone(),
        redirect_uri: LISTENING.replace("33389", "33390"),
        verifier: SecretText::new(VERIFIER),
    };
    let redeemed = fixture
        .gateway
        .clients()
        .redeem_code(&context(), &known.id, &elsewhere)
        .await;
    assert!(matches!(redeemed, Err(TokenError::InvalidGrant)));
    let invalidated = redeem(&fixture.gateway, &known, &code).await;
    assert!(matches!(invalidated, Err(TokenError::InvalidGrant)));
}

#[tokio::test]
async fn replaced_refresh_token_after_grace_ends_session() {
    let (fixture, known, alice) = set_up().await;
    let first = by_device(&fixture, &known, &alice).await;
    let refresh = || {
        let (gateway, id) = (fixture.gateway.clone(), known.id.clone());
        let token = first.refresh_token.clone();
        async move { gateway.clients().refresh(&context(), &id, &token).await }
    };
    let second = refresh().await.unwrap();
    fixture
        .clock
        .advance(limits::REFRESH_GRACE - TimeDelta::seconds(1));
    assert!(refresh().await.is_ok());
    fixture.clock.advance(TimeDelta::seconds(1));
    assert!(matches!(refresh().await, Err(TokenError::Reused)));
    assert!(!opens(&fixture, &second).await);
}

#[tokio::test]
async fn requests_a_minute_apart_are_decided_separately() {
    let (fixture, known, alice) = set_up().await;
    start(&fixture, &known).await;
    fixture
        .clock
        .advance(limits::JOINT_CONSENT_WINDOW + TimeDelta::seconds(1));
    let late = start(&fixture, &known).await;
    let look = || async {
        let (typed, from) = (late.user_code.to_string(), context());
        let asked = fixture
            .gateway
            .clients()
            .look_up_device(&from, &alice, &typed);
        asked.await.unwrap().others.len()
    };
    assert_eq!(look().await, 0);
    fixture.clock.advance(limits::JOINT_CONSENT_WINDOW);
    start(&fixture, &known).await;
    assert_eq!(look().await, 1);
}
