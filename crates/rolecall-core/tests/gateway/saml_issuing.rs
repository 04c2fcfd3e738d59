//! Accounts that trust the gateway as a SAML provider: content of the response, and the console without STS.

use chrono::TimeDelta;
use rolecall_core::access::DurationReason;
use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::{
    Destination, Partition, RoleSessionDuration, SamlClaims, StsRefusal, StsRequest,
};
use rolecall_core::base::secret::ConsoleTicket;
use rolecall_core::issue::{ConsoleOutcome, ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::sign_in::ReturnTo;

use crate::fixture::{ACCESS, Fixture, context, developer, plain};

const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/rolecall";
const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

/// The default fixture, but payments-prod trusts the gateway's SAML provider.
fn fixture(more: &str) -> Fixture {
    let trust = format!("trust = \"gateway-saml\"\nsaml_provider_arn = \"{PROVIDER}\"\n{more}");
    Fixture::with_access(&ACCESS.replacen("audience = \"rolecall-payments\"", &trust, 1))
}

fn request() -> ConsoleRequest {
    ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    }
}

#[track_caller]
fn only_claims(fixture: &Fixture) -> SamlClaims {
    let mut claims = fixture.aws.take_saml_claims();
    assert_eq!(claims.len(), 1);
    assert!(fixture.aws.take_claims().is_empty(), "no token was issued");
    claims.remove(0)
}

#[tokio::test]
async fn shorter_saml_response_is_the_duration_reason() {
    let minutes = |minutes: u32| RoleSessionDuration::from_seconds(minutes * 60).unwrap();
    let configured = DurationReason::Assignment("payments-developers".to_owned());
    for (early, expected) in [
        (0, (minutes(120), configured.clone())),
        (1, (minutes(120), configured)),
        (30, (minutes(90), DurationReason::SamlResponse)),
        (119, (minutes(15), DurationReason::SamlResponse)),
    ] {
        let fixture = fixture("");
        let alice = fixture.session_of("alice").await;
        fixture.aws.end_early(TimeDelta::minutes(early));
        let issued = fixture.issue(&alice, &developer()).await.unwrap();
        assert_eq!(issued.duration, expected, "{early}");
    }
}

#[tokio::test]
async fn gateway_saml_issues_credentials() {
    let fixture = fixture("");
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(
        fixture.call_log.take(),
        ["audit issue_intended", "mint", "assume", "audit issue_done"]
    );
    let request = fixture.aws.take_requests().remove(0);
    let StsRequest::AssumeRoleWithSaml(request) = request else {
        panic!("not a response");
    };
    assert_eq!(request.principal.as_str(), PROVIDER);
    assert_eq!(request.response.expose(), "canary-saml-response");
    assert_eq!(request.session.duration.seconds(), 7_200);
    assert!(request.session.session_policy.is_some());

    let claims = only_claims(&fixture);
    assert_eq!(
        claims.role.as_str(),
        "arn:aws:iam::111122223333:role/rolecall/Developer"
    );
    assert_eq!(claims.provider.as_str(), PROVIDER);
    assert_eq!(claims.subject.as_str(), "okta|subject-alice");
    assert_eq!(claims.authenticated_at, alice.identity.asserted_at);
    assert!(claims.session_name.as_str().starts_with("alice@"));
    assert_eq!(claims.duration, request.session.duration);
    assert_eq!(claims.audience, "urn:amazon:webservices");
    assert_eq!(claims.recipient, None);
    assert_eq!(claims.region, request.session.region);
    assert!(claims.source_identity.is_some());
    let keys: Vec<&str> = claims.tags.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "rolecall:account",
            "rolecall:permission-set",
            "team",
            "user"
        ]
    );
}

#[tokio::test]
async fn saml_audience_and_recipient_are_configurable() {
    let more = format!("audience = \"urn:example\"\nrecipient = \"{RECIPIENT}\"");
    let fixture = fixture(&more);
    let alice = fixture.session_of("alice").await;
    fixture.issue(&alice, &developer()).await.unwrap();
    let claims = only_claims(&fixture);
    assert_eq!(claims.audience, "urn:example");
    let recipient = claims.recipient.map(|recipient| recipient.to_string());
    assert_eq!(recipient.as_deref(), Some(RECIPIENT));
}

