//! Issuing: a grant and an identity become a proof, a request to STS, and credentials that are delivered immediately.
//!
//! The order is guaranteed: the current policy, the durable audit intent, the proof, STS, the durable outcome, and only
//! then the response.

mod admission;
mod console;
mod credentials;
mod decode;
mod duration;
mod error;
mod events;
mod id_token;
mod learned;
mod packed;
mod proof;
mod request;
mod verification;
mod via_provider;

use std::sync::Arc;

use futures_util::future::join;
use url::Url;

use crate::access::{
    DurationReason, GatewaySaml, Grant, RoleAccess, RoleRequest, RoleSessionAttributes,
    SessionPolicies,
};
use crate::audit::{Actor, AuditEventKind, CredentialDelivery, Journal, RequestContext, Target};
use crate::aws::{
    AssumedRole, CallerIdentity, ConsoleSignIn, Credentials, FederatedUserName, MintedSaml,
    Partition, RoleSessionDuration, RoleSessionName, SamlIssuer, Sts, StsError, WebIdentityIssuer,
};
use crate::base::secret::{WebIdentityToken, random_token};
use crate::base::{Clock, Entropy, limits};
use crate::caller::{Caller, Facts};
use crate::entitlements::Entitlements;
use crate::issue::admission::StsQuota;
use crate::issue::decode::decoding_policies;
use crate::issue::packed::Fitted;
use crate::issue::via_provider::ProviderProof;
use crate::record::rate_limit::RateCounters;
use crate::record::{Records, StoreError};
use crate::session::Sessions;
use crate::sign_in::SignIns;

pub use console::{ConsoleOffer, ConsoleOutcome, ConsoleRequest, ConsoleVisit};
pub use credentials::CredentialsRequest;
pub use decode::{
    CannotDecode, DecodeError, DecodingRoles, DenialCause, DeniedPrincipal, SessionLimit,
    SessionLimitVerdict,
};
pub use error::{IssueError, Refused};
pub use id_token::IdTokenError;
pub(crate) use learned::Learned;
pub(crate) use request::IssueRequest;
pub use verification::{CallerReport, VerificationFailure};
pub use via_provider::{ProofOutcome, ResponseMismatch};

/// The service that issues credentials and console sign-ins.
pub struct Issuer {
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) rates: Arc<RateCounters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) sign_ins: Arc<SignIns>,
    pub(crate) entitlements: Arc<Entitlements>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sts: Arc<dyn Sts>,
    pub(crate) web_identity: Arc<dyn WebIdentityIssuer>,
    pub(crate) saml: Arc<dyn SamlIssuer>,
    pub(crate) console: Arc<dyn ConsoleSignIn>,
    pub(crate) public_url: Url,
    /// `iss` of the tokens for AWS.
    pub(crate) issuer_url: Url,
    pub(crate) partition: Partition,
    /// Whether tokens for AWS name the one role that they are for.
    pub(crate) role_claim: bool,
    pub(crate) learned: Learned,
}

/// Credentials that STS issued, and the grant that they are for.
#[derive(Debug)]
pub struct IssuedRole {
    /// The grant of the role.
    pub grant: Grant,
    /// Temporary credentials of the role session.
    pub credentials: Credentials,
    /// The requested duration, and the setting that limits it.
    pub duration: (RoleSessionDuration, DurationReason),
    /// Whose the credentials are according to STS, if the person asked.
    pub caller: Option<CallerReport>,
}

/// A granted role with a durable intent in the audit trail.
pub(crate) struct Prepared {
    pub(crate) grant: Grant,
    attributes: RoleSessionAttributes,
    /// The session policies of the request.
    session_policies: SessionPolicies,
    /// Percent of STS's space that session policies and tags probably take.
    predicted_percent: usize,
    session_name: RoleSessionName,
    /// `Name` of the session if no role is assumed.
    federated_user: FederatedUserName,
    /// `jti`, if the gateway signs a token for AWS.
    token_id: String,
    duration: RoleSessionDuration,
    duration_reason: DurationReason,
    /// The provider's response for AWS, if the role trusts the provider.
    provider_proof: Option<ProviderProof>,
    /// The provider's ID token, if the role trusts it.
    id_token: Option<WebIdentityToken>,
}

