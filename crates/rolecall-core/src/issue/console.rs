//! Console sign-in: credentials are exchanged for a link, or the browser posts a SAML response. An optional sign-out at
//! AWS comes first; the browser then returns with a ticket, never with a link.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::access::{RoleAccess, RoleRequest};
use crate::audit::{CredentialDelivery, RequestContext};
use crate::aws::{ConsoleLink, ConsolePost, Destination};
use crate::base::secret::{ConsoleTicket, random_token};
use crate::caller::SessionId;
use crate::issue::IssueRequest;
use crate::issue::via_provider::Purpose;
use crate::issue::{IssueError, Issuer};
use crate::record::Record;
use crate::session::Session;
use crate::sign_in::ReturnTo;

/// Lifetime of a ticket. The sign-out at AWS needs one or two redirects.
const TICKET_LIFE: TimeDelta = TimeDelta::minutes(5);

/// The page on which the console opens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsoleRequest {
    /// The requested page; `None`: that of the permission set, or the home page of the console.
    pub destination: Option<Destination>,
    /// Deep link to which AWS redirects the person when the console session has expired.
    pub return_to: ReturnTo,
}

/// How the browser continues to the console.
#[derive(Debug)]
pub enum ConsoleVisit {
    /// By a redirect to this link.
    Link(ConsoleLink),
    /// By a form that it posts to AWS.
    Post(ConsolePost),
}

/// The result of a ticket.
#[derive(Debug)]
pub enum ConsoleOutcome {
    /// How the browser opens the console.
    Visit(ConsoleVisit),
    /// Nothing: the ticket is used, expired or of another session.
    AlreadyUsed,
}

#[derive(Serialize, Deserialize)]
struct PendingConsole {
    session: SessionId,
    role: RoleRequest,
    request: ConsoleRequest,
}

impl Record for PendingConsole {
    const KIND: &'static str = "console";
}

/// The offer of a console link, before the person confirms.
#[derive(Debug)]
pub struct ConsoleOffer {
    /// The role, or its unmet conditions.
    pub access: RoleAccess,
    /// The page on which the console opens if none is requested.
    pub default_destination: Destination,
}

impl Issuer {
    /// The offer of a console link for this role. Nothing is issued or audited.
    ///
    /// # Errors
    /// [`IssueError::NotGranted`] and [`IssueError::Unavailable`].
    pub async fn offer_console(
        &self,
        context: &RequestContext,
        session: &Session,
        role: &RoleRequest,
    ) -> Result<ConsoleOffer, IssueError> {
        let access = self.entitlements.role(role, session, &context.client_info);
        let access = access.await?.ok_or(IssueError::NotGranted)?;
        let own = match &access {
            RoleAccess::Granted(grant) => grant.destination().cloned(),
            RoleAccess::Locked(_) => None,
        };
        Ok(ConsoleOffer {
            access,
            default_destination: own.unwrap_or_else(|| Destination::home(self.partition)),
        })
    }

    /// Issues a console sign-in to a script of the portal, which cannot visit the identity provider.
    ///
    /// # Errors
    /// [`IssueError`]; [`IssueError::AtProvider`] names no address.
    pub async fn visit_console_by_script(
        &self,
        context: &RequestContext,
        session: &Session,
        role: &RoleRequest,
        request: &ConsoleRequest,
    ) -> Result<ConsoleVisit, IssueError> {
        let issue = IssueRequest::new(role, CredentialDelivery::Console);
        self.visit(context, session, issue, request).await
    }

    /// Issues a console sign-in. If the account's trust requires the identity provider, the browser
    /// goes there and the request is kept until it is back.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn visit_console(
        &self,
        context: &RequestContext,
        session: &Session,
        role: &RoleRequest,
        request: &ConsoleRequest,
    ) -> Result<ConsoleVisit, IssueError> {
        let purpose = Purpose::Console(request.clone());
        let issue =
            IssueRequest::new(role, CredentialDelivery::Console).allow_provider_visit(&purpose);
        self.visit(context, session, issue, request).await
    }

    pub(super) async fn visit(
        &self,
        context: &RequestContext,
        session: &Session,
        issue: IssueRequest<'_>,
        request: &ConsoleRequest,
    ) -> Result<ConsoleVisit, IssueError> {
        let prepared = self.prepare(context, session.into(), issue).await?;
        let grant = prepared.grant.clone();
        let home = Destination::home(self.partition);
        let destination = request
            .destination
            .as_ref()
            .or(grant.destination())
            .unwrap_or(&home);
        if let Some(saml) = grant.trust().console_post() {
            let minted = self
                .respond(context, session.into(), prepared, saml)
                .await?;
            return Ok(ConsoleVisit::Post(ConsolePost {
                action: minted.recipient,
                response: minted.response,
                relay_state: destination.clone(),
            }));
        }
        let takes_duration = grant.console_takes_duration();
        let duration = takes_duration.then_some(prepared.duration);
        let issued = self.assume(context, session.into(), prepared).await?;
        let issuer = self.own_url(request.return_to.as_str());
        let console = &self.console;
        let link = console.link(&issued.credentials, duration, destination, &issuer);
        let link = link.await.map_err(IssueError::from);
        let link = self.audit_if_withheld(context, link).await?;
        // The link signs in anyone who has it.
        let lives = self.check_session(session.into()).await;
        self.audit_if_withheld(context, lives).await?;
        Ok(ConsoleVisit::Link(link))
    }

    /// The URL at which the browser first signs out of the console. It returns with a ticket for
    /// [`Issuer::continue_to_console`].
    ///
    /// # Errors
    /// [`IssueError::Unavailable`].
    pub async fn sign_out_of_console(
        &self,
        session: &Session,
        role: RoleRequest,
        request: ConsoleRequest,
    ) -> Result<Url, IssueError> {
        let ticket = ConsoleTicket::new(random_token(self.entropy.as_ref()));
        let pending = PendingConsole {
            session: session.id,
            role,
            request,
        };
        let until = self.clock.now() + TICKET_LIFE;
        self.records
            .insert(ticket.digest(), &pending, until)
            .await?;
        let then = self.own_url(&format!("/console/continue/{}", ticket.expose()));
        Ok(self.console.sign_out_url(&then))
    }

    /// Continues to the console after the sign-out at AWS: once, in the session that requested it.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn continue_to_console(
        &self,
        context: &RequestContext,
        session: &Session,
        ticket: &ConsoleTicket,
    ) -> Result<ConsoleOutcome, IssueError> {
        let pending: Option<PendingConsole> = self.records.take(ticket.digest()).await?;
        let Some(pending) = pending.filter(|pending| pending.session == session.id) else {
            return Ok(ConsoleOutcome::AlreadyUsed);
        };
        self.visit_console(context, session, &pending.role, &pending.request)
            .await
            .map(ConsoleOutcome::Visit)
    }

    pub(crate) fn own_url(&self, path: &str) -> Url {
        self.public_url
            .join(path)
            .unwrap_or_else(|_| self.public_url.clone())
    }
}
