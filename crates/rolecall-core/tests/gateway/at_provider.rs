//! Accounts that trust the person's provider: the browser visits the provider and returns with a response for AWS,
//! which is valid for nothing else.

use std::sync::Arc;

use rolecall_core::audit::AuditEventKind;
use rolecall_core::aws::StsRequest;
use rolecall_core::base::limits;
use rolecall_core::base::secret::ProofTicket;
use rolecall_core::issue::{ConsoleRequest, ConsoleVisit, IssueError, ProofOutcome};
use rolecall_core::session::Session;
use rolecall_core::sign_in::{ProviderError, RejectReason, ReturnTo, SignInError};
use tokio::task::JoinSet;

use crate::fixture::{ACCESS, Fixture, context, developer, id, saml};

const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/okta";
const ROLE: &str = "arn:aws:iam::111122223333:role/rolecall/Developer";

/// The default fixture, but payments-prod trusts the identity provider.
pub(crate) fn fixture() -> Fixture {
    let trust = format!("trust = \"provider-saml\"\nsaml_provider_arn = \"{PROVIDER}\"");
    Fixture::with_access(&ACCESS.replacen("audience = \"rolecall-payments\"", &trust, 1))
}

pub(crate) fn said(person: &str, assertion: &str) -> String {
    format!("{person} {assertion} {ROLE},{PROVIDER} alice@example.com")
}

impl Fixture {
    /// Requests credentials for the role, which requires a visit to the provider.
    pub(crate) async fn sent_away(&self, session: &Session) {
        let role = developer();
        let issuer = self.gateway.issuer();
        let request = role.into();
        let issued = issuer.credentials_page(&context(), session, &request).await;
        let error = issued.unwrap_err();
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

    async fn continue_with(
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
async fn provider_response_yields_credentials() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    fixture.trail.take();
    fixture.sent_away(&alice).await;
    assert!(fixture.aws.take_requests().is_empty() && fixture.trail.take().is_empty());

    let ticket = fixture.received(&said("alice", "a1")).await.unwrap();
    assert_eq!(
        fixture.store.keys("session").len(),
        1,
        "no session is created"
    );
    let outcome = fixture.continue_with(&alice, &ticket).await.unwrap();
    assert!(matches!(outcome, ProofOutcome::Issued(_)));

    let request = fixture.aws.take_requests().remove(0);
    let StsRequest::AssumeRoleWithSaml(request) = request else {
        panic!("not a response");
    };
    assert_eq!(request.principal.as_str(), PROVIDER);
    assert_eq!(request.response.expose(), said("alice", "a1"), "as it came");
    assert_eq!(request.session.role.as_str(), ROLE);
    let kinds = fixture.trail.take();
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
        fixture.continue_with(&alice, &ticket).await.unwrap(),
        ProofOutcome::AlreadyUsed
    ));
}

#[tokio::test]
async fn script_is_not_sent_to_the_provider() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::portal(),
    };
    let (issuer, role) = (fixture.gateway.issuer(), developer());
    let context = context();
    let visit = issuer.visit_console_by_script(&context, &alice, &role, &request);
    for error in [
        visit.await.unwrap_err(),
        fixture.issue(&alice, &role).await.unwrap_err(),
    ] {
        assert!(matches!(error, IssueError::AtProvider { start: None }));
    }
    assert!(fixture.store.keys("at-provider").is_empty());
    fixture.sent_away(&alice).await;
    assert_eq!(fixture.store.keys("at-provider").len(), 1);
}

#[tokio::test]
async fn provider_response_opens_the_console() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    let request = ConsoleRequest {
        destination: None,
        return_to: ReturnTo::parse("/console?account=111122223333").unwrap(),
    };
    let gateway = &fixture.gateway;
    let visit = gateway
        .issuer()
        .visit_console(&context(), &alice, &developer(), &request)
        .await;
    assert!(matches!(
        visit,
        Err(IssueError::AtProvider { start: Some(_) })
    ));
    let ticket = fixture.received(&said("alice", "a1")).await.unwrap();
    let outcome = fixture.continue_with(&alice, &ticket).await.unwrap();
    assert!(matches!(
        outcome,
        ProofOutcome::Visit(ConsoleVisit::Link(_))
    ));
    let links = fixture.aws.take_links();
    assert!(links[0].destination.contains("cloudwatch"), "{links:?}");
}

