//! `aws login` in the browser: a person reads who asks, and gives a program one role that today's policy grants them.

use chrono::{DateTime, Utc};

use crate::access::{Grants, RoleRequest};
use crate::audit::{Actor, AuditEventKind, ConsentDetails, RequestContext};
use crate::aws_login::{AwsLogins, InvalidLogin, LoginClient, LoginCode, LoginForm, LoginRequest};
use crate::base::limits;
use crate::base::secret::{AuthorizationCode, random_token};
use crate::caller::{Caller, ClientInfo, Flow};
use crate::clients::Freshness;
use crate::issue::IssueError;
use crate::record::{StoreError, VersionedRecord};
use crate::session::Session;

/// Why a person's choice of a role for a client was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AllowLoginError {
    /// The device flow is switched off, and `aws login --remote` with it.
    #[error("programs on other machines are not let in here")]
    RemoteOff,
    /// The sign-in is too old for letting in a program on another machine.
    #[error("letting in a program on another machine takes a fresh sign-in")]
    NotFresh,
    /// The provider does not say when the person signed in, not even of a sign-in that was demanded.
    #[error("the identity provider does not say when the person signed in")]
    AuthTimeMissing,
    /// Not this role.
    #[error(transparent)]
    Role(#[from] IssueError),
    /// The person's session has ended in the meantime.
    #[error("your session has ended")]
    SessionEnded,
    /// Our own store or audit trail.
    #[error("consent is unavailable")]
    Unavailable(#[from] StoreError),
}

impl AwsLogins {
    /// Reads an authorization request.
    ///
    /// # Errors
    /// [`InvalidLogin`].
    pub fn read_login(&self, form: LoginForm) -> Result<LoginRequest, InvalidLogin> {
        LoginRequest::parse(form, &self.public_url)
    }

    /// Whether the person may give this client anything in this session. Who asks from another machine could be anybody, so
    /// that takes what the device flow takes.
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

    /// The roles that the person may give this client, today and from where their browser is.
    ///
    /// # Errors
    /// As [`Entitlements::facts`](crate::entitlements::Entitlements::facts).
    pub async fn login_grants(
        &self,
        session: &Session,
        client: LoginClient,
        origin: &ClientInfo,
    ) -> Result<Grants, StoreError> {
        let caller = Caller {
            flow: Some(client.flow()),
            ..Caller::from(session)
        };
        self.entitlements.grants(caller, origin).await
    }

    /// Gives the client a code for the role: the address to which the browser takes it.
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
            asked: asked(request.client()),
        };
        // Dated before the audit trail is waited for: an end that falls in between is later than it.
        let approval = self.sessions.approval(session).await?;
        let approval = approval.ok_or(AllowLoginError::SessionEnded)?;
        self.journal.append(context, given).await?;
        let code = AuthorizationCode::new(random_token(self.entropy.as_ref()));
        let now = self.clock.now();
        let issued = request.issued_code(role, approval, now);
        // Longer than the code works, so that a code shown again is known.
        let until = now + limits::AUTHORIZATION_LIFE;
        self.records.insert(code.digest(), &issued, until).await?;
        Ok(request.answer(code.expose()))
    }

    /// Until when a code that this session allowed works; none when it does not any more, or is another's.
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

    /// The person gives the client nothing: the address to which the browser takes the news, where somebody waits for it.
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
            asked: asked(request.client()),
        };
        self.journal.append(context, denied).await?;
        Ok(request.denial())
    }
}

/// The client calls for the first time when it has a code, so that nobody knows yet from where.
fn asked(client: LoginClient) -> ConsentDetails {
    ConsentDetails {
        client: client.name().to_string(),
        flow: client.flow(),
        from: None,
        requests: 1,
    }
}
