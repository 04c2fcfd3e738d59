//! When something fails on the way to credentials: every intent has one outcome, and nothing leaves unrecorded.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRefusal;
use rolecall_core::issue::IssueError;

use crate::world::{World, developer, plain};

/// The trail holds an intent and a failure of the same reference, with this reason and AWS's code.
#[track_caller]
fn assert_failed(world: &World, why: &str, code: Option<&str>) {
    let events = world.trail.take_events();
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(events[0].reference, events[1].reference);
    assert!(matches!(
        events[0].kind,
        AuditEventKind::IssueIntended { .. }
    ));
    let failed = AuditEventKind::IssueFailed {
        reason: why.to_owned(),
        aws_code: code.map(str::to_owned),
        request_id: code.map(|_| "request-7".to_owned()),
        unanswered: 0,
    };
    assert_eq!(events[1].kind, failed);
}

#[tokio::test]
async fn every_no_of_sts_comes_with_advice() {
    let issuer = "https://sso.example.com";
    for (refusal, code, advice) in [
        (
            StsRefusal::AccessDenied,
            "AccessDenied",
            "trust policy allows sts:AssumeRoleWithWebIdentity",
        ),
        (
            StsRefusal::ProviderNotRegistered,
            "InvalidIdentityToken",
            "create-open-id-connect-provider --url https://sso.example.com --client-id-list rolecall-payments",
        ),
        (
            StsRefusal::Audience,
            "InvalidIdentityToken",
            "--client-id rolecall-payments",
        ),
        (
            StsRefusal::KeysUnreachable,
            "InvalidIdentityToken",
            "https://sso.example.com/jwks",
        ),
        (StsRefusal::InvalidProof, "InvalidIdentityToken", issuer),
        (StsRefusal::RejectedClaim, "IDPRejectedClaim", issuer),
        (
            StsRefusal::ProviderUnreachable,
            "IDPCommunicationError",
            "/.well-known/openid-configuration",
        ),
        (StsRefusal::Expired, "ExpiredTokenException", "clock"),
        (
            StsRefusal::DurationTooLong,
            "ValidationError",
            "--max-session-duration 7200",
        ),
        (
            StsRefusal::PackedTooLarge,
            "PackedPolicyTooLarge",
            "session_policy",
        ),
        (
            StsRefusal::MalformedPolicy,
            "MalformedPolicyDocument",
            "policy_arns",
        ),
        (
            StsRefusal::RegionDisabled,
            "RegionDisabledException",
            "sts_region",
        ),
        (StsRefusal::Throttled, "Throttling", "minute"),
        (StsRefusal::Other, "SomethingNew", "administrator"),
    ] {
        let world = World::new();
        let alice = world.session_of("alice").await;
        world.trail.take();
        world.aws.refuse_once(refusal, code);
        let IssueError::Refused(refused) = world.issue(&alice, &developer()).await.unwrap_err()
        else {
            panic!("{refusal:?} is AWS's no");
        };
        assert_eq!((refused.refusal, refused.code.as_str()), (refusal, code));
        assert_eq!(refused.message, "as AWS says");
        assert_eq!(refused.request_id.as_deref(), Some("request-7"));
        assert!(
            refused.advice.hint.contains(advice),
            "{}",
            refused.advice.hint
        );
        assert_failed(&world, refusal.code(), Some(code));
    }
}

#[tokio::test]
async fn an_outage_of_sts_is_an_outage() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.trail.take();
    world.aws.sts_down_once();
    let error = world.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::StsUnavailable(_)));
    assert_failed(&world, "sts_unavailable", None);
    assert!(world.issue(&alice, &developer()).await.is_ok(), "later");
}

/// Credentials may exist for tries that were sent and not answered: nobody has them, and the trail says how many.
#[tokio::test]
async fn tries_that_sts_did_not_answer_are_in_the_trail() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.trail.take();
    world.aws.sts_silent_once(3);
    let error = world.issue(&alice, &developer()).await.unwrap_err();
    assert!(
        matches!(error, IssueError::StsUnanswered { tries: 3, .. }),
        "{error:?}"
    );
    let [_, failed] = &world.trail.take()[..] else {
        panic!("an intent and its outcome")
    };
    assert!(
        matches!(failed, AuditEventKind::IssueFailed { reason, unanswered: 3, .. } if reason == "sts_unavailable"),
        "{failed:?}"
    );
    world.aws.lose_answers_once(2);
    world.issue(&alice, &developer()).await.unwrap();
    let [_, done] = &world.trail.take()[..] else {
        panic!("an intent and its outcome")
    };
    assert!(
        matches!(done, AuditEventKind::IssueDone { unanswered: 2, .. }),
        "{done:?}"
    );
}

#[tokio::test]
async fn without_a_key_of_its_own_the_gateway_asks_nobody() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.trail.take();
    world.aws.fail_mint_once();
    let error = world.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Token(_)));
    assert!(
        !error.to_string().contains("no key"),
        "the source is for the log"
    );
    assert_failed(&world, "token", None);
    assert!(world.aws.take_requests().is_empty(), "STS heard nothing");
}

#[tokio::test]
async fn without_a_durable_intent_nothing_is_minted_and_sts_hears_nothing() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.journal.take();
    world.trail.outage.break_after(0);
    let error = world.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    assert_eq!(world.journal.take(), [] as [&str; 0]);
}

#[tokio::test]
async fn without_a_durable_outcome_the_credentials_stay_here() {
    let world = World::new();
    let alice = world.session_of("alice").await;
    world.journal.take();
    world.trail.outage.break_after(1);
    let error = world.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    assert_eq!(
        world.journal.take(),
        ["audit issue_intended", "mint", "assume"],
        "they were made, and are not handed out"
    );
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_an_outage_and_no_verdict() {
    let world = World::new();
    let bob = world.session_of("bob").await;
    world.trail.outage.break_after(0);
    let error = world.issue(&bob, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
}

#[tokio::test]
async fn an_outage_of_the_store_is_one_of_issuing() {
    let world = World::new();
    let bob = world.session_of("bob").await;
    world.store.take_verbs();
    assert!(world.issue(&bob, &plain()).await.is_ok());
    let asked = world.store.take_verbs();
    let looked = std::collections::BTreeMap::from([("count", 1), ("get", 4)]);
    assert_eq!(asked, looked, "a grant is never stored");

    // Whether the person is within their limit cannot be told, or whether the session still lives.
    for calls in [0, 1] {
        world.store.outage.break_after(calls);
        world.aws.take_requests();
        let error = world.issue(&bob, &plain()).await.unwrap_err();
        assert!(matches!(error, IssueError::Unavailable(_)));
        assert!(world.aws.take_requests().is_empty(), "{calls}");
    }

    // Nor afterwards: AWS has issued, and nothing of it is delivered.
    world.store.outage.break_after(3);
    world.trail.take();
    let error = world.issue(&bob, &plain()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    let words: Vec<_> = world.trail.take().iter().map(crate::world::word).collect();
    assert_eq!(words, ["issue_intended", "issue_done", "issue_undelivered"]);
}
