//! The userinfo endpoint (OpenID Connect Core 5.3): claims that the ID token does not carry, about the same subject.

use openidconnect::http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use rolecall_core::identity::Subject;
use rolecall_core::json;
use rolecall_core::secret::SecretText;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};
use url::Url;

use super::jws::malformed;
use crate::idp::cache::Trouble;
use crate::idp::http::HttpClient;

/// Fetches the claims.
///
/// # Errors
/// [`RejectReason::Subject`] when they are about somebody else (Core 5.3.2), [`RejectReason::Malformed`] when they are
/// signed or encrypted, [`ProviderError::Unavailable`] when there is no answer: fewer claims are never taken instead.
pub async fn fetch(
    http: &HttpClient,
    endpoint: &Url,
    access_token: &SecretText,
    subject: &Subject,
) -> Result<Map<String, Value>, ProviderError> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", access_token.expose()))
        .map_err(|_| Trouble::nonsense("the access token does not fit into a header"))?;
    bearer.set_sensitive(true);
    let mut request = Request::new(Method::GET, endpoint.clone());
    request.headers_mut().insert(AUTHORIZATION, bearer);
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    let answer = http.send(request).await.map_err(Trouble::from)?;
    if answer.content_type == "application/jwt" {
        return Err(malformed(
            "userinfo is signed or encrypted (application/jwt), which is not supported; let the provider send plain JSON",
        ));
    }
    let body = answer.json().map_err(Trouble::from)?;
    let claims = json::object(&body)
        .map_err(|why| Trouble::nonsense(format!("the userinfo endpoint's answer: {why}")))?;
    if claims.get("sub").and_then(Value::as_str) == Some(subject.as_str()) {
        return Ok(claims);
    }
    Err(ProviderError::rejected(
        RejectReason::Subject,
        "userinfo speaks of another subject than the ID token",
    ))
}
