//! Failures while issuing: every intent has one outcome, and nothing is delivered without an event.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::{Partition, StsRefusal};
use rolecall_core::issue::IssueError;

use crate::fixture::{ACCESS, Fixture, developer, parse, plain};

/// Checks that the audit trail has an intent and a failure with the same reference, this reason and this code of AWS.
#[track_caller]
fn assert_failed(fixture: &Fixture, why: &str, code: Option<&str>) {
    let events = fixture.trail.take_events();
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
        via: vec![],
    };
    assert_eq!(events[1].kind, failed);
}

#[tokio::test]
async fn sts_refusal_has_advice() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    let (refusal, code) = (StsRefusal::DurationTooLong, "ValidationError");
    fixture.aws.refuse_once(refusal, code);
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    let IssueError::Refused(refused) = error else {
        panic!("{error:?}");
    };
    assert_eq!((refused.refusal, refused.code.as_str()), (refusal, code));
    assert_eq!(refused.message, "as AWS says");
    assert_eq!(refused.request_id.as_deref(), Some("request-7"));
    let hint = &refused.advice.hint;
    assert!(hint.contains("--max-session-duration 7200"), "{hint}");
    assert_failed(&fixture, refusal.code(), Some(code));
}

#[tokio::test]
async fn sts_outage_is_reported() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.aws.fail_sts_once();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::StsUnavailable(_)));
    assert_failed(&fixture, "sts_unavailable", None);
    assert!(fixture.issue(&alice, &developer()).await.is_ok(), "later");
}

/// Attempts without a response may have issued credentials that were lost. The audit trail contains their number.
#[tokio::test]
async fn unanswered_sts_attempts_are_audited() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.aws.time_out_sts_once(3);
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(
        matches!(error, IssueError::StsUnanswered { attempts: 3, .. }),
        "{error:?}"
    );
    let [_, failed] = &fixture.trail.take()[..] else {
        panic!("an intent and its outcome")
    };
    assert!(
        matches!(failed, AuditEventKind::IssueFailed { reason, unanswered: 3, .. } if reason == "sts_unavailable"),
        "{failed:?}"
    );
    fixture.aws.set_unanswered_once(2);
    fixture.issue(&alice, &developer()).await.unwrap();
    let [_, done] = &fixture.trail.take()[..] else {
        panic!("an intent and its outcome")
    };
    assert!(
        matches!(done, AuditEventKind::IssueDone { unanswered: 2, .. }),
        "{done:?}"
    );
}

#[tokio::test]
async fn missing_signing_key_calls_no_sts() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.aws.fail_mint_once();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Token(_)));
    assert!(
        !error.to_string().contains("no key"),
        "the source is for the log"
    );
    assert_failed(&fixture, "token", None);
    assert!(fixture.aws.take_requests().is_empty(), "STS was not called");
}

#[tokio::test]
async fn unaudited_intent_calls_no_sts() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.trail.outage.fail_after(0);
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    assert_eq!(fixture.call_log.take(), [] as [&str; 0]);
}

#[tokio::test]
async fn unaudited_outcome_withholds_credentials() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.trail.outage.fail_after(1);
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    assert_eq!(
        fixture.call_log.take(),
        ["audit issue_intended", "mint", "assume"],
        "they were issued and not delivered"
    );
}

#[tokio::test]
async fn unaudited_refusal_is_an_outage() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    fixture.trail.outage.fail_after(0);
    let error = fixture.issue(&bob, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
}

#[tokio::test]
async fn store_outage_blocks_issuing() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    fixture.store.take_calls();
    assert!(fixture.issue(&bob, &plain()).await.is_ok());
    let asked = fixture.store.take_calls();
    let looked = std::collections::BTreeMap::from([("count", 1), ("get", 4)]);
    assert_eq!(asked, looked, "a grant is never stored");

    // The rate limit or the session cannot be checked.
    for calls in [0, 1] {
        fixture.store.outage.fail_after(calls);
        fixture.aws.take_requests();
        let error = fixture.issue(&bob, &plain()).await.unwrap_err();
        assert!(matches!(error, IssueError::Unavailable(_)));
        assert!(fixture.aws.take_requests().is_empty(), "{calls}");
    }

    // The same after the call: AWS has issued credentials, and they are not delivered.
    fixture.store.outage.fail_after(3);
    fixture.trail.take();
    let error = fixture.issue(&bob, &plain()).await.unwrap_err();
    assert!(matches!(error, IssueError::Unavailable(_)));
    let words: Vec<_> = fixture
        .trail
        .take()
        .iter()
        .map(crate::fixture::event_name)
        .collect();
    assert_eq!(words, ["issue_intended", "issue_done", "issue_undelivered"]);
}

#[tokio::test]
async fn sts_is_not_asked_for_a_role_of_another_partition() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let access = ACCESS.replace("console.aws.amazon.com", "console.amazonaws.cn");
    let access = access.replace("eu-central-1", "cn-north-1");
    let access = access.replace("arn:aws:", "arn:aws-cn:");
    let other = parse(&access, Partition::China);
    let digest = "d2".to_owned();
    let entitlements = fixture.gateway.entitlements();
    entitlements.replace_policy(other, digest).await.unwrap();
    fixture.trail.take();
    let error = fixture.issue(&alice, &plain()).await.unwrap_err();
    let IssueError::Refused(refused) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(refused.code, "WrongPartition");
    assert!(fixture.aws.take_requests().is_empty());
    let events = fixture.trail.take();
    let failed = AuditEventKind::IssueFailed {
        reason: "other".to_owned(),
        aws_code: Some("WrongPartition".to_owned()),
        request_id: None,
        unanswered: 0,
        via: vec![],
    };
    assert_eq!(events.last(), Some(&failed));
}
