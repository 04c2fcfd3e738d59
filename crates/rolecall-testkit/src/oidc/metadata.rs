//! Discovery (OpenID Connect Discovery 4, RFC 9207 3) and the JWK set.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::AuthTime;
use super::response::ResponseKind;
use super::state::ProviderState;
use crate::keys;

pub(super) async fn discovery(idp: web::Data<ProviderState>) -> HttpResponse {
    idp.hit("/.well-known/openid-configuration");
    let issuer = idp.issuer();
    let mut algorithms = idp.read(|state| {
        state
            .keys
            .iter()
            .map(|key| key.algorithm().name())
            .collect::<Vec<_>>()
    });
    algorithms.dedup();
    let mut claims = vec![
        "sub",
        "email",
        "email_verified",
        "name",
        "preferred_username",
        "groups",
        "amr",
        "acr",
    ];
    claims.extend((idp.auth_time != AuthTime::Never).then_some("auth_time"));
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end_session"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "scopes_supported": ["openid", "email", "profile", "groups"],
        "claims_supported": claims,
        "claims_parameter_supported": idp.auth_time == AuthTime::WhenRequested,
        "authorization_response_iss_parameter_supported": true,
    });
    idp.respond(ResponseKind::Discovery, document, "").await
}

pub(super) async fn jwks(idp: web::Data<ProviderState>) -> HttpResponse {
    idp.hit("/jwks");
    match idp.read(|state| keys::jwks(&state.keys)) {
        Ok(set) => idp.respond(ResponseKind::Jwks, set, "").await,
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
