//! Accounts that trust the gateway as a SAML provider: what the response says, and the console without STS.

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::{Destination, Partition, SamlClaims, StsRefusal, StsRequest};
use rolecall_core::base::secret::ConsoleTicket;
use rolecall_core::issue::{ConsoleOutcome, ConsoleRequest, ConsoleVisit, IssueError};
use rolecall_core::sign_in::ReturnTo;

use crate::world::{ACCESS, World, context, developer, plain};

const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/rolecall";
const RECIPIENT: &str = "https://eu-west-1.signin.aws.amazon.com/saml";

/// The usual world, except that payments-prod trusts by SAML.
fn world(more: &str) -> World {
    let trust = format!("trust = \"gateway-saml\"\nsaml_provider_arn = \"{PROVIDER}\"\n{more}");
    World::with_access(&ACCESS.replacen("audience = \"rolecall-payments\"", &trust, 1))
}

fn request() -> ConsoleRequest {
    ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    }
}

#[track_caller]
fn only_claims(world: &World) -> SamlClaims {
    let mut claims = world.aws.take_saml_claims();
    assert_eq!(claims.len(), 1);
    assert!(world.aws.take_claims().is_empty(), "no token was made");
    claims.remove(0)
}

#[tokio::test]
async fn credentials_by_a_response_of_ours() {
    let world = world("");
    let alice = world.session_of("alice").await;
    world.journal.take();
    world.issue(&alice, &developer()).await.unwrap();
    assert_eq!(
        world.journal.take(),
        ["audit issue_intended", "mint", "assume", "audit issue_done"]
    );
    let request = world.aws.take_requests().remove(0);
    let StsRequest::AssumeRoleWithSaml(request) = request else {
        panic!("not a response");
    };
    assert_eq!(request.principal.as_str(), PROVIDER);
    assert_eq!(request.response.expose(), "canary-saml-response");
    assert_eq!(request.session.duration.seconds(), 7_200);
    assert!(request.session.session_policy.is_some());

    let claims = only_claims(&world);
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
async fn audience_and_recipient_can_be_configured() {
    let more = format!("audience = \"urn:example\"\nrecipient = \"{RECIPIENT}\"");
    let world = world(&more);
    let alice = world.session_of("alice").await;
    world.issue(&alice, &developer()).await.unwrap();
    let claims = only_claims(&world);
    assert_eq!(claims.audience, "urn:example");
    let recipient = claims.recipient.map(|recipient| recipient.to_string());
    assert_eq!(recipient.as_deref(), Some(RECIPIENT));
}

#[tokio::test]
async fn the_console_by_post_asks_nobody() {
    let world = world(&format!(
        "console = \"saml-post\"\nrecipient = \"{RECIPIENT}\""
    ));
    let alice = world.session_of("alice").await;
    world.journal.take();
    world.trail.take();
    let visit = world
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
        world.journal.take(),
        ["audit issue_intended", "mint", "audit issue_posted"]
    );
    let events = world.trail.take_events();
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
    assert!(world.aws.take_requests().is_empty() && world.aws.take_links().is_empty());
    assert_eq!(only_claims(&world).duration.seconds(), 7_200);

    // Credentials for a terminal still come from STS, and another account is none of its business.
    world.issue(&alice, &developer()).await.unwrap();
    assert_eq!(world.aws.take_requests().len(), 1);
    let visit = world
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &plain(), &request())
        .await;
    assert!(matches!(visit, Ok(ConsoleVisit::Link(_))));
}

#[tokio::test]
async fn a_federated_console_is_the_usual_one() {
    let world = world("console = \"federation\"");
    let alice = world.session_of("alice").await;
    let page = Destination::parse("https://console.aws.amazon.com/s3/", Partition::Aws).unwrap();
    let request = ConsoleRequest {
        destination: Some(page),
        ..request()
    };
    let visit = world
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request)
        .await;
    assert!(matches!(visit, Ok(ConsoleVisit::Link(_))));
    let links = world.aws.take_links();
    assert_eq!(links[0].seconds, Some(7_200));
    assert_eq!(links[0].destination, "https://console.aws.amazon.com/s3/");
}

#[tokio::test]
async fn the_ticket_after_aws_sign_out_leads_to_the_form_once() {
    let world = world("console = \"saml-post\"");
    let alice = world.session_of("alice").await;
    let url = world
        .gateway
        .issuer()
        .sign_out_of_console(&alice, developer(), request())
        .await
        .unwrap();
    let back = url.query_pairs().find(|(name, _)| name == "redirect_uri");
    let ticket = ConsoleTicket::new(back.unwrap().1.rsplit('/').next().unwrap());
    let context = context();
    let go = || {
        world
            .gateway
            .issuer()
            .continue_to_console(&context, &alice, &ticket)
    };
    assert!(matches!(
        go().await,
        Ok(ConsoleOutcome::Visit(ConsoleVisit::Post(_)))
    ));
    assert!(matches!(go().await, Ok(ConsoleOutcome::Spent)));
}

#[tokio::test]
async fn without_a_key_nothing_leaves_and_the_trail_says_so() {
    let world = world("console = \"saml-post\"");
    let alice = world.session_of("alice").await;
    world.trail.take();
    world.aws.fail_mint_once();
    let visit = world
        .gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request())
        .await;
    assert!(matches!(visit, Err(IssueError::Token(_))));
    let events = world.trail.take_events();
    assert_eq!(events.len(), 2);
    assert!(
        matches!(&events[1].kind, AuditEventKind::IssueFailed { reason, .. } if reason == "token")
    );
}

#[tokio::test]
async fn a_no_of_aws_comes_with_advice_about_saml() {
    for (refusal, words) in [
        (StsRefusal::AccessDenied, "sts:AssumeRoleWithSAML"),
        (
            StsRefusal::ProviderNotRegistered,
            "create-saml-provider --name rolecall",
        ),
        (StsRefusal::Metadata, "update-saml-provider"),
    ] {
        let world = world("");
        let alice = world.session_of("alice").await;
        world.aws.refuse_once(refusal, "InvalidIdentityToken");
        let error = world.issue(&alice, &developer()).await.unwrap_err();
        let IssueError::Refused(refused) = error else {
            panic!("{refusal:?} is AWS's no");
        };
        assert!(
            refused.advice.hint.contains(words),
            "{}",
            refused.advice.hint
        );
    }
}