impl Issuer {
    /// Issues credentials for a role.
    pub(crate) async fn issue(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        issue: IssueRequest<'_>,
    ) -> Result<IssuedRole, IssueError> {
        let reports_caller = issue.reports_caller;
        let prepared = self.prepare(context, caller, issue).await?;
        let (grant, federated_user) = (prepared.grant.clone(), prepared.federated_user.clone());
        let requested = (prepared.duration, prepared.duration_reason.clone());
        let (issued, confirmed) = self.assume_verified(context, caller, prepared).await?;
        let report = match (reports_caller, confirmed) {
            (false, _) => None,
            (true, Some(identity)) => Some(CallerReport::Confirmed(identity)),
            (true, None) => {
                let expected = (&grant, &federated_user);
                let report = self.report_caller(context, caller, expected, &issued);
                Some(report.await?)
            }
        };
        let duration = self.granted_duration(&grant, requested, &issued);
        Ok(IssuedRole {
            grant,
            credentials: issued.credentials,
            duration,
            caller: report,
        })
    }

    /// Evaluates the current policy and writes the audit intent. The caller must complete a [`Prepared`] with
    /// [`Self::assume`] or [`Self::respond`].
    pub(crate) async fn prepare(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        issue: IssueRequest<'_>,
    ) -> Result<Prepared, IssueError> {
        let IssueRequest { role, delivery, .. } = issue;
        let found = self.find_grant(context, caller, role).await;
        let granted = found.as_ref().ok();
        let id_token = match granted {
            Some((grant, _)) => self.id_token_for(caller, grant).await?.transpose(),
            None => Ok(None),
        };
        let sts = granted.and_then(|(grant, _)| StsQuota::of(grant, &issue));
        let sts = sts.filter(|_| id_token.is_ok());
        self.admit_request(caller.identity, sts.as_ref()).await?;
        let (grant, facts) = match found {
            Ok(found) => found,
            Err(error) => return self.refuse(context, caller, role, error).await,
        };
        let id_token = match id_token {
            Ok(id_token) => id_token,
            // The browser signs in again and returns, so this is not a refusal.
            Err(error @ IdTokenError::SignInAgain { .. }) if issue.purpose.is_some() => {
                return Err(IssueError::IdToken(error));
            }
            Err(error) => {
                let error = IssueError::IdToken(error);
                return self.refuse(context, caller, role, error).await;
            }
        };
        let session_policies = match policies_for(&grant, delivery) {
            Ok(policies) => policies,
            Err(error) => return self.refuse(context, caller, role, error.into()).await,
        };
        let attributes = grant.attributes(&facts);
        let fitted = attributes.and_then(|attributes| {
            self.fit(caller.identity, &grant, &session_policies, attributes)
        });
        let Fitted {
            attributes,
            percent,
        } = match fitted {
            Ok(fitted) => fitted,
            Err(error) => return self.refuse(context, caller, role, error.into()).await,
        };
        let provider_proof = match issue.provider_proof {
            _ if !grant.trust().needs_browser() => None,
            None => return Err(self.redirect_to_provider(caller, &issue).await),
            Some(provider_proof) => match provider_proof.check_match(&grant, &attributes) {
                Ok(()) => Some(provider_proof),
                Err(mismatch) => {
                    let error = IssueError::Mismatch(mismatch);
                    return self.refuse(context, caller, role, error).await;
                }
            },
        };
        let (duration, duration_reason) = self.requested_duration(&grant, delivery);
        let prepared = Prepared {
            duration,
            duration_reason,
            token_id: random_token(&*self.entropy),
            grant,
            attributes,
            session_policies,
            predicted_percent: percent,
            session_name: RoleSessionName::of(caller.identity),
            federated_user: FederatedUserName::of(caller.identity),
            provider_proof,
            id_token,
        };
        let intent = events::intent(caller, &prepared, delivery);
        self.journal.append(context, intent).await?;
        Ok(prepared)
    }

    /// Whether an account of today's policy needs AWS credentials of the gateway.
    pub fn needs_own_credentials(&self) -> bool {
        let policy = self.entitlements.policy();
        policy
            .accounts()
            .any(|account| account.trust.needs_own_credentials())
    }

