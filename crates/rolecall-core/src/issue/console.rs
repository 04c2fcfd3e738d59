//! The console: credentials become a link that signs a browser in, or a SAML response is posted by the browser itself.
//! Where the person asks for it, AWS's own sign-out comes first; what stands between the two is a ticket, never a link.

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

/// AWS's sign-out takes a redirect or two.
const TICKET_LIFE: TimeDelta = TimeDelta::minutes(5);

/// Where the console shall open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsoleRequest {
    /// The page; the permission set's own, else the console's front page, when none is asked for.
    pub destination: Option<Destination>,
    /// Our deep link, where AWS sends the person when the console session has ended.
    pub return_to: ReturnTo,
}

/// How a browser goes on to the console.
#[derive(Debug)]
pub enum ConsoleVisit {
    /// By a link.
    Link(ConsoleLink),
    /// By a form that it posts to AWS.
    Post(ConsolePost),
}

/// What a ticket led to.
#[derive(Debug)]
pub enum ConsoleOutcome {
    /// The console.
    Visit(ConsoleVisit),
    /// Nothing: it was used, is too old, or belongs to another session.
    Spent,
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

/// What a link to the console offers, before the person agrees.
#[derive(Debug)]
pub struct ConsoleOffer {
    /// The role, or what it asks for first.
    pub access: RoleAccess,
    /// Where the console opens when no page is asked for.
    pub default_destination: Destination,
}

impl Issuer {
    /// What a link to the console of this role offers. Nothing is issued or audited.
    ///
    /// # Errors
    /// [`IssueError::NotGranted`] and [`IssueError::Unavailable`].
    pub async fn offer_console(
        &self,
        context: &RequestContext,
        session: &Session,
        role: &RoleRequest,
    ) -> Result<ConsoleOffer, IssueError> {
        let access = self.entitlements.role(role, session, &context.origin);
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

    /// What signs the person's browser in to the console.
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
        let issue = IssueRequest::new(role, CredentialDelivery::Console).or_via_provider(&purpose);
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
        // Credentials of either operation may ask for a console session of their own length.
        let duration = Some(prepared.duration);
        let issued = self.assume(context, session.into(), prepared).await?;
        let issuer = self.own_url(request.return_to.as_str());
        let console = &self.console;
        let link = console.link(&issued.credentials, duration, destination, &issuer);
        let link = link.await?;
        // A link signs in whoever holds it.
        let lives = self.still_lives(session.into()).await;
        self.or_withheld(context, lives).await?;
        Ok(ConsoleVisit::Link(link))
    }

    /// Where the browser signs out of the console first; it comes back with a ticket to
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

    /// Goes on to the console after AWS's sign-out, once, in the session that asked for it.
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
            return Ok(ConsoleOutcome::Spent);
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
