//! The token endpoint (OpenID Connect Core 3.1.3) and the UserInfo endpoint (5.3).
//!
//! A code can be used once, with its client, redirect URI and PKCE verifier. A failed attempt invalidates it.

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::response::ResponseKind;
use super::state::{Code, ProviderState};
use super::{AuthTime, GroupsClaim, OidcClient, client};
use crate::keys::{base64url, random_text};

/// `POST /token`.
pub(super) async fn token(
    idp: web::Data<ProviderState>,
    http: HttpRequest,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    idp.hit("/token");
    // A raw response replaces all others.
    if let Some(raw) = idp.read(|state| state.variation.token_endpoint.clone()) {
        return raw.respond();
    }
    let Some(client) = client::authenticate(&idp, &http, &form) else {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"token\""))
            .json(json!({ "error": "invalid_client" }));
    };
    if form.get("grant_type").map(String::as_str) != Some("authorization_code") {
        return HttpResponse::BadRequest().json(json!({ "error": "unsupported_grant_type" }));
    }
    let code = form
        .get("code")
        .and_then(|code| idp.change(|state| state.codes.remove(code)));
    let Some(code) = code.filter(|code| matches_request(code, &client, &form, idp.now())) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    match tokens(&idp, &client, &code) {
        Ok(response) => idp.respond(ResponseKind::Token, response, &client.id).await,
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// `GET` and `POST /userinfo`.
pub(super) async fn userinfo(idp: web::Data<ProviderState>, http: HttpRequest) -> HttpResponse {
    idp.hit("/userinfo");
    let token = http
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = token
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let username = idp.read(|state| state.access_tokens.get(token).cloned());
    let Some(person) = username.and_then(|username| idp.person(&username)) else {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))
            .finish();
    };
    let groups = idp.groups != GroupsClaim::Omitted;
    idp.respond(
        ResponseKind::Userinfo,
        Value::Object(idp.claims(&person, groups)),
        "",
    )
    .await
}

fn matches_request(
    code: &Code,
    client: &OidcClient,
    form: &HashMap<String, String>,
    now: i64,
) -> bool {
    let verifier = form
        .get("code_verifier")
        .map(String::as_str)
        .unwrap_or_default();
    code.request.client_id == client.id
        && Some(&code.request.redirect_uri) == form.get("redirect_uri")
        && code.request.code_challenge == base64url(Sha256::digest(verifier))
        && now <= code.expires_at
}

fn tokens(idp: &ProviderState, client: &OidcClient, code: &Code) -> anyhow::Result<Value> {
    let person = idp.person(&code.session.username);
    let person = person.ok_or_else(|| anyhow::anyhow!("the user no longer exists"))?;
    let access_token = random_text(32)?;
    idp.change(|state| {
        state
            .access_tokens
            .insert(access_token.clone(), person.username.clone())
    });
    let now = idp.now();
    let mut claims = idp.claims(&person, idp.groups == GroupsClaim::IdToken);
    let mut put = |name: &str, value: Value| {
        claims.entry(name.to_owned()).or_insert(value);
    };
    put("iss", json!(idp.issuer()));
    put("aud", json!(client.id));
    put("exp", json!(now + idp.token_lifetime));
    put("iat", json!(now));
    let asked = code.request.requests_auth_time;
    if idp.auth_time == AuthTime::Always || (asked && idp.auth_time == AuthTime::WhenRequested) {
        put("auth_time", json!(code.session.auth_time));
    }
    put(
        "at_hash",
        json!(base64url(&Sha256::digest(&access_token)[..16])),
    );
    let mut methods = person.amr.clone();
    methods.extend(code.session.acr.as_ref().map(|_| "mfa".to_owned()));
    put("amr", json!(methods));
    if let Some(acr) = code.session.acr.as_ref().or(person.acr.as_ref()) {
        put("acr", json!(acr));
    }
    if let Some(nonce) = &code.request.nonce {
        put("nonce", json!(nonce));
    }
    Ok(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": idp.token_lifetime,
        "id_token": idp.id_token(Value::Object(claims), &client.id)?,
    }))
}
