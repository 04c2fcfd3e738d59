//! Accounts that trust the person's own provider: there and back with a response for AWS, which is good for nothing else.

use std::sync::Arc;

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRequest;
use rolecall_core::base::limits;
use rolecall_core::base::secret::ProofTicket;
use rolecall_core::issue::{ConsoleRequest, ConsoleVisit, IssueError, ProofOutcome};
use rolecall_core::session::Session;
use rolecall_core::sign_in::{ProviderError, RejectReason, ReturnTo, SignInError};
use tokio::task::JoinSet;

use crate::world::{ACCESS, World, context, developer, id, saml};

const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/okta";
const ROLE: &str = "arn:aws:iam::111122223333:role/rolecall/Developer";

/// The usual world, except that payments-prod trusts the people's own provider.
pub(crate) fn world() -> World {
    let trust = format!("trust = \"provider-saml\"\nsaml_provider_arn = \"{PROVIDER}\"");
    World::with_access(&ACCESS.replacen("audience = \"rolecall-payments\"", &trust, 1))
}

pub(crate) fn said(person: &str, assertion: &str) -> String {
    format!("{person} {assertion} {ROLE},{PROVIDER} alice@example.com")
}

impl World {
    /// Asks for credentials of the role, which leads to the provider.
    pub(crate) async fn sent_away(&self, session: &Session) {
        let error = self.issue(session, &developer()).await.unwrap_err();
        let IssueError::AtProvider { start: Some(start) } = error else {
            panic!("{error}");
        };
        assert_eq!(start.as_str(), "https://idp.example/aws");
    }

    pub(crate) async fn received(&self, response: &str) -> Result<ProofTicket, SignInError> {
        self.gateway
            .issuer()
            .receive_for_aws(&context(), &id("okta"), saml(response))
            .await
    }

    async fn back(
        &self,
        session: &Session,
        ticket: &ProofTicket,
    ) -> Result<ProofOutcome, IssueError> {
        self.gateway
            .issuer()
            .continue_with_proof(&context(), session, ticket)
            .await
    }
}

#[tokio::test]
async fn credentials_come_by_the_providers_own_response() {
    let world = world();
    let alice = world.session_of("alice").await;
    world.trail.take();
    world.sent_away(&alice).await;
    assert!(world.aws.take_requests().is_empty() && world.trail.take().is_empty());

    let ticket = world.received(&said("alice", "a1")).await.unwrap();
    assert_eq!(world.store.keys("session").len(), 1, "it signs nobody in");
    let outcome = world.back(&alice, &ticket).await.unwrap();
    assert!(matches!(outcome, ProofOutcome::Issued(_)));

    let request = world.aws.take_requests().remove(0);
    let StsRequest::AssumeRoleWithSaml(request) = request else {
        panic!("not a response");
    };
    assert_eq!(request.principal.as_str(), PROVIDER);
    assert_eq!(request.response.expose(), said("alice", "a1"), "as it came");
    assert_eq!(request.session.role.as_str(), ROLE);
    let kind = world.trail.take();
    let AuditEventKind::IssueIntended {
        role_session_name,
        source_identity,
        tag_keys,
        ..
    } = &kinds[0]
    else {
        panic!("{kinds:?}");
    };
    assert_eq!(role_session_name, "named-by-the-provider");
    assert_eq!(source_identity.as_deref(), Some("alice@example.com"));
    assert_eq!(tag_keys, &["team"]);
    assert!(matches!(kinds[1], AuditEventKind::IssueDone { .. }));

    assert!(matches!(
        world.back(&alice, &ticket).await.unwrap(),
        ProofOutcome::Spent
    ));
}

#[tokio::test]
async fn the_console_opens_on_the_way_back() {
    let world = world();
    let alice = world.session_of("alice").await;
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    };
    let gateway = &world.gateway;
    let visit = gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request)
        .await;
    assert!(matches!(
        visit,
        Err(IssueError::AtProvider { start: Some(_) })
    ));
    let ticket = world.received(&said("alice", "a1")).await.unwrap();
    let outcome = world.back(&alice, &ticket).await.unwrap();
    assert!(matches!(
        outcome,
        ProofOutcome::Visit(ConsoleVisit::Link(_))
    ));
    let links = world.aws.take_links();
    assert!(links[0].destination.contains("cloudwatch"), "{links:?}");
}

