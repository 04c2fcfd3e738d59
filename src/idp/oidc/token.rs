//! The token endpoint (RFC 6749 4.1.3): a code becomes an ID token and an access token, once.
//!
//! The request is sent one time: after a timeout the code may be spent, and only a new sign-in helps. Every answer
//! passes our strict reading before the library parses it.

use std::pin::Pin;

use openidconnect::core::{CoreClient, CoreErrorResponseType, CoreIdToken};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    OAuth2TokenResponse, PkceCodeVerifier, RequestTokenError, TokenResponse,
};
use rolecall_core::json;
use rolecall_core::secret::SecretText;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::Value;

use super::checks::well_formed;
use super::jws::{UnverifiedJws, malformed};
use crate::idp::cache::Trouble;
use crate::idp::http::{HttpClient, HttpError};

/// The library's client with the two endpoints we give it.
pub type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
>;

/// Our HTTP client as the library wants one.
struct TokenEndpoint<'a>(&'a HttpClient);

impl<'c> AsyncHttpClient<'c> for TokenEndpoint<'_> {
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(post(self.0, request))
    }
}

/// What the endpoint gave; nothing of it is verified yet.
pub struct Tokens {
    /// The ID token, compact.
    pub id_token: SecretText,
    /// The access token, for userinfo and nothing else.
    pub access_token: SecretText,
}

/// Redeems a code.
///
/// # Errors
/// [`RejectReason::Code`] when the endpoint refuses it, [`RejectReason::Malformed`] for an ID token that is none,
/// [`ProviderError::Unavailable`] for everything that is not an answer.
pub async fn redeem(
    client: &Client,
    http: &HttpClient,
    code: &SecretText,
    code_verifier: &SecretText,
) -> Result<Tokens, ProviderError> {
    let answer = client
        .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(code_verifier.expose().to_owned()))
        .request_async(&TokenEndpoint(http))
        .await;
    match answer {
        Ok(tokens) => {
            let id_token = tokens
                .id_token()
                .ok_or_else(|| malformed("the token endpoint sent no ID token"))?;
            Ok(Tokens {
                id_token: SecretText::new(id_token.to_string()),
                access_token: SecretText::new(tokens.access_token().secret().as_str()),
            })
        }
        Err(RequestTokenError::Request(error)) => Err(error),
        Err(RequestTokenError::ServerResponse(refusal)) => {
            let word = refusal.error().to_string();
            // Providers explain themselves here; some quote what they were sent.
            let explained: String = refusal
                .error_description()
                .map_or_else(String::new, |text| {
                    text.replace(code.expose(), "…")
                        .replace(code_verifier.expose(), "…")
                        .chars()
                        .take(300)
                        .collect()
                });
            let detail = format!("the token endpoint answered {word:?} {explained:?}");
            Err(match refusal.error() {
                CoreErrorResponseType::InvalidGrant => {
                    ProviderError::rejected(RejectReason::Code, detail)
                }
                CoreErrorResponseType::InvalidClient
                | CoreErrorResponseType::UnauthorizedClient => {
                    nonsense(format!("{detail}; check client_id and client_secret"))
                }
                CoreErrorResponseType::InvalidRequest
                | CoreErrorResponseType::InvalidScope
                | CoreErrorResponseType::UnsupportedGrantType
                | CoreErrorResponseType::Extension(_) => nonsense(detail),
            })
        }
        Err(RequestTokenError::Parse(error, _)) => Err(nonsense(format!(
            "the token endpoint's answer is not understood at {}",
            error.path()
        ))),
        Err(RequestTokenError::Other(_)) => {
            Err(nonsense("the token endpoint's answer is not understood"))
        }
    }
}