#[tokio::test]
async fn mismatched_provider_response_is_rejected() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
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
        fixture.sent_away(&alice).await;
        let ticket = fixture.received(&response).await.unwrap();
        fixture.trail.take();
        let error = fixture.continue_with(&alice, &ticket).await.unwrap_err();
        assert_eq!(error.code(), why, "{response}");
        let kind = fixture.trail.take_only();
        let AuditEventKind::IssueRefused { reason, .. } = &kind else {
            panic!("{kind:?}");
        };
        assert_eq!(reason, why);
        assert!(fixture.aws.take_requests().is_empty());
    }
    // The pair can have either order.
    fixture.sent_away(&alice).await;
    let turned = format!("alice a9 {PROVIDER},{ROLE} alice@example.com");
    let ticket = fixture.received(&turned).await.unwrap();
    assert!(fixture.continue_with(&alice, &ticket).await.is_ok());
}

#[tokio::test]
async fn response_without_request_of_session_is_rejected() {
    let fixture = fixture();
    let (alice, other) = (
        fixture.session_of("alice").await,
        fixture.session_of("alice").await,
    );
    let ticket = fixture.received(&said("alice", "a1")).await.unwrap();
    let spent = fixture.continue_with(&alice, &ticket).await.unwrap();
    assert!(
        matches!(spent, ProofOutcome::AlreadyUsed),
        "nothing was asked for"
    );

    fixture.sent_away(&alice).await;
    let ticket = fixture.received(&said("alice", "a2")).await.unwrap();
    let spent = fixture.continue_with(&other, &ticket).await.unwrap();
    assert!(
        matches!(spent, ProofOutcome::AlreadyUsed),
        "not in that session"
    );

    fixture.sent_away(&alice).await;
    let ticket = fixture.received(&said("alice", "a3")).await.unwrap();
    fixture.clock.advance(limits::HELD_RESPONSE_MAX);
    let spent = fixture.continue_with(&alice, &ticket).await.unwrap();
    assert!(matches!(spent, ProofOutcome::AlreadyUsed), "too late");
    assert!(fixture.aws.take_requests().is_empty());
}

#[tokio::test]
async fn current_policy_is_evaluated_after_provider() {
    let fixture = fixture();
    let alice = fixture.session_of("alice").await;
    fixture.sent_away(&alice).await;
    let ticket = fixture.received(&said("alice", "a1")).await.unwrap();
    fixture
        .replace_policy(&ACCESS.replacen("groups = [\"payments-dev\"]", "groups = [\"nobody\"]", 1))
        .await;
    let error = fixture.continue_with(&alice, &ticket).await.unwrap_err();
    assert!(matches!(error, IssueError::NotGranted));
    assert!(fixture.aws.take_requests().is_empty());
}

#[tokio::test]
async fn provider_response_is_single_use() {
    let fixture = Arc::new(fixture());
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let fixture = Arc::clone(&fixture);
        all.spawn(async move { fixture.received(&said("alice", "a1")).await.is_ok() });
    }
    let taken = all.join_all().await.into_iter().filter(|ok| *ok).count();
    assert_eq!(taken, 1);
    fixture
        .okta
        .fail_once(|| ProviderError::rejected(RejectReason::Audience, "for us"));
    assert!(fixture.received(&said("alice", "a2")).await.is_err());
    assert!(matches!(
        fixture
            .gateway
            .issuer()
            .receive_for_aws(&context(), &id("google"), saml("x"))
            .await,
        Err(SignInError::UnknownProvider)
    ));
    assert_eq!(fixture.store.keys("proof").len(), 1);
}
