//! How old a sign-in is, where its provider does not say: nothing that takes a fresh one is had by it.

use rolecall_core::access::Unmet;
use rolecall_core::aws_login::{AllowLoginError, LoginClient};
use rolecall_core::clients::{ConsentChoice, ConsentError};
use rolecall_core::identity::AuthTime;
use rolecall_core::issue::IssueError;
use rolecall_core::session::Session;

use crate::clients::{answer, decide, register, start};
use crate::login::Program;
use crate::world::{ACCESS, World, plain};

/// Whether the sandbox's role is to be had by a sign-in of the last hour only.
fn world() -> World {
    let rule = "id = \"sandbox-for-all\"";
    let when = "when = { signed_in_within = \"1h\" }";
    World::with_access(&ACCESS.replacen(rule, &format!("{rule}\n{when}"), 1))
}

async fn session(world: &World, auth_time: AuthTime) -> Session {
    world
        .okta
        .describe("alice", |alice| alice.auth_time = auth_time);
    world.session_of("alice").await
}

#[tokio::test]
async fn a_device_takes_a_sign_in_of_known_age() {
    for (auth_time, refusal) in [
        (AuthTime::Stated, None),
        (AuthTime::Assumed, None),
        (AuthTime::Unstated, Some("not_fresh")),
        (AuthTime::Withheld, Some("auth_time_missing")),
        (AuthTime::Unrecorded, Some("not_fresh")),
    ] {
        let world = World::new();
        let known = register(&world.gateway);
        let alice = session(&world, auth_time).await;
        let started = start(&world, &known).await;
        let decided = decide(&world, &alice, &answer(&started, ConsentChoice::Allow)).await;
        let said = decided.as_ref().err().map(ConsentError::code);
        assert_eq!(said, refusal, "{auth_time:?}");

        let there = Program::new(LoginClient::CrossDevice, 8);
        let allowed = there.allowed(&world, &alice, plain()).await;
        let said = match allowed {
            Ok(_) => None,
            Err(AllowLoginError::NotFresh) => Some("not_fresh"),
            Err(AllowLoginError::AuthTimeMissing) => Some("auth_time_missing"),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(said, refusal, "{auth_time:?}");
        let here = Program::here().allowed(&world, &alice, plain()).await;
        assert!(here.is_ok(), "the browser's own machine: {auth_time:?}");
    }
}

#[tokio::test]
async fn a_condition_on_the_age_takes_one_that_is_known() {
    let hour = chrono::TimeDelta::hours(1);
    for (auth_time, expected) in [
        (AuthTime::Stated, None),
        (AuthTime::Assumed, None),
        (AuthTime::Unstated, Some(Unmet::SignedInWithin(hour))),
        (AuthTime::Withheld, Some(Unmet::AuthTimeMissing(hour))),
    ] {
        let world = world();
        let alice = session(&world, auth_time).await;
        let unmet = match world.issue(&alice, &plain()).await {
            Ok(_) => None,
            Err(IssueError::Locked { unmet, .. }) => Some(unmet),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(unmet, expected.map(|unmet| vec![unmet]), "{auth_time:?}");
    }
}
