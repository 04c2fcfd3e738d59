//! `verify = true`: unconfirmed credentials are not delivered. On request, the person receives the result, and nobody
//! receives the credentials of another principal.

use std::pin::Pin;

use rolecall_core::access::RoleRequest;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRefusal;
use rolecall_core::identity::Identity;
use rolecall_core::issue::{CallerReport, ConsoleRequest, CredentialsRequest, IssueError};
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
    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    assert!(issued.caller.is_none(), "only on request");
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
        let AuditEventKind::IssueUnverified {
            reason,
            caller,
            on_request: false,
        } = &events[2]
        else {
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

/// STS says twice that the session is of another role than the one that was requested.
#[tokio::test]
async fn session_of_another_role_is_not_handed_over() {
    for role in [
        "111122223333:assumed-role/Other",
        "444455556666:assumed-role/Developer",
    ] {
        let fixture = fixture();
        let arn = format!("arn:aws:sts::{role}/assumed");
        fixture.aws.session_is_once(&arn);
        fixture.aws.identity_is(&arn);
        let alice = fixture.session_of("alice").await;
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        assert_eq!(error.code(), "unverified", "{arn}");
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
            matches!(&last, AuditEventKind::IssueUnverified { reason, caller: None, on_request: false } if reason == expected),
            "{last:?}"
        );
    }
}

fn on_request(role: RoleRequest) -> CredentialsRequest {
    CredentialsRequest { role, verify: true }
}

#[tokio::test]
async fn caller_is_reported_on_request() {
    // The account itself requires no confirmation.
    let fixture = Fixture::new();
    fixture.aws.identity_is(EXPECTED);
    let alice = fixture.session_of("alice").await;
    let (issuer, request) = (fixture.gateway.issuer(), on_request(developer()));
    fixture.call_log.take();
    let issued = issuer.credentials_page(&context(), &alice, &request).await;
    let report = issued.unwrap().caller;
    assert!(
        matches!(&report, Some(CallerReport::Confirmed(identity)) if identity.arn() == EXPECTED),
        "{report:?}"
    );
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
    let request = CredentialsRequest {
        verify: false,
        ..request
    };
    let issued = issuer
        .credentials_by_script(&context(), &alice, &request)
        .await;
    assert!(issued.unwrap().caller.is_none());
    assert!(!fixture.call_log.take().contains(&"identify".to_owned()));
}

#[tokio::test]
async fn required_confirmation_is_not_requested_twice() {
    let fixture = fixture();
    fixture.aws.identity_is(EXPECTED);
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    let (issuer, request) = (fixture.gateway.issuer(), on_request(developer()));
    let issued = issuer
        .credentials_by_script(&context(), &alice, &request)
        .await;
    let report = issued.unwrap().caller;
    assert!(
        matches!(report, Some(CallerReport::Confirmed(_))),
        "{report:?}"
    );
    let calls = fixture.call_log.take();
    let asked = calls.iter().filter(|call| *call == "identify").count();
    assert_eq!(asked, 1, "{calls:?}");
}

#[tokio::test]
async fn unanswered_check_on_request_delivers_the_credentials() {
    for (refusal, expected) in [
        (None, "sts_unavailable"),
        (Some(StsRefusal::InvalidCredentials), "invalid_credentials"),
    ] {
        let fixture = Fixture::new();
        let alice = fixture.session_of("alice").await;
        fixture.trail.take();
        fixture.aws.fail_identity_once(refusal);
        let (issuer, request) = (fixture.gateway.issuer(), on_request(developer()));
        let issued = issuer.credentials_page(&context(), &alice, &request).await;
        let issued = issued.unwrap();
        assert!(!issued.credentials.access_key_id.is_empty());
        assert!(
            matches!(issued.caller, Some(CallerReport::Unanswered(code)) if code == expected),
            "{:?}",
            issued.caller
        );
        let events = fixture.trail.take();
        let words: Vec<_> = events.iter().map(event_name).collect();
        assert_eq!(words, ["issue_intended", "issue_done", "issue_unverified"]);
        assert!(
            matches!(&events[2], AuditEventKind::IssueUnverified { reason, caller: None, on_request: true } if reason == expected),
            "{events:?}"
        );
    }
}

#[tokio::test]
async fn other_credentials_are_not_delivered_on_request() {
    let other = "arn:aws:sts::444455556666:assumed-role/Developer/assumed";
    let fixture = Fixture::new();
    fixture.aws.identity_is(other);
    let alice = fixture.session_of("alice").await;
    let (issuer, request) = (fixture.gateway.issuer(), on_request(developer()));
    for by_script in [false, true] {
        fixture.trail.take();
        let context = context();
        let issued = match by_script {
            false => issuer.credentials_page(&context, &alice, &request).await,
            true => {
                let issued = issuer.credentials_by_script(&context, &alice, &request);
                issued.await
            }
        };
        let error = issued.unwrap_err();
        assert!(matches!(error, IssueError::Unverified(_)), "{error:?}");
        let events = fixture.trail.take();
        let words: Vec<_> = events.iter().map(event_name).collect();
        assert_eq!(words, ["issue_intended", "issue_done", "issue_unverified"]);
        assert!(
            matches!(&events[2], AuditEventKind::IssueUnverified { reason, caller: Some(arn), on_request: false }
                if reason == "other_identity" && arn == other),
            "{events:?}"
        );
    }
}

/// `Arn` and `Account` of the answer contradict each other, or another server answered.
#[tokio::test]
async fn wrong_answer_to_a_check_on_request_delivers_nothing() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let (issuer, request) = (fixture.gateway.issuer(), on_request(developer()));
    fixture.trail.take();
    fixture.aws.fail_identity_once(Some(StsRefusal::NotSts));
    let issued = issuer.credentials_page(&context(), &alice, &request).await;
    let error = issued.unwrap_err();
    assert!(matches!(error, IssueError::Unverified(_)), "{error:?}");
    let events = fixture.trail.take();
    let words: Vec<_> = events.iter().map(event_name).collect();
    assert_eq!(words, ["issue_intended", "issue_done", "issue_unverified"]);
    assert!(
        matches!(&events[2], AuditEventKind::IssueUnverified { reason, caller: None, on_request: false } if reason == "not_sts"),
        "{events:?}"
    );
}

#[tokio::test]
async fn session_that_ends_during_the_check_receives_nothing() {
    ends_during_the_check(Fixture::new, &on_request(developer())).await;
    ends_during_the_check(fixture, &developer().into()).await;
}

/// Ends the session during each call of a request for credentials that are checked.
async fn ends_during_the_check(fixture: impl Fn() -> Fixture, request: &CredentialsRequest) {
    let mut asked = false;
    for calls in 0.. {
        let fixture = fixture();
        fixture.aws.identity_is(EXPECTED);
        let alice = fixture.session_of("alice").await;
        let issuer = fixture.gateway.issuer();
        let context = context();
        let mut flow: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(issuer.credentials_page(&context, &alice, request));
        if let Some(issued) = fixture.gate.run_until_call(calls, &mut flow).await {
            assert!(issued.is_ok() && asked, "{issued:?}");
            return;
        }
        let Identity {
            provider, subject, ..
        } = &alice.identity;
        let sessions = fixture.gateway.sessions();
        sessions.end_person(provider, subject).await.unwrap();
        let issued = flow.await;
        assert!(
            matches!(issued, Err(IssueError::SessionEnded)),
            "{calls}: {issued:?}"
        );
        asked |= fixture.call_log.take().contains(&"identify".to_owned());
    }
}
