//! Who asks at the token endpoint: by `client_secret_basic`, `client_secret_post` or `private_key_jwt`, never by two of
//! them (RFC 6749 2.3); a public client only names itself.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::http::header;
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::form_urlencoded;

use super::state::ProviderState;
use super::{ClientMethod, OidcClient};
use crate::keys;

/// How long an assertion may count at most: seconds.
const ASSERTION_LIFE_MAX: i64 = 300;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a request proves which client sends it.
enum PresentedCredentials<'a> {
    Basic(String),
    Post(String),
    Assertion(&'a str),
    Nothing,
}

/// The client that the request proves to come from.
pub(super) fn authenticate(
    idp: &ProviderState,
    http: &HttpRequest,
    form: &HashMap<String, String>,
) -> Option<OidcClient> {
    let field = |name: &str| form.get(name).cloned();
    let basic = http.headers().get(header::AUTHORIZATION);
    let (id, presented) = match (basic, field("client_secret"), form.get("client_assertion")) {
        (Some(value), None, None) => {
            let basic = STANDARD
                .decode(value.to_str().ok()?.strip_prefix("Basic ")?)
                .ok()?;
            let (id, secret) = std::str::from_utf8(&basic).ok()?.split_once(':')?;
            (decoded(id), PresentedCredentials::Basic(decoded(secret)))
        }
        (None, Some(secret), None) => (field("client_id")?, PresentedCredentials::Post(secret)),
        (None, None, Some(token)) => (field("client_id")?, PresentedCredentials::Assertion(token)),
        (None, None, None) => (field("client_id")?, PresentedCredentials::Nothing),
        _ => return None,
    };
    let client = idp.client(&id)?;
    let secret = client.secret.as_ref();
    let proven = match (&client.method, &presented) {
        (ClientMethod::Secret | ClientMethod::SecretBasic, PresentedCredentials::Basic(sent)) => {
            secret == Some(sent)
        }
        (ClientMethod::Secret | ClientMethod::SecretPost, PresentedCredentials::Post(sent)) => {
            secret == Some(sent)
        }
        (ClientMethod::Secret, PresentedCredentials::Nothing) => secret.is_none(),
        (
            ClientMethod::PrivateKeyJwt { jwks, for_issuer },
            PresentedCredentials::Assertion(token),
        ) => {
            form.get("client_assertion_type").map(String::as_str) == Some(ASSERTION_TYPE)
                && verify_assertion(idp, &client.id, jwks, *for_issuer, token).is_ok()
        }
        _ => false,
    };
    proven.then_some(client)
}

/// RFC 7523 3: signature, `iss`, `sub`, `aud`, a short life, and a `jti` that was not seen before.
fn verify_assertion(
    idp: &ProviderState,
    id: &str,
    jwks: &Value,
    for_issuer: bool,
    token: &str,
) -> Result<()> {
    let claims = keys::verify(jwks, token)?;
    ensure!(claims["iss"] == id && claims["sub"] == id, "another client");
    let audience = match for_issuer {
        true => idp.issuer(),
        false => format!("{}/token", idp.issuer()),
    };
    ensure!(claims["aud"] == audience.as_str(), "for another server");
    let now = idp.now();
    let expires = claims["exp"].as_i64().context("exp")?;
    ensure!(
        expires > now && expires <= now + ASSERTION_LIFE_MAX,
        "too old, or good for too long"
    );
    let id = claims["jti"].as_str().context("jti")?.to_owned();
    ensure!(
        idp.change(|state| state.assertions.insert(id)),
        "seen before"
    );
    Ok(())
}

/// Undoes the form encoding that RFC 6749 2.3.1 puts under Basic.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("={text}").as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}
