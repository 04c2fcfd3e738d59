//! What must not work: stolen, swapped, guessed and repeated codes, in order and at the same time.

use futures_util::future::join_all;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::base::limits;

use super::*;

#[tokio::test]
async fn of_a_hundred_redemptions_one_wins() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    decide(&world, &alice, &answer(&started, ConsentChoice::Allow))
        .await
        .unwrap();
    let polls = (0..100).map(|_| poll(&world, &known, &started));
    let won: Vec<_> = join_all(polls)
        .await
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(opens(&world, &won[0]).await);

    let code = code(&world, &known, &alice, "s").await;
    let redemptions = (0..100).map(|_| redeem(&world.gateway, &known, &code));
    let won: Vec<_> = join_all(redemptions)
        .await
        .into_iter()
        .filter_map(Result::ok)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(!opens(&world, &won[0]).await, "the code was shown again");
    assert_eq!(
        world.store.keys("client-session").len(),
        1,
        "nothing is left of those that lost"
    );
}

#[tokio::test]
async fn fifty_refreshes_at_once_get_the_same_successors() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let tokens = by_device(&world, &known, &alice).await;
    world.clock.advance(minutes(60));
    let context = context();
    let refreshes = (0..50).map(|_| {
        world
            .gateway
            .clients()
            .refresh(&context, &known.id, &tokens.refresh_token)
    });
    let mut successors: Vec<String> = Vec::new();
    for refreshed in join_all(refreshes).await {
        let refreshed = refreshed.unwrap();
        assert!(opens(&world, &refreshed).await);
        successors.push(refreshed.refresh_token.expose().to_owned());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
}

#[tokio::test]
async fn however_often_a_token_is_replaced_each_keeps_its_grace() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let mut chain = vec![by_device(&world, &known, &alice).await];
    let refresh = async |tokens: &ClientTokens| {
        let token = &tokens.refresh_token;
        world
            .gateway
            .clients()
            .refresh(&context(), &known.id, token)
            .await
    };
    for _ in 0..limits::REFRESH_TOKENS_RETIRED_MAX {
        chain.push(refresh(chain.last().unwrap()).await.unwrap());
    }
    let newest = chain.last().unwrap();
    assert!(matches!(refresh(newest).await, Err(TokenError::SlowDown)));
    world
        .clock
        .advance(limits::REFRESH_GRACE - TimeDelta::seconds(1));
    for tokens in &chain {
        assert!(opens(&world, tokens).await);
    }
    for behind in &chain[..chain.len() - 1] {
        let again = refresh(behind).await.unwrap();
        assert_eq!(again.access_token.expose(), newest.access_token.expose());
    }
    world.clock.advance(TimeDelta::seconds(1));
    let next = refresh(newest).await.unwrap();
    assert!(opens(&world, &next).await);
    world.trail.take();
    assert!(matches!(refresh(&chain[0]).await, Err(TokenError::Reused)));
    assert!(!opens(&world, &next).await, "somebody has a copy");
    let kind = world.trail.take_only();
    assert!(
        matches!(&kind, AuditEventKind::SignedOut { reason, .. } if reason == "refresh_token_reused"),
        "{kind:?}"
    );
}

#[tokio::test]
async fn access_tokens_that_work_at_once_are_bounded() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let mut all = vec![by_device(&world, &known, &alice).await];
    for number in 0..limits::ACCESS_TOKENS_MAX {
        if number % limits::REFRESH_TOKENS_RETIRED_MAX == 0 {
            world.clock.advance(limits::REFRESH_GRACE);
        }
        let newest = &all.last().unwrap().refresh_token;
        all.push(
            world
                .gateway
                .clients()
                .refresh(&context(), &known.id, newest)
                .await
                .unwrap(),
        );
    }
    assert!(!opens(&world, &all[0]).await);
    for tokens in &all[1..] {
        assert!(opens(&world, tokens).await);
    }
}

#[tokio::test]
async fn swapped_records_open_for_nobody() {
    let world = World::new();
    let known = register(&world.gateway);
    let (alice, bob) = (
        world.session_of("alice").await,
        world.session_of("bob").await,
    );
    let (hers, his) = (
        by_device(&world, &known, &alice).await,
        by_device(&world, &known, &bob).await,
    );
    let keys = world.store.keys("client-session");
    world.store.swap(keys[0], keys[1]);
    assert!(!opens(&world, &hers).await && !opens(&world, &his).await);
    world.store.swap(keys[0], keys[1]);

    // A device that alice allowed is not bob's device's.
    let (one, other) = (start(&world, &known).await, start(&world, &known).await);
    decide(&world, &alice, &answer(&one, ConsentChoice::Allow))
        .await
        .unwrap();
    let keys = world.store.keys("device");
    world.store.swap(keys[0], keys[1]);
    for started in [&one, &other] {
        assert!(matches!(
            poll(&world, &known, started).await,
            Err(TokenError::InvalidGrant)
        ));
    }
}

#[tokio::test]
async fn a_dump_shows_no_code_no_token_and_no_name() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let waiting = start(&world, &known).await;
    let code = code(&world, &known, &alice, "canary-state").await;
    let tokens = by_device(&world, &known, &alice).await;
    let refreshed = world
        .gateway
        .clients()
        .refresh(&context(), &known.id, &tokens.refresh_token)
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
    let kinds: std::collections::BTreeSet<String> = world
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
    for (key, value) in world.store.dump() {
        for secret in secrets {
            let held = value
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!held && !key.contains(secret), "{key} holds {secret}");
        }
    }
}

