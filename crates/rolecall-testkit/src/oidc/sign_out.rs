//! The end session endpoint (OpenID Connect RP-Initiated Logout 1.0).

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

/// `GET /end_session`.
pub(super) async fn get(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    fields: web::Query<Fields>,
) -> HttpResponse {
    end_session(&idp, &http, &fields)
}

/// `POST /end_session`.
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
    let mut removal = Cookie::build(idp.cookie_name(), "")
        .path(idp.cookie_path())
        .finish();
    removal.make_removal();
    match response.add_cookie(&removal) {
        Ok(()) => response,
        Err(error) => page::error_page(&idp.title, &error.to_string()),
    }
}

/// The redirect after sign-out, with `state`: only to a registered URI of the client that the hint or `client_id` names.
fn redirect_target(idp: &ProviderState, fields: &Fields) -> Option<Url> {
    let client = fields
        .get("client_id")
        .cloned()
        .or_else(|| audience(fields.get("id_token_hint")?))?;
    let requested = fields.get("post_logout_redirect_uri")?;
    let client = idp.client(&client)?;
    client
        .post_logout_redirect_uris
        .contains(requested)
        .then_some(())?;
    let mut url = Url::parse(requested).ok()?;
    if let Some(state) = fields.get("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Some(url)
}

/// The client of an ID token hint. Nothing else depends on the hint, so it is not verified: it may be expired.
fn audience(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}