#[tokio::test]
async fn console_by_post_calls_no_sts() {
    let fixture = fixture(&format!(
        "console = \"saml-post\"\nrecipient = \"{RECIPIENT}\""
    ));
    let alice = fixture.session_of("alice").await;
    fixture.call_log.take();
    fixture.trail.take();
    let visit = fixture
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request())
        .await
        .unwrap();
    let ConsoleVisit::Post(post) = visit else {
        panic!("not a form");
    };
    assert_eq!(post.action.to_string(), RECIPIENT);
    assert_eq!(post.response.expose(), "canary-saml-response");
    assert_eq!(
        post.relay_state.as_url().as_str(),
        "https://console.aws.amazon.com/cloudwatch/"
    );
    assert!(!format!("{post:?}").contains("canary"));
    assert_eq!(
        fixture.call_log.take(),
        ["audit issue_intended", "mint", "audit issue_posted"]
    );
    let events = fixture.trail.take_events();
    assert_eq!(events[0].reference, events[1].reference);
    let AuditEventKind::IssuePosted {
        assertion,
        recipient,
        ..
    } = &events[1].kind
    else {
        panic!("{events:#?}");
    };
    assert_eq!(
        (assertion.as_str(), recipient.as_str()),
        ("_assertion-1", RECIPIENT)
    );
    assert!(fixture.aws.take_requests().is_empty() && fixture.aws.take_links().is_empty());
    assert_eq!(only_claims(&fixture).duration.seconds(), 7_200);

    // Credentials for a terminal still come from STS. Other accounts are not affected.
    fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(fixture.aws.take_requests().len(), 1);
    let visit = fixture
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &plain(), &request())
        .await;
    assert!(matches!(visit, Ok(ConsoleVisit::Link(_))));
}

/// STS enforces `MaxSessionDuration` of the role; the sign-in endpoint, to which the browser posts, does not.
#[tokio::test]
async fn refused_duration_shortens_credentials_and_no_posted_response() {
    let fixture = fixture("console = \"saml-post\"");
    let alice = fixture.session_of("alice").await;
    let refusal = StsRefusal::DurationTooLong;
    fixture.aws.refuse_once(refusal, "ValidationError");
    assert!(fixture.issue(&alice, &developer()).await.is_err());
    let _refused = fixture.aws.take_requests();
    let _minted = fixture.aws.take_saml_claims();

    let issued = fixture.issue(&alice, &developer()).await.unwrap();
    assert_eq!(issued.duration.1, DurationReason::RoleMaximum);
    assert_eq!(only_claims(&fixture).duration.seconds(), 3_600);
    let issuer = fixture.gateway.issuer();
    let two_hours = RoleSessionDuration::from_seconds(7_200).unwrap();
    assert_eq!(issuer.console_duration(&issued.grant).0, two_hours);
    let visit = issuer
        .visit_console(&context(), &alice, &developer(), &request())
        .await;
    assert!(matches!(visit, Ok(ConsoleVisit::Post(_))));
    assert_eq!(only_claims(&fixture).duration, two_hours);
}

#[tokio::test]
async fn federated_console_uses_sts() {
    let fixture = fixture("console = \"federation\"");
    let alice = fixture.session_of("alice").await;
    let page = Destination::parse("https://console.aws.amazon.com/s3/", Partition::Aws).unwrap();
    let request = ConsoleRequest {
        destination: Some(page),
        ..request()
    };
    let visit = fixture
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request)
        .await;
    assert!(matches!(visit, Ok(ConsoleVisit::Link(_))));
    let links = fixture.aws.take_links();
    assert_eq!(links[0].seconds, Some(7_200));
    assert_eq!(links[0].destination, "https://console.aws.amazon.com/s3/");
}

#[tokio::test]
async fn console_ticket_leads_to_form_once() {
    let fixture = fixture("console = \"saml-post\"");
    let alice = fixture.session_of("alice").await;
    let url = fixture
        .gateway
        .issuer()
        .sign_out_of_console(&alice, developer(), request())
        .await
        .unwrap();
    let back = url.query_pairs().find(|(name, _)| name == "redirect_uri");
    let ticket = ConsoleTicket::new(back.unwrap().1.rsplit('/').next().unwrap());
    let context = context();
    let go = || {
        fixture
            .gateway
            .issuer()
            .continue_to_console(&context, &alice, &ticket)
    };
    assert!(matches!(
        go().await,
        Ok(ConsoleOutcome::Visit(ConsoleVisit::Post(_)))
    ));
    assert!(matches!(go().await, Ok(ConsoleOutcome::AlreadyUsed)));
}

#[tokio::test]
async fn missing_saml_key_is_audited() {
    let fixture = fixture("console = \"saml-post\"");
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.aws.fail_mint_once();
    let visit = fixture
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request())
        .await;
    assert!(matches!(visit, Err(IssueError::Token(_))));
    let events = fixture.trail.take_events();
    assert_eq!(events.len(), 2);
    assert!(
        matches!(&events[1].kind, AuditEventKind::IssueFailed { reason, .. } if reason == "token")
    );
}

#[tokio::test]
async fn saml_refusal_has_advice() {
    let fixture = fixture("");
    let alice = fixture.session_of("alice").await;
    let refusal = StsRefusal::ProviderNotRegistered;
    fixture.aws.refuse_once(refusal, "InvalidIdentityToken");
    let error = fixture.issue(&alice, &developer()).await.unwrap_err();
    let IssueError::Refused(refused) = error else {
        panic!("{error:?}");
    };
    let hint = &refused.advice.hint;
    assert!(
        hint.contains("create-saml-provider --name rolecall"),
        "{hint}"
    );
}
