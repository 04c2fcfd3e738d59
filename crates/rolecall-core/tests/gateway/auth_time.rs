//! Sign-ins of unknown age: what requires a recent sign-in is not available.

use rolecall_core::access::Unmet;
use rolecall_core::aws_login::{AllowLoginError, LoginClient};
use rolecall_core::clients::{ConsentChoice, ConsentError};
use rolecall_core::identity::AuthTime;
use rolecall_core::issue::IssueError;
use rolecall_core::session::Session;

use crate::clients::{answer, decide, register, start};
use crate::fixture::{ACCESS, Fixture, plain};
use crate::login::Program;

/// A policy in which the role of the sandbox may require a sign-in of the last hour.
fn fixture() -> Fixture {
    let rule = "id = \"sandbox-for-all\"";
    let when = "when = { signed_in_within = \"1h\" }";
    Fixture::with_access(&ACCESS.replacen(rule, &format!("{rule}\n{when}"), 1))
}

async fn session(fixture: &Fixture, auth_time: AuthTime) -> Session {
    fixture
        .okta
        .update_person("alice", |alice| alice.auth_time = auth_time);
    fixture.session_of("alice").await
}

#[tokio::test]
async fn device_approval_requires_known_auth_time() {
    for (auth_time, refusal) in [
        (AuthTime::Stated, None),
        (AuthTime::Assumed, None),
        (AuthTime::Unstated, Some("not_fresh")),
        (AuthTime::Withheld, Some("auth_time_missing")),
        (AuthTime::Unrecorded, Some("not_fresh")),
    ] {
        let fixture = Fixture::new();
        let known = register(&fixture.gateway);
        let alice = session(&fixture, auth_time).await;
        let started = start(&fixture, &known).await;
        let decided = decide(&fixture, &alice, &answer(&started, ConsentChoice::Allow)).await;
        let said = decided.as_ref().err().map(ConsentError::code);
        assert_eq!(said, refusal, "{auth_time:?}");

        let there = Program::new(LoginClient::CrossDevice, 8);
        let allowed = there.allowed(&fixture, &alice, plain()).await;
        let said = match allowed {
            Ok(_) => None,
            Err(AllowLoginError::NotFresh) => Some("not_fresh"),
            Err(AllowLoginError::AuthTimeMissing) => Some("auth_time_missing"),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(said, refusal, "{auth_time:?}");
        let here = Program::here().allowed(&fixture, &alice, plain()).await;
        assert!(here.is_ok(), "the browser's own machine: {auth_time:?}");
    }
}

#[tokio::test]
async fn age_condition_requires_known_auth_time() {
    let hour = chrono::TimeDelta::hours(1);
    for (auth_time, expected) in [
        (AuthTime::Stated, None),
        (AuthTime::Assumed, None),
        (AuthTime::Unstated, Some(Unmet::SignedInWithin(hour))),
        (AuthTime::Withheld, Some(Unmet::AuthTimeMissing(hour))),
    ] {
        let fixture = fixture();
        let alice = session(&fixture, auth_time).await;
        let unmet = match fixture.issue(&alice, &plain()).await {
            Ok(_) => None,
            Err(IssueError::Locked { unmet, .. }) => Some(unmet),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(unmet, expected.map(|unmet| vec![unmet]), "{auth_time:?}");
    }
}
