//! Signing out: first of the gateway, then of the identity provider if it supports logout. Client sessions remain; the page
//! after a sign-out shows their number and can end them.

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
use crate::web::http::extract::{CsrfForm, EmptyForm, RequestScope, SignedIn, TicketForm};
use crate::web::http::{csrf, reply};
use crate::web::site::Site;
use view::{SignedOutClients, SignedOutPage};

/// `POST /sign-out`: ends the session, then signs out at the identity provider if it supports logout.
///
/// # Errors
/// If the store is unavailable. The session remains active.
pub async fn sign_out(posted: CsrfForm<EmptyForm>) -> Result<HttpResponse, PageError> {
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
        // After a form, `form-action` blocks a redirect.
        Some(Challenge::Redirect(url)) => reply::refresh(page(None, clients)?, url.as_str()),
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

/// The query of the page after a sign-out at the provider.
#[derive(Deserialize)]
pub struct SignedOutQuery {
    /// The provider at which the user may still be signed in.
    still_at: Option<String>,
}

/// `GET /signed-out`: the page to which the provider redirects the browser after its own sign-out.
///
/// # Errors
/// If the page cannot be rendered.
pub async fn signed_out(
    scope: RequestScope,
    request: HttpRequest,
    after: Query<SignedOutQuery>,
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
        // The session has ended nevertheless, and the page says so.
        Err(error) => {
            tracing::warn!(%error, "the client sessions that remain after a sign-out could not be counted");
            SignedOutClients::Unknown
        }
    }
}

/// `POST /sign-out/clients`: ends the client sessions that remained after the sign-out of this ticket.
///
/// # Errors
/// If the ticket was used or has expired, or the store is unavailable.
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

/// Redirects to the page after a sign-out, so that the browser sends its cookies. It sends none with the form of another site
/// (`SameSite=Lax`).
pub fn redirect_to_signed_out(still_at: Option<&ProviderId>) -> HttpResponse {
    match still_at {
        Some(id) => {
            let query = reply::query(&[("still_at", id.as_str())]);
            reply::see_other(&format!("/signed-out?{query}"))
        }
        None => reply::see_other("/signed-out"),
    }
}

/// Removes the sign-out ticket of this browser.
///
/// # Errors
/// If the cookie cannot be written to a header.
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
    added.map_err(|error| PageError::internal("The cookie could not be set.").caused_by(&error))
}

/// The page after a sign-out, with the provider at which the user may still be signed in.
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
