//! `verify = true`: unconfirmed credentials are not delivered.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRefusal;
use rolecall_core::issue::{ConsoleRequest, IssueError};
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{ACCESS, Fixture, context, developer, event_name, plain};

const EXPECTED: &str = "arn:aws:sts::111122223333:assumed-role/Developer/assumed";

fn fixture() -> Fixture {
    Fixture::with_access(&ACCESS.replacen("audience =", "verify = true\naudience =", 1))
}

#[tokio::test]
async fn confirmed_credentials_are_handed_over() {
    let fixture = fixture();
    fixture.aws.identity_is(EXPECTED);
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(
        fixture.call_log.take(),
        [
            "audit issue_intended",
            "mint",
            "assume",
            "audit issue_done",
            "identify"
        ]
    );
    // Other accounts are not asked about.
    fixture.issue(&alice, &plain()).await.unwrap();
    assert!(!fixture.call_log.take().contains(&"identify".to_owned()));
}

#[tokio::test]
async fn other_credentials_are_not() {
    for arn in [
        "arn:aws:sts::444455556666:assumed-role/Developer/assumed",
        "arn:aws:sts::111122223333:assumed-role/Administrator/assumed",
        "arn:aws:sts::111122223333:assumed-role/Developer/somebody-else",
        "arn:aws-cn:sts::111122223333:assumed-role/Developer/assumed",
        "arn:aws:iam::111122223333:user/Developer",
    ] {
        let fixture = fixture();
        fixture.aws.identity_is(arn);
        let alice = fixture.session_of("alice").await;
        fixture.trail.take();
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        assert_eq!(error.code(), "unverified", "{arn}");
        let events = fixture.trail.take();
        let words: Vec<_> = events.iter().map(event_name).collect();
        assert_eq!(
            words,
            ["issue_intended", "issue_done", "issue_unverified"],
            "{arn}"
        );
        let AuditEventKind::IssueUnverified { reason, caller } = &events[2] else {
            panic!("{events:?}");
        };
        assert_eq!(
            (reason.as_str(), caller.as_deref()),
            ("other_identity", Some(arn))
        );
        // Nor does a console open.
        let request = ConsoleRequest {
            destination: None,
            return_to: ReturnTo::parse("/").unwrap(),
        };
        let issuer = fixture.gateway.issuer();
        let visit = issuer
            .visit_console(&context(), &alice, &developer(), &request)
            .await;
        assert!(matches!(visit, Err(IssueError::Unverified(_))));
        assert!(fixture.aws.take_links().is_empty(), "{arn}");
    }
}

#[tokio::test]
async fn no_answer_confirms_nothing() {
    for (refusal, expected) in [
        (Some(StsRefusal::InvalidCredentials), "invalid_credentials"),
        (None, "sts_unavailable"),
    ] {
        let fixture = fixture();
        let alice = fixture.session_of("alice").await;
        fixture.trail.take();
        fixture.aws.fail_identity_once(refusal);
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        assert!(matches!(error, IssueError::Unverified(_)), "{error:?}");
        let last = fixture.trail.take().pop().unwrap();
        assert!(
            matches!(&last, AuditEventKind::IssueUnverified { reason, caller: None } if reason == expected),
            "{last:?}"
        );
    }
}
