//! Accounts whose roles are assumed with the gateway's own AWS credentials: what is sent to STS, and what role chaining limits.

use rolecall_core::access::DurationReason;
use rolecall_core::audit::{AuditEventKind, ViaSession};
use rolecall_core::aws::{AssumeRole, StsError, StsRefusal, StsRequest};
use rolecall_core::issue::{ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::session::Session;
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{ACCESS, Fixture, context, developer, plain};

const USER: &str = "arn:aws:iam::999988887777:user/gateway";
const ROLE: &str = "arn:aws:sts::999988887777:assumed-role/gateway/i-0123";

/// The usual fixture, except that payments-prod trusts the gateway's AWS credentials.
fn fixture(more: &str) -> Fixture {
    let trust = format!("trust = \"caller\"\n{more}");
    Fixture::with_access(&ACCESS.replacen("audience = \"rolecall-payments\"", &trust, 1))
}

fn only_request(fixture: &Fixture) -> AssumeRole {
    let mut requests = fixture.aws.take_requests();
    assert_eq!(requests.len(), 1);
    assert!(fixture.aws.take_claims().is_empty(), "no token was made");
    let request = requests.remove(0);
    let StsRequest::AssumeRole(request) = request else {
        panic!("{request:?}");
    };
    request
}

/// The `SessionDuration` of the console link for `developer()`.
async fn console_seconds(fixture: &Fixture, session: &Session) -> Option<u32> {
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    };
    let issuer = fixture.gateway.issuer();
    let visit = issuer
        .visit_console(&context(), session, &developer(), &request)
        .await;
    assert!(matches!(visit.unwrap(), ConsoleVisit::Link(_)));
    fixture.aws.take_links().remove(0).seconds
}

#[tokio::test]
async fn request_matches_the_grant() {
    let fixture = fixture("external_id = \"rolecall-1\"");
    fixture.aws.identity_is(USER);
    fixture.gateway.issuer().identify().await.unwrap();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.call_log.take();
    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(
        fixture.call_log.take(),
        ["audit issue_intended", "assume", "audit issue_done"]
    );
    let request = only_request(&fixture);
    assert_eq!(
        request.session.role.as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Developer"
    );
    assert_eq!(request.session.duration.seconds(), 7_200);
    assert!(request.session.session_policy.is_some());
    assert_eq!(
        issued.duration.1,
        DurationReason::Assignment("payments-developers".to_owned())
    );
    assert!(
        request
            .session_name
            .as_str()
            .starts_with("alice@example.com-")
    );
    let external_id = request.external_id.as_ref().map(|id| id.as_str());
    assert_eq!(external_id, Some("rolecall-1"));
    let source = request.source_identity.as_ref().map(|who| who.as_str());
    assert_eq!(source, Some("alice@example.com"));
    let tags: Vec<_> = request.tags.iter().collect();
    assert_eq!(
        tags,
        [
            ("rolecall:account", "111122223333"),
            ("rolecall:permission-set", "Developer"),
            ("team", "payments"),
            ("user", "alice@example.com"),
        ]
    );
    assert_eq!(request.tags.transitive().count(), 0);
    assert!(request.via.is_empty());
    let intent = fixture.trail.take().remove(0);
    assert!(
        matches!(&intent, AuditEventKind::IssueIntended { token_id: None, tag_keys, .. } if tag_keys.len() == 4),
        "{intent:?}"
    );
}

#[tokio::test]
async fn tags_are_transitive_through_intermediate_roles() {
    let hops = [
        "arn:aws:iam::999988887777:role/hub",
        "arn:aws:iam::444455556666:role/spoke",
    ];
    let fixture = fixture(&format!("via = {hops:?}"));
    fixture.aws.identity_is(USER);
    fixture.gateway.issuer().identify().await.unwrap();
    let alice = fixture.session_of("alice").await;
    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    let request = only_request(&fixture);
    let via: Vec<&str> = request.via.iter().map(|role| role.as_str()).collect();
    assert_eq!(via, hops);
    let keys: Vec<&str> = request.tags.iter().map(|(key, _)| key).collect();
    assert_eq!(request.tags.transitive().collect::<Vec<_>>(), keys);
    assert_eq!(request.session.duration.seconds(), 3_600);
    assert_eq!(issued.duration.1, DurationReason::RoleChaining);
    assert_eq!(console_seconds(&fixture, &alice).await, None);
}

