//! A session: exact idle and absolute timeouts, and the cost of its use.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rolecall_core::base::secret::SessionSecret;
use rolecall_core::caller::SessionId;

use crate::fixture::{ABSOLUTE, Fixture, IDLE};

const SECOND: TimeDelta = TimeDelta::seconds(1);

#[tokio::test]
async fn idle_session_expires_after_one_hour() {
    for (unused, alive) in [(IDLE - SECOND, true), (IDLE, false), (IDLE + SECOND, false)] {
        let fixture = Fixture::new();
        let signed_in = fixture.sign_in("okta", "alice").await;
        fixture.clock.advance(unused);
        assert_eq!(fixture.is_live(&signed_in).await, alive, "{unused}");
    }
}

#[tokio::test]
async fn used_session_expires_after_eight_hours() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    let half_hours = 2 * ABSOLUTE.num_hours() - 1;
    for _ in 0..half_hours {
        fixture.clock.advance(IDLE / 2);
        assert!(fixture.is_live(&signed_in).await);
    }
    fixture.clock.advance(IDLE / 2 - SECOND);
    assert!(fixture.is_live(&signed_in).await, "one second before");
    fixture.clock.advance(SECOND);
    assert_eq!(fixture.now(), signed_in.session.ends_at);
    assert!(
        !fixture.is_live(&signed_in).await,
        "use does not move the end"
    );
}

#[tokio::test]
async fn session_use_is_saved_once_a_minute() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
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
        fixture.clock.advance(SECOND * seconds);
        fixture.store.take_calls();
        let session = fixture
            .gateway
            .sessions()
            .session(&signed_in.secret)
            .await
            .unwrap();
        assert_eq!(&fixture.store.take_calls(), expected);
        if expected.contains_key("replace") {
            assert_eq!(session.unwrap().last_seen_at, fixture.now());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_do_not_conflict() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(TimeDelta::minutes(5));
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (gateway, secret) = (fixture.gateway.clone(), signed_in.secret.clone());
        requests.spawn(async move { gateway.sessions().session(&secret).await.unwrap().is_some() });
    }
    assert_eq!(requests.join_all().await, vec![true; 50]);
}

#[tokio::test]
async fn unknown_secret_opens_no_session() {
    let fixture = Fixture::new();
    let signed_in = fixture.sign_in("okta", "alice").await;
    let secret = signed_in.secret.expose();
    for guess in [
        "",
        "guess",
        &secret[1..],
        &secret.to_lowercase(),
        &signed_in.session.id.to_string(),
        &format!("{secret} "),
    ] {
        let found = fixture
            .gateway
            .sessions()
            .session(&SessionSecret::new(guess))
            .await;
        assert!(found.unwrap().is_none(), "{guess}");
    }
}

#[tokio::test]
async fn each_sign_in_has_own_secret_and_id() {
    let fixture = Fixture::new();
    let first = fixture.sign_in("okta", "alice").await;
    let second = fixture.sign_in("okta", "alice").await;
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
async fn clock_going_back_revives_no_session() {
    let fixture = Fixture::new();
    let ended = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(IDLE / 2);
    let context = crate::fixture::context();
    let gateway = &fixture.gateway;
    gateway
        .sign_ins()
        .sign_out(&context, &ended.session, &ended.secret)
        .await
        .unwrap();
    fixture.clock.advance(-IDLE);
    assert!(!fixture.is_live(&ended).await);

    let used = fixture.sign_in("okta", "alice").await;
    fixture.clock.advance(-IDLE);
    assert!(fixture.is_live(&used).await, "nor does it end what lives");
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
