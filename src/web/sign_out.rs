//! Signing out over HTTP: here first, then at the provider where there is a way.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use rolecall_core::sign_in::Challenge;
use serde::Deserialize;

use super::extract::{Member, Posted, Visitor};
use super::problem::Problem;
use super::sign_in::title;
use super::view::SignedOutPage;
use super::{hand_over, reply};

/// Nothing but the token.
#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /sign-out`: ends the session here, then at the provider where there is a way.
///
/// # Errors
/// When the store is down: the session lives on.
pub async fn sign_out(posted: Posted<Nothing>) -> Result<HttpResponse, Problem> {
    let Member {
        visitor,
        session,
        secret,
    } = &posted.member;
    let site = &visitor.site;
    let upstream = site
        .gateway
        .sign_out(&visitor.context, session, secret)
        .await?;
    let title = title(site, &session.identity.provider);
    let mut response = match upstream {
        // Not a redirect: after a form, `form-action` would hold it back.
        Some(Challenge::Redirect(url)) => reply::then(signed_out_page(None)?, url.as_str()),
        Some(Challenge::PostForm { action, fields }) => hand_over::form(&action, fields, &title)?,
        None => signed_out_page(Some(title))?,
    };
    let cleared = response.add_cookie(&site.cookies.clear_session());
    cleared.map_err(|error| Problem::internal("a cookie could not be removed").because(error))?;
    response.headers_mut().insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\""),
    );
    Ok(response)
}

/// `GET /signed-out`: where the provider sends the browser after its own sign-out.
///
/// # Errors
/// When the page cannot be rendered.
pub async fn signed_out(_: Visitor) -> Result<HttpResponse, Problem> {
    signed_out_page(None)
}

/// The page after signing out, with the provider where the person may still be signed in.
pub(super) fn signed_out_page(still_signed_in_at: Option<String>) -> Result<HttpResponse, Problem> {
    reply::page(StatusCode::OK, &SignedOutPage { still_signed_in_at })
}