#[tokio::test]
async fn sessions_last_an_hour_unless_the_gateway_has_keys_of_a_user() {
    for (arn, seconds, console) in [
        (None, 3_600, None),
        (Some(ROLE), 3_600, None),
        (Some(USER), 7_200, Some(7_200)),
    ] {
        let fixture = fixture("");
        if let Some(arn) = arn {
            fixture.aws.identity_is(arn);
            fixture.gateway.issuer().identify().await.unwrap();
        }
        let alice = fixture.session_of("alice").await;
        let issued = fixture.issue(&alice, &developer()).await.unwrap();
        assert_eq!(issued.duration.0.seconds(), seconds, "{arn:?}");
        let request = only_request(&fixture);
        assert_eq!(request.session.duration.seconds(), seconds, "{arn:?}");
        assert_eq!(console_seconds(&fixture, &alice).await, console, "{arn:?}");
        // The same is shown before.
        let client_info = &context().client_info;
        let grants = fixture
            .gateway
            .entitlements()
            .grants(&alice, client_info)
            .await;
        let account = &developer().account;
        let grant = grants.unwrap().find(account, "Developer", None).unwrap();
        assert_eq!(grant.duration(), issued.duration, "{arn:?}");
    }
}

#[tokio::test]
async fn shorter_sessions_keep_their_own_reason() {
    let fixture = fixture("");
    let alice = fixture.session_of("alice").await;
    let mut readonly = developer();
    readonly.variant = Some("readonly".to_owned());
    let issued = fixture.issue(&alice, &readonly).await.unwrap();
    assert_eq!(issued.duration.0.seconds(), 1_800);
    assert_eq!(
        issued.duration.1,
        DurationReason::Variant("readonly".to_owned())
    );
}

#[tokio::test]
async fn reported_chaining_limits_the_account_for_an_hour() {
    let fixture = fixture("");
    fixture.aws.identity_is(USER);
    fixture.gateway.issuer().identify().await.unwrap();
    let alice = fixture.session_of("alice").await;
    let refusal = StsRefusal::ChainedDurationTooLong;
    fixture.aws.refuse_once(refusal, "ValidationError");
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    let IssueError::Refused(refused) = error else {
        panic!("{error:?}");
    };
    assert!(refused.advice.hint.starts_with("Try again"), "{refused:?}");
    fixture.aws.take_requests();

    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(issued.duration.0.seconds(), 3_600);
    assert_eq!(issued.duration.1, DurationReason::RoleChaining);
    assert_eq!(console_seconds(&fixture, &alice).await, None);
    // Accounts with other trust types are not affected.
    let other = fixture.issue(&alice, &plain()).await.unwrap();
    assert_eq!(other.duration.1, DurationReason::AwsDefault);

    fixture.clock.advance(chrono::TimeDelta::minutes(61));
    let alice = fixture.session_of("alice").await;
    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(issued.duration.0.seconds(), 7_200);
}

#[tokio::test]
async fn missing_own_credentials_fail_the_issue() {
    let fixture = fixture("");
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    assert!(fixture.gateway.issuer().needs_own_credentials());
    assert!(!fixture.gateway.health().await.own_credentials);
    let identified = fixture.gateway.issuer().identify().await;
    assert!(matches!(identified, Err(StsError::NoCredentials(_))));
    fixture.aws.no_credentials_once();
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    assert!(matches!(error, IssueError::OwnCredentials(_)), "{error:?}");
    let failed = fixture.trail.take().remove(1);
    assert!(
        matches!(&failed, AuditEventKind::IssueFailed { reason, .. } if reason == "own_credentials"),
        "{failed:?}"
    );
    fixture.aws.identity_is(ROLE);
    fixture.gateway.issuer().identify().await.unwrap();
    assert!(fixture.gateway.health().await.own_credentials);
    // Without an account that needs them, they are not requested.
    let others = Fixture::new();
    assert!(!others.gateway.issuer().needs_own_credentials());
    assert!(others.gateway.health().await.own_credentials);
}

