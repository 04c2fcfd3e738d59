//! Roles of accounts that trust the person's identity provider directly: the browser fetches a SAML response from the
//! provider, which is only for AWS.
//!
//! The response does not sign anyone in, and is held only until the browser follows a redirect. It must be about the
//! person of the session, and must name the role that the current policy grants.

use super::request::IssueRequest;
use crate::access::{Grant, RoleRequest, RoleSessionAttributes};
use crate::audit::{CredentialDelivery, RequestContext};
use crate::base::limits;
use crate::base::secret::{ProofTicket, SamlResponse, SecretDigest, random_token};
use crate::caller::{Caller, SessionId};
use crate::identity::ProviderId;
use crate::issue::{ConsoleRequest, ConsoleVisit, IssueError, IssuedRole, Issuer};
use crate::record::{Record, StoreError};
use crate::session::Session;
use crate::sign_in::{BrowserDelivery, HeldResponse, Message, ResponseForAws, SignInError};
use serde::{Deserialize, Serialize};

/// Request during which the person was sent to the provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// Open the console.
    Console(ConsoleRequest),
    /// Show credentials on the credentials page.
    Credentials,
}

/// Verified response for AWS about the person of the session.
#[derive(Clone)]
pub(super) struct ProviderProof {
    /// Content of the response.
    pub(super) claims: ResponseForAws,
    /// The response for STS.
    pub(super) response: SamlResponse,
}

/// Reason why a provider's response for AWS does not match the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMismatch {
    /// It is about another person than that of the session.
    Subject,
    /// It does not contain the requested role with the provider of its account.
    Role,
    /// `SourceIdentity` is not the value that the permission set requires.
    SourceIdentity,
}

impl ResponseMismatch {
    /// Stable code for the audit trail and for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Subject => "other_subject",
            Self::Role => "other_role",
            Self::SourceIdentity => "other_source_identity",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Subject => "about another person",
            Self::Role => "not for this role",
            Self::SourceIdentity => "with a source identity that this role does not permit",
        }
    }
}

impl ProviderProof {
    /// Checks that it matches this role. Other roles in the response do not matter: STS is called for this one.
    pub(crate) fn check_match(
        &self,
        grant: &Grant,
        attributes: &RoleSessionAttributes,
    ) -> Result<(), ResponseMismatch> {
        let role = grant.role().to_string();
        let provider = grant.trust().saml_provider();
        if !provider.is_some_and(|provider| self.claims.is_for(&role, provider.as_str())) {
            return Err(ResponseMismatch::Role);
        }
        let demanded = attributes.source_identity.as_ref().map(ToString::to_string);
        if demanded.is_some() && demanded != self.claims.source_identity {
            return Err(ResponseMismatch::SourceIdentity);
        }
        Ok(())
    }
}

/// Result of redeeming a ticket.
#[derive(Debug)]
pub enum ProofOutcome {
    /// A request to open the console.
    Visit(ConsoleVisit),
    /// The credentials of a request from the credentials page.
    Issued(Box<IssuedRole>),
    /// Nothing was issued: the ticket was used or has expired, or the session has no pending request.
    AlreadyUsed,
}

/// Pending request of a session whose browser is at the provider; at most one.
#[derive(Serialize, Deserialize)]
struct PendingAtProvider {
    role: RoleRequest,
    purpose: Purpose,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    reports_caller: bool,
}

impl Record for PendingAtProvider {
    const KIND: &'static str = "at-provider";
}

/// Verified response that is held for its session.
#[derive(Serialize, Deserialize)]
struct HeldProof {
    provider: ProviderId,
    #[serde(rename = "said")]
    claims: ResponseForAws,
    #[serde(flatten)]
    response: HeldResponse,
}

impl Record for HeldProof {
    const KIND: &'static str = "proof";
}

fn waiting(session: SessionId) -> SecretDigest {
    SecretDigest::of("rolecall/at-provider/v1", &[session.to_string().as_bytes()])
}

