//! Client authentication at the token endpoint: `client_secret_basic`, `client_secret_post` or `private_key_jwt`, but not
//! more than one (RFC 6749 2.3). A public client sends only its ID.

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

/// Maximum lifetime of a client assertion, in seconds.
const ASSERTION_LIFETIME_MAX: i64 = 300;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The credentials of a client in a request.
enum PresentedCredentials<'a> {
    Basic(String),
    Post(String),
    Assertion(&'a str),
    Nothing,
}

/// Authenticates the client of a request.
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
            (
                form_decode(id),
                PresentedCredentials::Basic(form_decode(secret)),
            )
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

/// Verifies a client assertion (RFC 7523 3): signature, `iss`, `sub`, `aud`, a short lifetime and an unused `jti`.
fn verify_assertion(
    idp: &ProviderState,
    id: &str,
    jwks: &Value,
    for_issuer: bool,
    token: &str,
) -> Result<()> {
    let claims = keys::verify(jwks, token)?;
    ensure!(
        claims["iss"] == id && claims["sub"] == id,
        "iss or sub is another client"
    );
    let audience = match for_issuer {
        true => idp.issuer(),
        false => format!("{}/token", idp.issuer()),
    };
    ensure!(claims["aud"] == audience.as_str(), "aud is another server");
    let now = idp.now();
    let expires = claims["exp"].as_i64().context("exp")?;
    ensure!(
        expires > now && expires <= now + ASSERTION_LIFETIME_MAX,
        "exp is in the past or too far in the future"
    );
    let id = claims["jti"].as_str().context("jti")?.to_owned();
    ensure!(
        idp.change(|state| state.assertions.insert(id)),
        "jti was used before"
    );
    Ok(())
}

/// Decodes the form encoding of Basic credentials (RFC 6749 2.3.1).
fn form_decode(text: &str) -> String {
    form_urlencoded::parse(format!("={text}").as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}