#[tokio::test]
async fn refused_own_credentials_are_unidentified() {
    let hops = ["arn:aws:iam::999988887777:role/hub"];
    for (refusal, after_hops, stays_known) in [
        (StsRefusal::InvalidCredentials, 0, false),
        (StsRefusal::Expired, 0, false),
        (StsRefusal::AccessDenied, 0, true),
        // The credentials of the intermediate role are refused, not those of the gateway.
        (StsRefusal::InvalidCredentials, 1, true),
    ] {
        let fixture = fixture(&format!("via = {hops:?}"));
        fixture.aws.identity_is(USER);
        fixture.gateway.issuer().identify().await.unwrap();
        let alice = fixture.session_of("alice").await;
        fixture
            .aws
            .refuse_after_hops_once(after_hops, refusal, "refused");
        assert!(fixture.issue(&alice, &developer()).await.is_err());
        let health = fixture.gateway.health().await;
        assert_eq!(
            health.own_credentials, stays_known,
            "{refusal:?} {after_hops}"
        );
        fixture.gateway.issuer().identify().await.unwrap();
        assert!(fixture.gateway.health().await.own_credentials);
    }
}

#[tokio::test]
async fn later_identification_replaces_the_first() {
    let fixture = fixture("");
    let issuer = fixture.gateway.issuer();
    let seconds = async || {
        let alice = fixture.session_of("alice").await;
        let issued = fixture.issue(&alice, &developer()).await.unwrap();
        issued.duration.0.seconds()
    };
    fixture.aws.identity_is(USER);
    issuer.identify().await.unwrap();
    assert_eq!(seconds().await, 7_200);
    // An outage changes nothing, and a refusal does.
    fixture.aws.fail_identity_once(None);
    assert!(issuer.identify().await.is_err());
    assert_eq!(seconds().await, 7_200);
    assert!(fixture.gateway.health().await.own_credentials);
    fixture
        .aws
        .fail_identity_once(Some(StsRefusal::InvalidCredentials));
    assert!(issuer.identify().await.is_err());
    assert_eq!(seconds().await, 3_600);
    assert!(!fixture.gateway.health().await.own_credentials);
    fixture.aws.identity_is(ROLE);
    issuer.identify().await.unwrap();
    assert_eq!(seconds().await, 3_600);
    assert!(fixture.gateway.health().await.own_credentials);
}

#[tokio::test]
async fn intermediate_sessions_are_audited() {
    let hops = [
        "arn:aws:iam::999988887777:role/hub",
        "arn:aws:iam::444455556666:role/spoke",
    ];
    let session = |n: usize| ViaSession {
        role: hops[n].to_owned(),
        access_key_id: format!("ASIAHOP{n}"),
        request_id: Some(format!("request-of-hop-{n}")),
    };
    let fixture = fixture(&format!("via = {hops:?}"));
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    let done = fixture.trail.take().remove(1);
    assert!(
        matches!(&done, AuditEventKind::IssueDone { via, .. } if *via == [session(0), session(1)]),
        "{done:?}"
    );
    for (assumed, refusing) in [(0, hops[0]), (1, hops[1]), (2, "role/rolecall/Developer")] {
        let refusal = StsRefusal::TagSession;
        let message =
            "User: arn:aws:iam::999988887777:user/gateway (AKIACANARYCANARY) is not authorized";
        fixture
            .aws
            .refuse_after_hops_once(assumed, refusal, message);
        fixture.aws.set_unanswered_once(2);
        let error = fixture.issue(&alice, &developer()).await.unwrap_err();
        let failed = fixture.trail.take().remove(1);
        let AuditEventKind::IssueFailed {
            reason,
            via,
            unanswered,
            ..
        } = &failed
        else {
            panic!("{failed:?}");
        };
        assert_eq!((reason.as_str(), *unanswered), ("tag_session", 2));
        assert_eq!(*via, (0..assumed).map(session).collect::<Vec<_>>());
        // The log names the role that refused; the page names only the requested role.
        let IssueError::Refused(refused) = error else {
            panic!("{error:?}");
        };
        let log = refused.log.clone().unwrap();
        assert!(log.contains(refusing) && log.ends_with(message), "{log}");
        let advice = &refused.advice;
        let shown = format!("{} {} {}", advice.explanation, advice.hint, refused.message);
        assert!(
            !shown.contains("arn:") && !shown.contains("CANARY"),
            "{shown}"
        );
        let is_intermediate = shown.starts_with("The intermediate role");
        assert_eq!(is_intermediate, assumed < 2, "{shown}");
    }
}
