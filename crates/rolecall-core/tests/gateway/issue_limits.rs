//! Rate limits of credentials: per person, and per account and Region.

use chrono::TimeDelta;
use rolecall_core::aws::ErrorText;
use rolecall_core::issue::{CredentialsRequest, IssueError};
use rolecall_core::record::rate_limit::{LimitName, RateLimits};
use rolecall_core::session::Session;

use crate::fixture::{ACCESS, Fixture, context, developer, plain};

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

/// How many issues the quota permits within one second.
async fn issues_until_refused(fixture: &Fixture, alice: &Session) -> u32 {
    for number in 0.. {
        if let Err(error) = fixture.issue(alice, &developer()).await {
            assert_eq!(error.code(), "rate_limited", "{error:?}");
            return number;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn each_call_to_sts_counts() {
    let max = RateLimits::default().sts_rate.max();
    let caller = "trust = \"caller\"\nsts_region = \"eu-central-1\"\n";
    let hops = "via = [\"arn:aws:iam::999988887777:role/hub\", \"arn:aws:iam::999988887777:role/spoke\"]\n";
    let usual = "audience = \"rolecall-payments\"\nsts_region = \"eu-central-1\"\n";
    for (account, calls) in [
        (usual.to_owned(), 1),
        (format!("verify = true\n{usual}"), 2),
        (caller.to_owned(), 1),
        (format!("{caller}{hops}"), 3),
        // The new credentials sign the verification, so it counts for another account.
        (format!("{caller}{hops}verify = true\n"), 3),
    ] {
        let fixture = Fixture::with_access(&ACCESS.replacen(usual, &account, 1));
        let alice = fixture.session_of("alice").await;
        fixture
            .aws
            .identity_is("arn:aws:sts::111122223333:assumed-role/Developer/assumed");
        let issued = issues_until_refused(&fixture, &alice).await;
        assert_eq!(issued, max / calls, "{account}");
    }
}

#[tokio::test]
async fn calls_on_request_count_for_the_account_of_the_credentials() {
    let max = RateLimits::default().sts_rate.max();
    let usual = "audience = \"rolecall-payments\"\n";
    let caller = "trust = \"caller\"\n";
    // Calls of the same account together, or the quota of the gateway's own account apart.
    for (account, expected) in [(usual, max / 2), (caller, max)] {
        let fixture = Fixture::with_access(&ACCESS.replacen(usual, account, 1));
        fixture
            .aws
            .identity_is("arn:aws:sts::111122223333:assumed-role/Developer/assumed");
        let alice = fixture.session_of("alice").await;
        let issuer = fixture.gateway.issuer();
        let request = CredentialsRequest {
            role: developer(),
            verify: true,
        };
        let mut issued = 0;
        while issuer
            .credentials_page(&context(), &alice, &request)
            .await
            .is_ok()
        {
            issued += 1;
        }
        assert_eq!(issued, expected, "{account}");
    }
}

#[tokio::test]
async fn decoding_counts_for_its_two_calls() {
    let max = RateLimits::default().sts_rate.max();
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let message = ErrorText::read(&"canary".repeat(20)).encoded.unwrap();
    let issuer = fixture.gateway.issuer();
    let mut decoded = 0;
    let error = loop {
        match issuer.decode(&context(), &alice, &plain(), &message).await {
            Ok(_) => decoded += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "rate_limited", "{error:?}");
    assert_eq!(decoded, max / 2);
}

#[tokio::test]
async fn accounts_of_the_own_credentials_share_a_quota() {
    let caller = |account: &str| format!("{account}\ntrust = \"caller\"");
    let access = ["id = \"111122223333\"", "id = \"777788889999\""]
        .into_iter()
        .fold(
            ACCESS.replacen(
                "audience = \"rolecall-payments\"\nsts_region = \"eu-central-1\"",
                "",
                1,
            ),
            |access, id| access.replacen(id, &caller(id), 1),
        );
    let fixture = Fixture::with_access(&access);
    let alice = fixture.session_of("alice").await;
    issues_until_refused(&fixture, &alice).await;
    let refused = fixture.issue(&alice, &plain()).await.unwrap_err();
    assert_eq!(refused.code(), "rate_limited");
    fixture.clock.advance(TimeDelta::seconds(1));
    assert!(fixture.issue(&alice, &plain()).await.is_ok());
}