    /// Calls `GetCallerIdentity` with the gateway's AWS credentials and keeps the result, which determines the maximum duration of
    /// sessions. An outage of STS changes nothing.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn identify(&self) -> Result<CallerIdentity, StsError> {
        let identity = self.sts.own_identity().await;
        match &identity {
            Ok(identity) => self.entitlements.identified(identity),
            Err(error) if error.rejects_signer() => self.entitlements.unidentified(),
            Err(_) => {}
        }
        identity
    }

    /// Returns the result of a step between an issue and its delivery, such as the last session check. Audits that nothing was
    /// delivered if it failed.
    pub(crate) async fn audit_if_withheld<T, E: From<StoreError>>(
        &self,
        context: &RequestContext,
        step: Result<T, E>,
    ) -> Result<T, E> {
        if step.is_err() {
            self.record_undelivered(context).await?;
        }
        step
    }

    /// Audits that credentials were not delivered: the client disconnected, the session ended, or a later step failed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_undelivered(&self, context: &RequestContext) -> Result<(), StoreError> {
        self.journal
            .append_outcome(context, AuditEventKind::IssueUndelivered {})
            .await
    }

    /// Requests credentials from STS and audits the outcome. A session that has ended meanwhile does not get them.
    pub(crate) async fn assume(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        prepared: Prepared,
    ) -> Result<AssumedRole, IssueError> {
        let (issued, _) = self.assume_verified(context, caller, prepared).await?;
        Ok(issued)
    }

    /// As [`Self::assume`], with whose the credentials are if the account requires STS to confirm it.
    async fn assume_verified(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        prepared: Prepared,
    ) -> Result<(AssumedRole, Option<CallerIdentity>), IssueError> {
        let (grant, federated_user) = (prepared.grant.clone(), prepared.federated_user.clone());
        let (earlier, response) = self.call_sts(caller, prepared).await;
        // The session may have ended during the call. The audit trail records what AWS issued, delivered or not.
        let outcome = self
            .journal
            .append_outcome(context, events::outcome(&response, &earlier));
        let (appended, lives) = join(outcome, self.check_session(caller)).await;
        appended?;
        let issued = response?;
        self.audit_if_withheld(context, lives).await?;
        let expected = (&grant, &federated_user);
        let confirmed = self.verify(context, caller, expected, &issued).await?;
        Ok((issued, confirmed))
    }

    /// Signs a SAML response for the browser to post, and audits the outcome.
    pub(crate) async fn respond(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        prepared: Prepared,
        saml: &GatewaySaml,
    ) -> Result<MintedSaml, IssueError> {
        let minted = self.mint_saml(caller.identity, prepared, saml).await;
        let outcome = match minted {
            Ok(minted) => self.check_session(caller).await.map(|()| minted),
            Err(error) => Err(error),
        };
        self.journal
            .append_outcome(context, events::posted(&outcome))
            .await?;
        let minted = outcome?;
        // The response has not been delivered yet.
        let lives = self.check_session(caller).await;
        self.audit_if_withheld(context, lives).await?;
        Ok(minted)
    }

    pub(crate) async fn find_grant<'a>(
        &self,
        context: &RequestContext,
        caller: Caller<'a>,
        role: &RoleRequest,
    ) -> Result<(Grant, Facts<'a>), IssueError> {
        let entitlements = &self.entitlements;
        let facts = entitlements.facts(caller, &context.client_info).await?;
        let grants = entitlements.policy().grants_in(&role.account, &facts);
        match role.find_in(&grants) {
            Some(RoleAccess::Granted(grant)) => Ok((grant, facts)),
            Some(RoleAccess::Locked(locked)) => Err(IssueError::Locked {
                unmet: locked.unmet,
                owners: locked.owners,
            }),
            None => Err(IssueError::NotGranted),
        }
    }

    /// Audits a refusal and returns it.
    pub(crate) async fn refuse<T>(
        &self,
        context: &RequestContext,
        caller: Caller<'_>,
        role: &RoleRequest,
        error: IssueError,
    ) -> Result<T, IssueError> {
        let target = Target {
            account: role.account.to_string(),
            permission_set: role
                .permission_set
                .chars()
                .take(limits::NAME_SHOWN_CHARS_MAX)
                .collect(),
            variant: role
                .variant
                .as_ref()
                .map(|variant| variant.chars().take(limits::NAME_SHOWN_CHARS_MAX).collect()),
        };
        let refused = AuditEventKind::IssueRefused {
            actor: Actor::from(caller.identity),
            target,
            reason: error.code().to_owned(),
        };
        self.journal.append(context, refused).await?;
        Err(error)
    }
}

/// The session policies of a request: those of the permission set or variant, and only one action of them for decoding.
fn policies_for(
    grant: &Grant,
    delivery: CredentialDelivery,
) -> Result<SessionPolicies, CannotDecode> {
    match delivery {
        CredentialDelivery::Decode => decoding_policies(grant),
        CredentialDelivery::Console
        | CredentialDelivery::Credentials
        | CredentialDelivery::Client
        | CredentialDelivery::AwsLogin => Ok(grant.session_policies().clone()),
    }
}
