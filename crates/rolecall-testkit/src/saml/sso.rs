//! The single sign-on service (SAML Profiles 4.1): validates requests, shows the sign-in form and sends responses.

use std::collections::HashMap;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, web};
use anyhow::Result;

use super::message::{Binding, Message};
use super::request::SignInRequest;
use super::response;
use super::state::{ProviderState, Session};
use crate::keys::random_text;
use crate::page;

type Fields = HashMap<String, String>;

/// `GET /sso`.
pub(super) async fn by_redirect(idp: web::Data<ProviderState>, http: HttpRequest) -> HttpResponse {
    let message = Message::read(Binding::Redirect, http.query_string());
    handle_request(&idp, &http, message)
}

/// `POST /sso`.
pub(super) async fn by_post(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    body: String,
) -> HttpResponse {
    handle_request(&idp, &http, Message::read(Binding::Post, &body))
}

/// `GET /start?sp=…[&RelayState=…]`: starts an IdP-initiated sign-in.
pub(super) async fn idp_initiated(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    query: web::Query<Fields>,
) -> HttpResponse {
    idp.hit("/start");
    let name = query.get("sp").map(String::as_str).unwrap_or_default();
    match SignInRequest::idp_initiated(&idp, name, query.get("RelayState").cloned()) {
        Ok(requested) => proceed(&idp, &http, requested),
        Err(error) => page::error_page(idp.title(), &format!("{error:#}")),
    }
}

/// `POST /sign-in`: processes the sign-in form.
pub(super) async fn submit_form(
    idp: web::Data<ProviderState>,
    form: web::Form<Fields>,
) -> HttpResponse {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let id = field("request");
    let Some(requested) = idp.read(|state| state.requests.get(id).cloned()) else {
        return page::error_page(
            idp.title(),
            "This sign-in form has expired. Return to the application and sign in again.",
        );
    };
    if field("decision") == "cancel" {
        idp.change(|state| state.requests.remove(id));
        return page_or_error(&idp, response::failure(&idp, &requested, "RequestDenied"));
    }
    let username = field("username").trim();
    let username = username.strip_suffix("@example.com").unwrap_or(username);
    if idp.person(username).is_none() {
        return sign_in_form(&idp, id, username, Some("Unknown username."));
    }
    idp.change(|state| state.requests.remove(id));
    page_or_error(&idp, sign_in(&idp, &requested, username))
}

fn handle_request(
    idp: &ProviderState,
    http: &HttpRequest,
    message: Result<Message>,
) -> HttpResponse {
    idp.hit("/sso");
    match message.and_then(|message| SignInRequest::parse(idp, &message)) {
        Ok(requested) => proceed(idp, http, requested),
        Err(error) => page::error_page(idp.title(), &format!("{error:#}")),
    }
}

/// Responds at once if the browser has a session, unless the request forces authentication.
fn proceed(idp: &ProviderState, http: &HttpRequest, requested: SignInRequest) -> HttpResponse {
    let session = session(idp, http).filter(|_| !requested.force);
    match session {
        Some(session) => page_or_error(idp, response::success(idp, &requested, &session)),
        None if requested.passive => {
            page_or_error(idp, response::failure(idp, &requested, "NoPassive"))
        }
        None => match random_text(16) {
            Ok(id) => {
                idp.change(|state| state.requests.insert(id.clone(), requested));
                sign_in_form(idp, &id, "", None)
            }
            Err(error) => page::error_page(idp.title(), &error.to_string()),
        },
    }
}

fn sign_in(idp: &ProviderState, requested: &SignInRequest, username: &str) -> Result<HttpResponse> {
    let session = Session {
        username: username.to_owned(),
        since: idp.now(),
        index: idp.id()?,
        at: None,
    };
    let value = random_text(32)?;
    idp.change(|state| state.sessions.insert(value.clone(), session.clone()));
    let mut response = response::success(idp, requested, &session)?;
    let cookie = Cookie::build(idp.cookie_name(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    response.add_cookie(&cookie)?;
    Ok(response)
}

fn sign_in_form(
    idp: &ProviderState,
    request: &str,
    username: &str,
    error: Option<&str>,
) -> HttpResponse {
    page::SignIn {
        title: idp.title(),
        action: &idp.at("/sign-in"),
        request,
        username,
        people: &idp.usernames(),
        error,
    }
    .show()
}

/// The session of the browser.
pub(super) fn session(idp: &ProviderState, http: &HttpRequest) -> Option<Session> {
    let cookie = http.cookie(&idp.cookie_name())?;
    idp.read(|state| state.sessions.get(cookie.value()).cloned())
}

/// The response, or an error page.
pub(super) fn page_or_error(idp: &ProviderState, response: Result<HttpResponse>) -> HttpResponse {
    response.unwrap_or_else(|error| page::error_page(idp.title(), &format!("{error:#}")))
}
