//! Which limit ends a session: what is configured, and what AWS has answered.

use chrono::TimeDelta;
use rolecall_core::access::{DurationReason, Grant};
use rolecall_core::aws::{RoleSessionDuration, StsRefusal};
use rolecall_core::session::Session;

use crate::fixture::{Fixture, developer, plain};

const TOO_LONG: (StsRefusal, &str) = (StsRefusal::DurationTooLong, "ValidationError");

/// The duration that was requested of STS, and the one that the pages show.
async fn issued(
    fixture: &Fixture,
    session: &Session,
) -> (u32, RoleSessionDuration, DurationReason) {
    let issued = fixture.issue(session, &developer()).await.unwrap();
    let (request, _) = fixture.aws.take_only();
    let (duration, reason) = issued.duration;
    (request.duration().seconds(), duration, reason)
}

async fn grant(fixture: &Fixture, session: &Session) -> Grant {
    let issued = fixture.issue(session, &developer()).await.unwrap();
    fixture.aws.take_only();
    issued.grant
}

#[tokio::test]
async fn refused_duration_is_one_hour_next_time() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    let grant = grant(&fixture, &alice).await;
    let configured = DurationReason::Assignment("payments-developers".to_owned());
    let two_hours = RoleSessionDuration::from_seconds(7_200).unwrap();
    assert_eq!(
        fixture.gateway.issuer().duration(&grant),
        (two_hours, configured.clone())
    );
    fixture.aws.refuse_once(TOO_LONG.0, TOO_LONG.1);
    assert!(fixture.issue(&alice, &developer()).await.is_err());
    let _refused = fixture.aws.take_only();
    let hour = RoleSessionDuration::DEFAULT;
    let maximum = DurationReason::RoleMaximum;
    assert_eq!(
        fixture.gateway.issuer().duration(&grant),
        (hour, maximum.clone())
    );
    assert_eq!(
        issued(&fixture, &alice).await,
        (3_600, hour, maximum.clone())
    );
    // Another replica has not learned it, and after an hour it is tried again.
    let fork = fixture.fork();
    let forked = fork.session_of("alice").await;
    assert_eq!(issued(&fork, &forked).await.0, 7_200);
    fixture.clock.advance(TimeDelta::minutes(59));
    assert_eq!(issued(&fixture, &alice).await, (3_600, hour, maximum));
    fixture.clock.advance(TimeDelta::minutes(2));
    let alice = fixture.session_of("alice").await;
    assert_eq!(
        issued(&fixture, &alice).await,
        (7_200, two_hours, configured)
    );
}

#[tokio::test]
async fn refusal_of_one_hour_is_not_learned() {
    let fixture = Fixture::new();
    let bob = fixture.session_of("bob").await;
    for _ in 0..2 {
        fixture.aws.refuse_once(TOO_LONG.0, TOO_LONG.1);
        assert!(fixture.issue(&bob, &plain()).await.is_err());
        let (request, _) = fixture.aws.take_only();
        assert_eq!(request.duration().seconds(), 3_600);
    }
    let issued = fixture.issue(&bob, &plain()).await.unwrap();
    assert_eq!(issued.duration.1, DurationReason::AwsDefault);
}

#[tokio::test]
async fn other_refusals_are_not_learned() {
    let fixture = Fixture::new();
    let alice = fixture.session_of("alice").await;
    for refusal in [StsRefusal::AccessDenied, StsRefusal::Other] {
        fixture.aws.refuse_once(refusal, "AccessDenied");
        assert!(fixture.issue(&alice, &developer()).await.is_err());
        let _refused = fixture.aws.take_only();
    }
    assert_eq!(issued(&fixture, &alice).await.0, 7_200);
}

#[test]
fn duration_reasons_have_texts() {
    for (reason, line) in [
        (DurationReason::Assignment("a".to_owned()), "assignment a"),
        (
            DurationReason::PermissionSet("P".to_owned()),
            "permission set P",
        ),
        (DurationReason::Variant("v".to_owned()), "variant v"),
        (DurationReason::AwsDefault, "the default of AWS"),
        (
            DurationReason::RoleMaximum,
            "the MaxSessionDuration of the IAM role",
        ),
        (
            DurationReason::AwsLogin,
            "aws login, which renews them until the sign-in ends",
        ),
        (
            DurationReason::SamlResponse,
            "the SAML response of the identity provider",
        ),
    ] {
        assert_eq!(reason.to_string(), line);
        let whole = reason.line(RoleSessionDuration::DEFAULT);
        assert_eq!(whole, format!("1 h, limited by {line}"));
    }
}
