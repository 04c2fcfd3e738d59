//! Rate limits of credentials: per person, and per account and Region.

use chrono::TimeDelta;
use rolecall_core::issue::IssueError;
use rolecall_core::record::rate_limit::{LimitName, RateLimits};

use crate::fixture::{ACCESS, Fixture, developer, plain};

#[tokio::test]
async fn credentials_are_limited_per_person() {
    let fixture = Fixture::new();
    let (first, second) = (
        fixture.session_of("alice").await,
        fixture.session_of("alice").await,
    );
    let max = RateLimits::default().credentials.max();
    for number in 0..max {
        if number % 200 == 0 {
            fixture.clock.advance(TimeDelta::seconds(2));
        }
        let session = if number % 2 == 0 { &first } else { &second };
        assert!(fixture.issue(session, &plain()).await.is_ok(), "{number}");
    }
    fixture.trail.take();
    for session in [&first, &second] {
        let refused = fixture.issue(session, &developer()).await.unwrap_err();
        let IssueError::RateLimited(exceeded) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(exceeded.limit, LimitName::Credentials);
        assert!((1..=60).contains(&exceeded.retry_after_seconds()));
    }
    assert!(fixture.trail.take().is_empty(), "no intent and no event");
    let bob = fixture.session_of("bob").await;
    assert!(
        fixture.issue(&bob, &plain()).await.is_ok(),
        "another person"
    );
}

#[tokio::test]
async fn sts_calls_are_limited_per_account_and_region() {
    let fixture = Fixture::new();
    let (alice, bob) = (
        fixture.session_of("alice").await,
        fixture.session_of("bob").await,
    );
    let max = RateLimits::default().sts_rate.max();
    for number in 0..max {
        let session = if number % 2 == 0 { &alice } else { &bob };
        assert!(fixture.issue(session, &plain()).await.is_ok(), "{number}");
    }
    fixture.trail.take();
    let refused = fixture.issue(&bob, &plain()).await.unwrap_err();
    let IssueError::RateLimited(exceeded) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(exceeded.limit, LimitName::StsRate);
    assert_eq!(exceeded.retry_after_seconds(), 1);
    assert!(fixture.trail.take().is_empty(), "no intent");
    assert!(
        fixture.issue(&alice, &developer()).await.is_ok(),
        "another account"
    );
    let region = "id = \"777788889999\"\nsts_region = \"eu-west-3\"";
    fixture
        .replace_policy(&ACCESS.replacen("id = \"777788889999\"", region, 1))
        .await;
    assert!(
        fixture.issue(&bob, &plain()).await.is_ok(),
        "another Region of the same account"
    );
    fixture.replace_policy(ACCESS).await;
    assert!(fixture.issue(&bob, &plain()).await.is_err());
    fixture.clock.advance(TimeDelta::seconds(1));
    assert!(fixture.issue(&bob, &plain()).await.is_ok());
}
