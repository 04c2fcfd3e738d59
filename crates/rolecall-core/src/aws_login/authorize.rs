//! `aws login` in the browser: a person approves a client for one role that the current policy grants.

use chrono::{DateTime, Utc};

use crate::access::{Grants, RoleRequest};
use crate::audit::{Actor, AuditEventKind, ConsentDetails, RequestContext};
use crate::aws_login::{AwsLogins, InvalidLogin, LoginClient, LoginCode, LoginForm, LoginRequest};
use crate::base::limits;
use crate::base::secret::{AuthorizationCode, random_token};
use crate::caller::{Caller, ClientInfo, Flow};
use crate::clients::Freshness;
use crate::entitlements::FactsUnavailable;
use crate::issue::IssueError;
use crate::record::{StoreError, VersionedRecord};
use crate::session::Session;

/// Why a person's approval was rejected.
#[derive(Debug, thiserror::Error)]
pub enum AllowLoginError {
    /// The device flow is disabled, and with it `aws login --remote`.
    #[error("sign-in of clients on other machines is disabled")]
    RemoteOff,
    /// The sign-in is too old to approve a client on another machine.
    #[error("approving a client on another machine requires a recent sign-in")]
    NotFresh,
    /// The provider does not report the time of authentication, even for a sign-in that requested it.
    #[error("the identity provider does not report when the person signed in")]
    AuthTimeMissing,
    /// The role is not available.
    #[error(transparent)]
    Role(#[from] IssueError),
    /// The session of the person has ended.
    #[error("your session has ended")]
    SessionEnded,
    /// The store or the audit trail is unavailable.
    #[error("consent is unavailable")]
    Unavailable(#[from] StoreError),
}

impl AwsLogins {
    /// Validates an authorization request.
    ///
    /// # Errors
    /// [`InvalidLogin`].
    pub fn read_login(&self, form: LoginForm) -> Result<LoginRequest, InvalidLogin> {
        LoginRequest::parse(form, &self.public_url)
    }

    /// Whether the person can approve this client in this session. A remote client has the requirements of the device
    /// flow.
    ///
    /// # Errors
    /// [`AllowLoginError::RemoteOff`], [`AllowLoginError::NotFresh`], [`AllowLoginError::AuthTimeMissing`].
    pub fn may_allow_login(
        &self,
        session: &Session,
        client: LoginClient,
    ) -> Result<(), AllowLoginError> {
        match client.flow() {
            Flow::Device if !self.rules.device_flow => Err(AllowLoginError::RemoteOff),
            Flow::Device => match self.clients.freshness(session) {
                Freshness::Fresh => Ok(()),
                Freshness::Old => Err(AllowLoginError::NotFresh),
                Freshness::Withheld => Err(AllowLoginError::AuthTimeMissing),
            },
            Flow::Code => Ok(()),
        }
    }

    /// The roles for which the person can approve this client now, with the address of the browser.
    ///
    /// # Errors
    /// As [`Entitlements::facts`](crate::entitlements::Entitlements::facts).
    pub async fn login_grants(
        &self,
        session: &Session,
        client: LoginClient,
        client_info: &ClientInfo,
    ) -> Result<Grants, FactsUnavailable> {
        let caller = Caller {
            flow: Some(client.flow()),
            ..Caller::from(session)
        };
        self.entitlements.grants(caller, client_info).await
    }

    /// Approves the client for the role. Returns the URL to which the browser takes the code.
    ///
    /// # Errors
    /// [`AllowLoginError`].
    pub async fn allow_login(
        &self,
        context: &RequestContext,
        session: &Session,
        request: &LoginRequest,
        role: RoleRequest,
    ) -> Result<String, AllowLoginError> {
        self.may_allow_login(session, request.client())?;
        let caller = Caller {
            flow: Some(request.client().flow()),
            ..Caller::from(session)
        };
        self.issuing.find_grant(context, caller, &role).await?;
        let given = AuditEventKind::ConsentGiven {
            actor: Actor::from(&session.identity),
            session: session.id.to_string(),
            asked: consent_details(request.client()),
        };
        // The approval is read before the audit event is written, so a session end in between is later than it.
        let approval = self.sessions.approval(session).await?;
        let approval = approval.ok_or(AllowLoginError::SessionEnded)?;
        self.journal.append(context, given).await?;
        let code = AuthorizationCode::new(random_token(self.entropy.as_ref()));
        let now = self.clock.now();
        let issued = request.issued_code(role, approval, now);
        // The record outlives the code, so that a replayed code is recognized.
        let until = now + limits::AUTHORIZATION_LIFE;
        self.records.insert(code.digest(), &issued, until).await?;
        Ok(request.answer(code.expose()))
    }

    /// The expiry of a code that this session approved; `None` if it is no longer valid or belongs to another session.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn login_code(
        &self,
        session: &Session,
        code: &AuthorizationCode,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let seen: Option<VersionedRecord<LoginCode>> = self.records.get(code.digest()).await?;
        let code = seen.and_then(|seen| seen.record.unused(self.clock.now()).ok());
        let code = code.filter(|code| code.was_allowed_in(session.id));
        Ok(code.map(|code| code.expires_at()))
    }

    /// Denies the client. Returns the URL to which the browser is redirected, if a client listens.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deny_login(
        &self,
        context: &RequestContext,
        session: &Session,
        request: &LoginRequest,
    ) -> Result<Option<String>, StoreError> {
        let denied = AuditEventKind::ConsentDenied {
            actor: Actor::from(&session.identity),
            session: session.id.to_string(),
            asked: consent_details(request.client()),
        };
        self.journal.append(context, denied).await?;
        Ok(request.denial())
    }
}

/// The client does not call the gateway before it has a code, so its address is not known yet.
fn consent_details(client: LoginClient) -> ConsentDetails {
    ConsentDetails {
        client: client.name().to_string(),
        flow: client.flow(),
        from: None,
        requests: 1,
    }
}
