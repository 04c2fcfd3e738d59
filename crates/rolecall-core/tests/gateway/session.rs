//! One session: idle and absolute timeouts to the second, and what its use costs.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::caller::SessionId;

use crate::world::{ABSOLUTE, IDLE, World};

const SECOND: TimeDelta = TimeDelta::seconds(1);

#[tokio::test]
async fn an_unused_session_ends_after_an_hour_to_the_second() {
    for (unused, alive) in [(IDLE - SECOND, true), (IDLE, false), (IDLE + SECOND, false)] {
        let world = World::new();
        let signed_in = world.sign_in("okta", "alice").await;
        world.clock.advance(unused);
        assert_eq!(world.is_live(&signed_in).await, alive, "{unused}");
    }
}

#[tokio::test]
async fn a_used_session_ends_after_eight_hours_to_the_second() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    let half_hours = 2 * ABSOLUTE.num_hours() - 1;
    for _ in 0..half_hours {
        world.clock.advance(IDLE / 2);
        assert!(world.is_live(&signed_in).await);
    }
    world.clock.advance(IDLE / 2 - SECOND);
    assert!(world.is_live(&signed_in).await, "one second before");
    world.clock.advance(SECOND);
    assert_eq!(world.now(), signed_in.session.ends_at);
    assert!(
        !world.is_live(&signed_in).await,
        "use does not move the end"
    );
}

#[tokio::test]
async fn a_use_is_written_back_at_most_once_a_minute() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    let reads = BTreeMap::from([("get", 2)]);
    let reads_and_a_write = BTreeMap::from([("get", 2), ("replace", 1)]);
    for (seconds, expected) in [
        (0, &reads),
        (59, &reads),
        (1, &reads_and_a_write),
        (0, &reads),
        (59, &reads),
        (2, &reads_and_a_write),
    ] {
        world.clock.advance(SECOND * seconds);
        world.store.take_verbs();
        let session = world
            .gateway
            .sessions()
            .session(&signed_in.secret)
            .await
            .unwrap();
        assert_eq!(&world.store.take_verbs(), expected);
        if expected.contains_key("replace") {
            assert_eq!(session.unwrap().last_seen_at, world.now());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_load_at_once_do_not_trip_over_the_touch() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    world.clock.advance(TimeDelta::minutes(5));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (gateway, secret) = (world.gateway.clone(), signed_in.secret.clone());
        requests.spawn(async move { gateway.sessions().session(&secret).await.unwrap().is_some() });
    }
    assert_eq!(requests.join_all().await, vec![true; 50]);
}

#[tokio::test]
async fn a_secret_that_nobody_was_given_opens_nothing() {
    let world = World::new();
    let signed_in = world.sign_in("okta", "alice").await;
    let secret = signed_in.secret.expose();
    for guess in [
        "",
        "guess",
        &secret[1..],
        &secret.to_lowercase(),
        &signed_in.session.id.to_string(),
        &format!("{secret} "),
    ] {
        let found = world
            .gateway
            .sessions()
            .session(&SessionSecret::new(guess))
            .await;
        assert!(found.unwrap().is_none(), "{guess}");
    }
}

#[tokio::test]
async fn every_sign_in_has_a_secret_and_a_name_of_its_own() {
    let world = World::new();
    let first = world.sign_in("okta", "alice").await;
    let second = world.sign_in("okta", "alice").await;
    assert_ne!(first.secret.expose(), second.secret.expose());
    assert_ne!(first.session.id, second.session.id);
    assert_eq!(first.session.id, SessionId::of(first.secret.digest()));
    assert!(
        !first
            .session
            .id
            .to_string()
            .contains(&first.secret.digest().to_string()[..8])
    );
}

#[tokio::test]
async fn a_clock_that_goes_back_revives_nothing_that_was_ended() {
    let world = World::new();
    let ended = world.sign_in("okta", "alice").await;
    world.clock.advance(IDLE / 2);
    let context = crate::world::context();
    let gateway = &world.gateway;
    gateway
        .sign_ins()
        .sign_out(&context, &ended.session, &ended.secret)
        .await
        .unwrap();
    world.clock.advance(-IDLE);
    assert!(!world.is_live(&ended).await);

    let used = world.sign_in("okta", "alice").await;
    world.clock.advance(-IDLE);
    assert!(world.is_live(&used).await, "nor does it end what lives");
    let session = gateway
        .sessions()
        .session(&used.secret)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        session.last_seen_at, used.session.last_seen_at,
        "nor take it back"
    );
}
