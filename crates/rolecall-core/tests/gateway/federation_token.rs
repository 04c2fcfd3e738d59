//! Accounts with `trust = "federation-token"`: federated users instead of roles.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::{GetFederationToken, StsRefusal, StsRequest};
use rolecall_core::issue::{ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{ACCESS, Fixture, context, developer, event_name};

const TRUST: &str = r#"trust = "federation-token"
credentials = { access_key_id = { file = "key.id" }, secret_access_key = { file = "key.secret" } }
verify = true"#;

/// The usual fixture, except that payments-prod has an IAM user's key.
fn fixture() -> Fixture {
    fixture_with(TRUST)
}

fn fixture_with(trust: &str) -> Fixture {
    let access = ACCESS.replacen("audience = \"rolecall-payments\"", trust, 1);
    let elsewhere = "name = \"Elsewhere\"";
    let arns = "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]";
    Fixture::with_access(&access.replace(elsewhere, &format!("{elsewhere}\n{arns}")))
}

fn only_request(fixture: &Fixture) -> GetFederationToken {
    let mut requests = fixture.aws.take_requests();
    assert_eq!(requests.len(), 1);
    assert!(fixture.aws.take_claims().is_empty(), "no token was made");
    let request = requests.remove(0);
    let StsRequest::GetFederationToken(request) = request else {
        panic!("{request:?}");
    };
    request
}

/// What STS calls a person.
async fn name_of(fixture: &Fixture, provider: &str, person: &str) -> String {
    let session = fixture.sign_in(provider, person).await.session;
    let _ = fixture.issue(&session, &developer()).await;
    only_request(fixture).name.to_string()
}

#[tokio::test]
async fn the_request_names_the_person_and_what_the_session_may_do() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    let answer = fixture.issue(&alice, &developer()).await;
    let request = only_request(&fixture);
    let name = request.name.to_string();
    assert!(
        name.starts_with("alice@example.com-") && name.len() <= 32,
        "{name}"
    );
    assert_eq!(request.key.id.as_str(), "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(request.account.as_str(), "111122223333");
    assert_eq!(request.duration.seconds(), 7_200);
    assert!(request.session_policy.is_some());
    assert_eq!(request.tags.len(), 4);
    assert!(!format!("{request:?}").contains("canary"), "{request:?}");

    // `verify` compares the name, too.
    assert!(matches!(answer, Err(IssueError::Unverified(_))));
    let arn = format!("arn:aws:sts::111122223333:federated-user/{name}");
    let events = fixture.trail.take();
    let AuditEventKind::IssueIntended {
        role,
        role_session_name,
        source_identity: None,
        tag_keys,
        ..
    } = &events[0]
    else {
        panic!("{events:?}");
    };
    assert_eq!((role, role_session_name), (&arn, &name));
    assert_eq!(tag_keys.len(), 4);
    fixture.aws.identity_is(&arn);
    fixture.issue(&alice, &developer()).await.unwrap();
    fixture
        .aws
        .identity_is("arn:aws:sts::111122223333:federated-user/bob-0123456789");
    let other = fixture.issue(&alice, &developer()).await;
    assert!(matches!(other, Err(IssueError::Unverified(_))));
}

#[tokio::test]
async fn federated_user_names_are_stable_and_unique() {
    let fixture = fixture();
    let alice = name_of(&fixture, "okta", "alice").await;
    assert_eq!(name_of(&fixture, "okta", "alice").await, alice);
    assert_ne!(name_of(&fixture, "google", "alice").await, alice);
}

#[tokio::test]
async fn the_console_link_has_no_duration() {
    let fixture = fixture_with(&TRUST.replace("verify = true", ""));
    let alice = fixture.session_of("alice").await;
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    };
    let issuer = fixture.gateway.issuer();
    let visit = issuer
        .visit_console(&context(), &alice, &developer(), &request)
        .await;
    assert!(matches!(visit.unwrap(), ConsoleVisit::Link(_)));
    assert_eq!(fixture.aws.take_links().remove(0).seconds, None);
}

#[tokio::test]
async fn refusals_name_the_key_and_its_account() {
    for (refusal, expected) in [
        (StsRefusal::AccessDenied, "sts:GetFederationToken"),
        (StsRefusal::InvalidCredentials, "AKIAIOSFODNN7EXAMPLE"),
    ] {
        let fixture = fixture();
        let alice = fixture.session_of("alice").await;
        fixture.aws.refuse_once(refusal, "Refused");
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        let IssueError::Refused(refused) = error else {
            panic!("{error:?}");
        };
        let log = refused.log.as_ref().unwrap();
        assert!(log.contains(expected), "{refused:?}");
        assert!(log.contains("account 111122223333"));
        let shown = format!("{} {}", refused.advice.explanation, refused.advice.hint);
        assert!(shown.contains("account 111122223333"), "{shown}");
        assert!(
            !shown.contains("AKIA") && !shown.contains("arn:"),
            "{shown}"
        );
    }
}

/// The key files of two accounts can be swapped: STS then names a federated user of the other account.
#[tokio::test]
async fn federated_user_of_another_account_receives_nothing() {
    let fixture = fixture_with(&TRUST.replace("verify = true", ""));
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.call_log.take();
    let other = "arn:aws:sts::777788889999:federated-user/somebody";
    fixture.aws.session_is_once(other);
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert_eq!(error.code(), "unverified");
    let events = fixture.trail.take();
    let words: Vec<_> = events.iter().map(event_name).collect();
    assert_eq!(words, ["issue_intended", "issue_done", "issue_unverified"]);
    assert!(
        matches!(&events[2], AuditEventKind::IssueUnverified { reason, caller: Some(arn), on_request: false }
            if reason == "other_identity" && arn == other),
        "{events:?}"
    );
    let asked = fixture.call_log.take().contains(&"identify".to_owned());
    assert!(!asked, "the response is sufficient");
    fixture.issue(&alice, &developer()).await.unwrap();
}
