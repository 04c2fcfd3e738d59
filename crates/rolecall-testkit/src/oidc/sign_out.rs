//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): ends the session here and lands where the client registered.

use std::collections::HashMap;

use actix_web::cookie::Cookie;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use super::state::ProviderState;
use crate::page;

type Fields = HashMap<String, String>;

/// `GET /end_session`
pub(super) async fn get(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    fields: web::Query<Fields>,
) -> HttpResponse {
    end_session(&idp, &http, &fields)
}

/// `POST /end_session`
pub(super) async fn post(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    fields: web::Form<Fields>,
) -> HttpResponse {
    end_session(&idp, &http, &fields)
}

fn end_session(idp: &ProviderState, http: &HttpRequest, fields: &Fields) -> HttpResponse {
    idp.hit("/end_session");
    if let Some(cookie) = http.cookie(&idp.cookie_name()) {
        idp.change(|state| state.sessions.remove(cookie.value()));
    }
    let mut response = match redirect_target(idp, fields) {
        Some(url) => HttpResponse::SeeOther()
            .insert_header((header::LOCATION, url.as_str()))
            .finish(),
        None => page::signed_out(&idp.title),
    };
    let mut gone = Cookie::build(idp.cookie_name(), "")
        .path(idp.cookie_path())
        .finish();
    gone.make_removal();
    match response.add_cookie(&gone) {
        Ok(()) => response,
        Err(error) => page::error_page(&idp.title, &error.to_string()),
    }
}

/// Where to go: only to a registered place, of the client that the hint or `client_id` names, with its `state`.
fn redirect_target(idp: &ProviderState, fields: &Fields) -> Option<Url> {
    let client = fields
        .get("client_id")
        .cloned()
        .or_else(|| audience(fields.get("id_token_hint")?))?;
    let wanted = fields.get("post_logout_redirect_uri")?;
    let client = idp.client(&client)?;
    client
        .post_logout_redirect_uris
        .contains(wanted)
        .then_some(())?;
    let mut url = Url::parse(wanted).ok()?;
    if let Some(state) = fields.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Some(url)
}

/// The client that a token was for. A hint decides nothing but this, so it may be expired and signed by a retired key.
fn audience(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}
