//! Rate limits of credentials: of each person, and of each account and Region.

use chrono::TimeDelta;
use rolecall_core::issue::IssueError;
use rolecall_core::record::rate_limit::{LimitName, RateLimits};

use crate::world::{ACCESS, World, developer, plain};

#[tokio::test]
async fn credentials_are_limited_for_each_person_over_all_sessions() {
    let world = World::new();
    let (first, second) = (
        world.session_of("alice").await,
        world.session_of("alice").await,
    );
    let max = RateLimits::default().credentials.max();
    for number in 0..max {
        if number % 200 == 0 {
            world.clock.advance(TimeDelta::seconds(2));
        }
        let session = if number % 2 == 0 { &first } else { &second };
        assert!(world.issue(session, &plain()).await.is_ok(), "{number}");
    }
    world.trail.take();
    for session in [&first, &second] {
        let refused = world.issue(session, &developer()).await.unwrap_err();
        let IssueError::RateLimited(exceeded) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(exceeded.limit, LimitName::Credentials);
        assert!((1..=60).contains(&exceeded.retry_after_seconds()));
    }
    assert!(world.trail.take().is_empty(), "no intent and no event");
    let bob = world.session_of("bob").await;
    assert!(world.issue(&bob, &plain()).await.is_ok(), "somebody else");
}

#[tokio::test]
async fn sts_calls_are_limited_for_each_account_and_region_before_the_intent_is_written() {
    let world = World::new();
    let (alice, bob) = (
        world.session_of("alice").await,
        world.session_of("bob").await,
    );
    let max = RateLimits::default().sts_rate.max();
    for number in 0..max {
        let session = if number % 2 == 0 { &alice } else { &bob };
        assert!(world.issue(session, &plain()).await.is_ok(), "{number}");
    }
    world.trail.take();
    let refused = world.issue(&bob, &plain()).await.unwrap_err();
    let IssueError::RateLimited(exceeded) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(exceeded.limit, LimitName::StsRate);
    assert_eq!(exceeded.retry_after_seconds(), 1);
    assert!(world.trail.take().is_empty(), "no intent");
    assert!(
        world.issue(&alice, &developer()).await.is_ok(),
        "another account"
    );
    let region = "id = \"777788889999\"\nsts_region = \"eu-west-3\"";
    world
        .replace_policy(&ACCESS.replacen("id = \"777788889999\"", region, 1))
        .await;
    assert!(
        world.issue(&bob, &plain()).await.is_ok(),
        "another Region of the same account"
    );
    world.replace_policy(ACCESS).await;
    assert!(world.issue(&bob, &plain()).await.is_err());
    world.clock.advance(TimeDelta::seconds(1));
    assert!(world.issue(&bob, &plain()).await.is_ok());
}
