//! Signing out over HTTP: here first, then at the provider where there is a way. Command lines stay signed in; the page
//! after a sign-out says so and offers to end them, too.

pub mod view;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Query;
use actix_web::{HttpRequest, HttpResponse};
use rolecall_core::base::secret::SignOutTicket;
use rolecall_core::identity::ProviderId;
use rolecall_core::sign_in::Challenge;
use serde::Deserialize;

use super::auto_post;
use super::sign_in::title;
use crate::web::errors::page::PageError;
use crate::web::http::extract::{CsrfForm, NoFields, RequestScope, SignedIn, TicketForm};
use crate::web::http::{csrf, reply};
use crate::web::site::Site;
use view::{SignedOutClients, SignedOutPage};

/// `POST /sign-out`: ends the session here, then at the provider where there is a way.
///
/// # Errors
/// When the store is down: the session lives on.
pub async fn sign_out(posted: CsrfForm<NoFields>) -> Result<HttpResponse, PageError> {
    let SignedIn {
        scope,
        session,
        secret,
    } = &posted.signed_in;
    let site = &scope.site;
    let signed_out = site
        .gateway
        .sign_ins()
        .sign_out(&scope.context, session, secret)
        .await?;
    let remaining = signed_out.remaining.as_ref();
    let clients = remaining.map_or(SignedOutClients::Unknown, |remaining| {
        offer(site, &remaining.ticket, remaining.count)
    });
    let title = title(site, &session.identity.provider);
    let mut response = match signed_out.upstream {
        // Not a redirect: after a form, `form-action` would hold it back.
        Some(Challenge::Redirect(url)) => reply::then(page(None, clients)?, url.as_str()),
        Some(Challenge::PostForm { action, fields }) => auto_post::form(&action, fields, &title)?,
        None => page(Some(title), clients)?,
    };
    add(&mut response, &site.cookies.clear_session())?;
    if let Some(remaining) = remaining {
        let cookie = site.cookies.set_sign_out_ticket(&remaining.ticket);
        add(&mut response, &cookie)?;
    }
    response.headers_mut().insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\""),
    );
    Ok(response)
}

/// What is to be said after a sign-out that went on at the provider.
#[derive(Deserialize)]
pub struct AfterSignOut {
    /// The provider whose session may go on.
    still_at: Option<String>,
}

/// `GET /signed-out`: where the provider sends the browser after its own sign-out.
///
/// # Errors
/// When the page cannot be rendered.
pub async fn signed_out(
    scope: RequestScope,
    request: HttpRequest,
    after: Query<AfterSignOut>,
) -> Result<HttpResponse, PageError> {
    let site = &scope.site;
    let provider = after.still_at.as_deref().map(ProviderId::parse);
    let provider = provider.and_then(Result::ok);
    let known = provider.and_then(|id| site.gateway.sign_ins().provider(&id));
    let still_at = known.map(|provider| provider.title().to_owned());
    let clients = match site.cookies.sign_out_ticket(&request) {
        Some(ticket) => remaining(site, &ticket).await,
        None => SignedOutClients::Unknown,
    };
    page(still_at, clients)
}

async fn remaining(site: &Site, ticket: &SignOutTicket) -> SignedOutClients {
    match site.gateway.sessions().remaining_clients(ticket).await {
        Ok(Some(count)) if count > 0 => offer(site, ticket, count),
        Ok(Some(_) | None) => SignedOutClients::Unknown,
        // The session here is over all the same, and the page says so.
        Err(error) => {
            tracing::warn!(%error, "the command lines that outlived a sign-out could not be counted");
            SignedOutClients::Unknown
        }
    }
}

/// `POST /sign-out/clients`: ends what the sign-out of this browser's ticket has left.
///
/// # Errors
/// When the ticket was used or has expired, and when the store is down.
pub async fn end_clients(form: TicketForm) -> Result<HttpResponse, PageError> {
    let TicketForm { scope, ticket } = form;
    let site = &scope.site;
    let ended = site
        .gateway
        .sessions()
        .end_remaining_clients(&scope.context, &ticket)
        .await?;
    if !ended {
        return Err(PageError::ticket_expired());
    }
    let mut response = page(None, SignedOutClients::Ended)?;
    clear_ticket(site, &mut response)?;
    Ok(response)
}

/// Goes on to the page after signing out with a request that brings our cookies: the one that is answered is another
/// site's form (`SameSite=Lax`).
pub fn show(still_at: Option<&ProviderId>) -> HttpResponse {
    match still_at {
        Some(id) => {
            let query = reply::query(&[("still_at", id.as_str())]);
            reply::see_other(&format!("/signed-out?{query}"))
        }
        None => reply::see_other("/signed-out"),
    }
}

/// Removes this browser's ticket.
///
/// # Errors
/// Never for a cookie of ours.
pub fn clear_ticket(site: &Site, response: &mut HttpResponse) -> Result<(), PageError> {
    add(response, &site.cookies.clear_sign_out_ticket())
}

fn offer(site: &Site, ticket: &SignOutTicket, count: usize) -> SignedOutClients {
    let mut mask = [0; 32];
    site.gateway.fill(&mut mask);
    let csrf = csrf::token(&ticket.form_key(), mask);
    SignedOutClients::Remaining { count, csrf }
}

fn add(response: &mut HttpResponse, cookie: &Cookie<'_>) -> Result<(), PageError> {
    let added = response.add_cookie(cookie);
    added.map_err(|error| PageError::internal("a cookie could not be set").because(&error))
}

/// The page after signing out, with the provider where the person may still be signed in.
fn page(
    still_signed_in_at: Option<String>,
    clients: SignedOutClients,
) -> Result<HttpResponse, PageError> {
    let page = SignedOutPage {
        still_signed_in_at,
        clients,
    };
    reply::page(StatusCode::OK, &page)
}