#[tokio::test]
async fn a_response_about_somebody_else_or_something_else_is_refused() {
    let world = world();
    let alice = world.session_of("alice").await;
    for (response, why) in [
        (said("bob", "a1"), "other_subject"),
        (
            format!("alice a2 {ROLE}2,{PROVIDER} alice@example.com"),
            "other_role",
        ),
        (
            format!("alice a3 {ROLE},{PROVIDER}2 alice@example.com"),
            "other_role",
        ),
        (format!("alice a4 {ROLE} alice@example.com"), "other_role"),
        (
            format!("alice a5 {ROLE},{PROVIDER} bob@example.com"),
            "other_source_identity",
        ),
        (
            format!("alice a6 {ROLE},{PROVIDER}"),
            "other_source_identity",
        ),
    ] {
        world.sent_away(&alice).await;
        let ticket = world.received(&response).await.unwrap();
        world.trail.take();
        let error = world.back(&alice, &ticket).await.unwrap_err();
        assert_eq!(error.code(), why, "{response}");
        let kind = world.trail.take_only();
        let AuditEventKind::IssueRefused { reason, .. } = &kind else {
            panic!("{kind:?}");
        };
        assert_eq!(reason, why);
        assert!(world.aws.take_requests().is_empty());
    }
    // The pair may stand in either order.
    world.sent_away(&alice).await;
    let turned = format!("alice a9 {PROVIDER},{ROLE} alice@example.com");
    let ticket = world.received(&turned).await.unwrap();
    assert!(world.back(&alice, &ticket).await.is_ok());
}

#[tokio::test]
async fn nothing_is_issued_that_was_not_asked_for_in_this_session() {
    let world = world();
    let (alice, other) = (
        world.session_of("alice").await,
        world.session_of("alice").await,
    );
    let ticket = world.received(&said("alice", "a1")).await.unwrap();
    let spent = world.back(&alice, &ticket).await.unwrap();
    assert!(
        matches!(spent, ProofOutcome::Spent),
        "nothing was asked for"
    );

    world.sent_away(&alice).await;
    let ticket = world.received(&said("alice", "a2")).await.unwrap();
    let spent = world.back(&other, &ticket).await.unwrap();
    assert!(matches!(spent, ProofOutcome::Spent), "not in that session");

    world.sent_away(&alice).await;
    let ticket = world.received(&said("alice", "a3")).await.unwrap();
    world.clock.advance(limits::HELD_RESPONSE_MAX);
    let spent = world.back(&alice, &ticket).await.unwrap();
    assert!(matches!(spent, ProofOutcome::Spent), "too late");
    assert!(world.aws.take_requests().is_empty());
}

#[tokio::test]
async fn todays_policy_is_asked_on_the_way_back() {
    let world = world();
    let alice = world.session_of("alice").await;
    world.sent_away(&alice).await;
    let ticket = world.received(&said("alice", "a1")).await.unwrap();
    world
        .replace_policy(&ACCESS.replacen("groups = [\"payments-dev\"]", "groups = [\"nobody\"]", 1))
        .await;
    let error = world.back(&alice, &ticket).await.unwrap_err();
    assert!(matches!(error, IssueError::NotGranted));
    assert!(world.aws.take_requests().is_empty());
}

#[tokio::test]
async fn a_response_counts_once_and_is_verified_before_anything_is_stored() {
    let world = Arc::new(world());
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let world = Arc::clone(&world);
        all.spawn(async move { world.received(&said("alice", "a1")).await.is_ok() });
    }
    let taken = all.join_all().await.into_iter().filter(|ok| *ok).count();
    assert_eq!(taken, 1);
    world
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Audience, "for us"));
    assert!(world.received(&said("alice", "a2")).await.is_err());
    assert!(matches!(
        world
            .gateway
            .issuer()
            .receive_for_aws(&context(), &id("google"), saml("x"))
            .await,
        Err(SignInError::UnknownProvider)
    ));
    assert_eq!(world.store.keys("proof").len(), 1);
}