impl Issuer {
    /// Stores the request. Returns the reason why nothing is issued yet: the browser must fetch the provider's response
    /// first, cannot fetch it, or the store is unavailable.
    pub(super) async fn redirect_to_provider(
        &self,
        caller: Caller<'_>,
        issue: &IssueRequest<'_>,
    ) -> IssueError {
        let provider = self.sign_ins.provider(&caller.identity.provider);
        let start = provider
            .and_then(|known| known.saml())
            .and_then(|saml| saml.aws_application_url());
        let (Some(purpose), None, Some(start)) = (issue.purpose, caller.flow, start) else {
            return IssueError::AtProvider { start: None };
        };
        let until = self.clock.now() + limits::SIGN_IN_MAX;
        let pending = |_: Option<PendingAtProvider>| {
            let pending = PendingAtProvider {
                role: issue.role.clone(),
                purpose: purpose.clone(),
                reports_caller: issue.reports_caller,
            };
            (pending, until, ())
        };
        let records = &self.records;
        match records.update(waiting(caller.session), pending).await {
            Ok(()) => IssueError::AtProvider { start: Some(start) },
            Err(error) => error.into(),
        }
    }

    /// Verifies a response that the provider created for AWS, and holds it until the browser presents its session. It
    /// never signs anyone in.
    ///
    /// # Errors
    /// [`SignInError`]; every refusal is audited with its reason.
    pub async fn receive_for_aws(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        response: SamlResponse,
    ) -> Result<ProofTicket, SignInError> {
        match self.try_receive(context, provider, response).await {
            Ok(ticket) => Ok(ticket),
            Err(error) => self.sign_ins.refuse_without_state(context, error).await,
        }
    }

    async fn try_receive(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        response: SamlResponse,
    ) -> Result<ProofTicket, SignInError> {
        let saml = self.sign_ins.saml(provider)?;
        let position = self
            .sign_ins
            .queue_position(context, Message::Unsolicited(BrowserDelivery::Navigation))?;
        let claims = saml.verify_for_aws(response.clone(), &position).await?;
        drop(position);
        let packed = saml.pack(&response)?;
        let ticket = ProofTicket::new(random_token(self.entropy.as_ref()));
        // Reserve capacity first: without it the response is not consumed.
        let slot = self
            .sign_ins
            .reserve_held(ticket.digest(), packed.bytes())?;
        match self
            .sign_ins
            .consume_once(provider, claims.replay_key)
            .await
        {
            Err(StoreError::Exists) => return Err(SignInError::Replayed),
            spent => spent?,
        }
        let held = HeldProof {
            provider: provider.clone(),
            claims,
            response: HeldResponse::Packed { packed },
        };
        self.sign_ins.keep_held(slot, &held).await?;
        Ok(ticket)
    }

    /// Resumes the pending request of the session, once, with the provider's response for AWS.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn continue_with_proof(
        &self,
        context: &RequestContext,
        session: &Session,
        ticket: &ProofTicket,
    ) -> Result<ProofOutcome, IssueError> {
        let held: Option<HeldProof> = self.sign_ins.take_held(ticket.digest()).await?;
        let pending: Option<PendingAtProvider> = self.records.take(waiting(session.id)).await?;
        let (Some(held), Some(pending)) = (held, pending) else {
            return Ok(ProofOutcome::AlreadyUsed);
        };
        let role = &pending.role;
        let identity = &session.identity;
        if held.provider != identity.provider || held.claims.subject != identity.subject {
            let error = IssueError::Mismatch(ResponseMismatch::Subject);
            return self.refuse(context, session.into(), role, error).await;
        }
        let Ok(response) = self.sign_ins.unpacked(&held.provider, &held.response) else {
            return Ok(ProofOutcome::AlreadyUsed);
        };
        let provider_proof = ProviderProof {
            claims: held.claims,
            response,
        };
        match &pending.purpose {
            Purpose::Console(request) => {
                let issue = IssueRequest::new(role, CredentialDelivery::Console)
                    .provider_proof(provider_proof);
                let visit = self.visit(context, session, issue, request).await?;
                Ok(ProofOutcome::Visit(visit))
            }
            Purpose::Credentials => {
                let issue = IssueRequest::new(role, CredentialDelivery::Credentials)
                    .provider_proof(provider_proof)
                    .reporting_caller(pending.reports_caller);
                let issued = self.issue(context, session.into(), issue).await?;
                Ok(ProofOutcome::Issued(Box::new(issued)))
            }
        }
    }
}