/// Sends the request through our client and reads the answer strictly.
async fn post(http: &HttpClient, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
    let request = reqwest::Request::try_from(request)
        .map_err(|_| nonsense("the token request cannot be sent"))?;
    let answer = http.send(request).await.map_err(unavailable)?;
    let status = answer.status;
    let body = if (400..500).contains(&status) && status != 429 {
        json::object(&answer.body)
            .map_err(|why| nonsense(format!("the token endpoint's {status}: {why}")))?;
        answer.body
    } else {
        let body = answer.json().map_err(unavailable)?;
        look_at(&body)?;
        body
    };
    let mut response = HttpResponse::new(body);
    *response.status_mut() = openidconnect::http::StatusCode::from_u16(status)
        .map_err(|_| nonsense("the token endpoint's status is none"))?;
    Ok(response)
}

/// Whether a 200 holds a token answer whose ID token is at least a JWS with claims of the right types.
fn look_at(body: &[u8]) -> Result<(), ProviderError> {
    let answer = json::object(body)
        .map_err(|why| nonsense(format!("the token endpoint's answer: {why}")))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if text("access_token").is_none_or(str::is_empty) {
        return Err(nonsense("the token endpoint sent no access token"));
    }
    // RFC 6749 5.1 and Core 3.1.3.3.
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(nonsense("the token endpoint's token_type is not Bearer"));
    }
    let id_token =
        text("id_token").ok_or_else(|| malformed("the token endpoint sent no ID token"))?;
    well_formed(&UnverifiedJws::parse(id_token)?.unverified_claims()?)?;
    id_token
        .parse::<CoreIdToken>()
        .map(drop)
        .map_err(|_| malformed("the claims are not those of OpenID Connect"))
}

fn unavailable(error: HttpError) -> ProviderError {
    Trouble::from(error).into()
}

fn nonsense(what: impl Into<String>) -> ProviderError {
    Trouble::nonsense(what).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    fn answer(changes: &Value) -> Value {
        let mut claims =
            json!({"iss": "https://idp.example", "sub": "s", "aud": "a", "exp": 2, "iat": 1});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.AAAA", part(&json!({"alg": "ES256"})), part(&claims));
        json!({"access_token": "x", "token_type": "Bearer", "id_token": token})
    }

    #[test]
    fn claims_the_library_dislikes_are_malformed_and_harmless() {
        let end = |changes| look_at(answer(&changes).to_string().as_bytes());
        assert!(end(json!({"exp": 253_402_300_799_i64, "iat": 0.5, "updated_at": 1})).is_ok());
        for odd in [
            json!({"updated_at": 1e300}),
            json!({"updated_at": -1e300}),
            json!({"updated_at": "yesterday"}),
            json!({"email": 5}),
            json!({"email_verified": "true"}),
            json!({"address": []}),
            json!({"locale": "??"}),
            json!({"name": {}}),
            json!({"name#": "x", "name#de": "x", "#": 1, "name##": "x"}),
            json!({"phone_number_verified": 1}),
            json!({"picture": 1}),
        ] {
            let end = end(odd.clone());
            let malformed = matches!(
                end,
                Err(ProviderError::Rejected {
                    reason: RejectReason::Malformed,
                    ..
                })
            );
            assert!(end.is_ok() || malformed, "{odd}");
        }
    }

    #[test]
    fn an_answer_has_what_it_must_have() {
        let with = |name: &str, value: Value| {
            let mut answer = answer(&json!({}));
            answer[name] = value;
            look_at(answer.to_string().as_bytes())
        };
        assert!(with("token_type", json!("bearer")).is_ok());
        assert!(with("token_type", json!("DPoP")).is_err());
        assert!(with("token_type", json!(null)).is_err());
        assert!(with("access_token", json!("")).is_err());
        assert!(with("access_token", json!(["x"])).is_err());
        assert!(with("id_token", json!(null)).is_err());
        assert!(with("id_token", json!({})).is_err());
        assert!(look_at(br#"{"id_token":"a","id_token":"b"}"#).is_err());
        assert!(look_at(b"<html>").is_err());
    }
}