#[tokio::test]
async fn wrong_codes_are_counted_by_session_and_by_address() {
    let world = World::new();
    let known = register(&world.gateway);
    let alice = world.session_of("alice").await;
    let started = start(&world, &known).await;
    let right = started.user_code.to_string();
    let look = |session: Session, code: &'static str| {
        let gateway = world.gateway.clone();
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
    let blocked = decide(&world, &alice, &answer(&started, ConsentChoice::Allow)).await;
    assert!(matches!(blocked, Err(ConsentError::TooManyTries(_))));
    let bob = world.session_of("bob").await;
    assert!(
        world
            .gateway
            .clients()
            .look_up_device(&context(), &bob, &right)
            .await
            .is_ok()
    );
    world.clock.advance(limits::WRONG_CODES_WINDOW);
    // Ten minutes later the old code has expired, and so has the sign-in.
    let alice = world.session_of("alice").await;
    assert!(matches!(
        look(alice, "BCDF-BCDF").await,
        Err(ConsentError::UnknownCode)
    ));
}

#[tokio::test]
async fn a_wrong_half_is_a_wrong_code() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let started = start(&world, &known).await;
    let guess = DeviceConsent {
        retyped: "XXXX".to_owned(),
        ..answer(&started, ConsentChoice::Allow)
    };
    for _ in 0..limits::WRONG_CODES_PER_SESSION_MAX {
        assert!(matches!(
            decide(&world, &alice, &guess).await,
            Err(ConsentError::NotRetyped)
        ));
    }
    assert!(matches!(
        decide(&world, &alice, &guess).await,
        Err(ConsentError::TooManyTries(_))
    ));
    // Denying needs no retyping, and works for whoever may still look.
    let bob = world.session_of("bob").await;
    let deny = DeviceConsent {
        retyped: String::new(),
        ..answer(&started, ConsentChoice::Deny)
    };
    assert_eq!(decide(&world, &bob, &deny).await.unwrap(), 1);
    assert!(matches!(
        poll(&world, &known, &started).await,
        Err(TokenError::AccessDenied)
    ));
}

#[tokio::test]
async fn no_token_gets_around_its_person_s_end_under_another_name() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let bob = world.session_of("bob").await;
    let mut tokens = by_device(&world, &known, &alice).await;
    for key in world.store.keys("client-session-index") {
        world.store.remove(key);
    }
    let ended = world
        .gateway
        .sessions()
        .end_other_sessions(&context(), &alice)
        .await;
    ended.unwrap();
    assert!(!opens(&world, &tokens).await, "her epoch ended it");

    let own = alice.identity.key().to_string();
    let access = tokens.access_token.expose();
    assert!(access.contains(&own), "it names its person");
    let named_anew = access.replace(&own, &bob.identity.key().to_string());
    let known = tokens.access_token.handle().map(|handle| handle.key);
    tokens.access_token = AccessToken::new(named_anew);
    let named = tokens.access_token.handle().map(|handle| handle.key);
    assert!(named.is_some() && named != known, "it finds nothing");
    assert!(!opens(&world, &tokens).await);
}

#[tokio::test]
async fn a_code_that_is_shown_again_ends_what_it_made() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let code = code(&world, &known, &alice, "s").await;
    let tokens = redeem(&world.gateway, &known, &code).await.unwrap();
    world.clock.advance(minutes(5));
    let again = redeem(&world.gateway, &known, &code).await;
    assert!(matches!(again, Err(TokenError::InvalidGrant)));
    assert!(!opens(&world, &tokens).await);
}

#[tokio::test]
async fn a_code_is_for_one_redirect_uri() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let code = code(&world, &known, &alice, "s").await;
    let elsewhere = CodeRedemption {
        code: code.clone(),
        redirect_uri: LISTENING.replace("33389", "33390"),
        verifier: SecretText::new(VERIFIER),
    };
    let redeemed = world
        .gateway
        .clients()
        .redeem_code(&context(), &known.id, &elsewhere)
        .await;
    assert!(matches!(redeemed, Err(TokenError::InvalidGrant)));
    let spoilt = redeem(&world.gateway, &known, &code).await;
    assert!(matches!(spoilt, Err(TokenError::InvalidGrant)));
}

#[tokio::test]
async fn a_replaced_refresh_token_is_reuse_after_the_grace() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    let first = by_device(&world, &known, &alice).await;
    let refresh = || {
        let (gateway, id) = (world.gateway.clone(), known.id.clone());
        let token = first.refresh_token.clone();
        async move { gateway.clients().refresh(&context(), &id, &token).await }
    };
    let second = refresh().await.unwrap();
    world
        .clock
        .advance(limits::REFRESH_GRACE - TimeDelta::seconds(1));
    assert!(refresh().await.is_ok());
    world.clock.advance(TimeDelta::seconds(1));
    assert!(matches!(refresh().await, Err(TokenError::Reused)));
    assert!(!opens(&world, &second).await);
}

#[tokio::test]
async fn requests_more_than_a_minute_apart_are_not_answered_together() {
    let world = World::new();
    let (known, alice) = (register(&world.gateway), world.session_of("alice").await);
    start(&world, &known).await;
    world
        .clock
        .advance(limits::JOINT_CONSENT_WINDOW + TimeDelta::seconds(1));
    let late = start(&world, &known).await;
    let look = || async {
        let (typed, from) = (late.user_code.to_string(), context());
        let asked = world
            .gateway
            .clients()
            .look_up_device(&from, &alice, &typed);
        asked.await.unwrap().others.len()
    };
    assert_eq!(look().await, 0);
    world.clock.advance(limits::JOINT_CONSENT_WINDOW);
    start(&world, &known).await;
    assert_eq!(look().await, 1);
}
