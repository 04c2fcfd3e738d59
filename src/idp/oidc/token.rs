//! The token endpoint (RFC 6749 4.1.3), which exchanges a code for an ID token and an access token.
//!
//! The request is sent once: after a timeout the code may be consumed, and the user must sign in again. Only
//! `token_type`, `access_token` and `id_token` of the response are read; other members never cause a rejection.

use openidconnect::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method, Request};
use rolecall_core::base::json;
use rolecall_core::base::secret::SecretText;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::client_authentication::Credentials;
use super::jws::malformed;
use crate::idp::cache::FetchError;
use crate::idp::explanation;
use crate::idp::http::{HttpClient, HttpError, HttpResponse};
use crate::idp::redact::Redactor;

/// A code with the parameters of its token request.
pub struct CodeExchange<'a> {
    /// `token_endpoint`
    pub endpoint: &'a Url,
    /// `redirect_uri` of the authorization request.
    pub redirect_uri: &'a Url,
    /// `code` of the callback.
    pub code: &'a SecretText,
    /// `code_verifier` (RFC 7636 4.5)
    pub code_verifier: &'a SecretText,
    /// The client secret, to be redacted if the provider quotes it.
    pub client_secret: Option<&'a SecretText>,
}

/// The unverified tokens of the response.
pub struct Tokens {
    /// The ID token in compact serialization.
    pub id_token: SecretText,
    /// The access token, used for userinfo only.
    pub access_token: SecretText,
}

/// The response of the token endpoint to an invalid code (RFC 6749 5.2).
pub enum ProbedClient {
    /// `invalid_grant`: the client was accepted.
    Known,
    /// The client was rejected.
    Refused(ProviderError),
    /// An error that shows neither.
    Unclear(ProviderError),
}

impl CodeExchange<'_> {
    /// Redeems the code.
    ///
    /// # Errors
    /// [`RejectReason::Code`] if the endpoint rejects the code, [`RejectReason::Malformed`] if the response has no ID
    /// token, [`ProviderError::Unavailable`] if there is no valid response.
    pub async fn redeem(
        &self,
        http: &HttpClient,
        credentials: &Credentials,
    ) -> Result<Tokens, ProviderError> {
        let answer = http.send(self.request(credentials)).await;
        let answer = answer.map_err(|error| self.unavailable(error))?;
        let status = answer.status;
        if (400..500).contains(&status) && status != 429 {
            return Err(self.refusal(&answer));
        }
        let body = answer.json().map_err(|error| self.unavailable(error))?;
        let members = json::object(&body).map_err(|why| {
            invalid_response(format!("invalid response of the token endpoint: {why}"))
        })?;
        tokens(&members)
    }

    /// Sends an invalid code, to find out whether the client is accepted.
    ///
    /// # Errors
    /// [`HttpError`], if there is no response.
    pub async fn probe(
        &self,
        http: &HttpClient,
        credentials: &Credentials,
    ) -> Result<ProbedClient, HttpError> {
        let answer = http.send(self.request(credentials)).await?;
        let members = json::object(&answer.body).ok();
        let error = members
            .as_ref()
            .and_then(|said| said.get("error")?.as_str());
        match error {
            Some("invalid_grant") => Ok(ProbedClient::Known),
            Some("invalid_client" | "unauthorized_client") => {
                Ok(ProbedClient::Refused(self.refusal(&answer)))
            }
            Some(_) | None => Ok(ProbedClient::Unclear(self.refusal(&answer))),
        }
    }

    fn unavailable(&self, error: HttpError) -> ProviderError {
        let trouble = FetchError::Document {
            what: "the token endpoint",
            url: self.endpoint.to_string(),
            error,
        };
        trouble.into()
    }

    fn request(&self, credentials: &Credentials) -> Request {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code.expose())
            .append_pair("redirect_uri", self.redirect_uri.as_str())
            .append_pair("code_verifier", self.code_verifier.expose());
        for (name, value) in &credentials.parameters {
            form.append_pair(name, value.expose());
        }
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(authorization) = &credentials.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        *request.body_mut() = Some(Body::from(form.finish()));
        request
    }

    /// Converts an error response (RFC 6749 5.2).
    fn refusal(&self, answer: &HttpResponse) -> ProviderError {
        if let Some(redirect) = answer.redirect_error() {
            return self.unavailable(redirect);
        }
        let HttpResponse { host, status, .. } = answer;
        let members = match json::object(&answer.body) {
            Ok(members) => members,
            Err(why) => {
                return invalid_response(format!(
                    "the token endpoint at {host} returned status {status}: {why}"
                ));
            }
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let error = text("error").unwrap_or_default();
        // The explanation of the provider, which can quote the request.
        let sent = [self.code, self.code_verifier];
        let sent = Redactor::new(sent.into_iter().chain(self.client_secret));
        let description = text("error_description").map(|text| sent.clean(text));
        let detail = format!(
            "the token endpoint at {host} returned status {status}: {}",
            explanation::of(Some(&sent.clean(error)), description.as_deref()).unwrap_or_default()
        );
        match error {
            "invalid_grant" => ProviderError::rejected(RejectReason::Code, detail),
            "invalid_client" | "unauthorized_client" => FetchError::Misconfigured(format!(
                "{detail}; check client_id, client_secret and client_authentication"
            ))
            .into(),
            _ => invalid_response(detail),
        }
    }
}

/// Parses a successful response (RFC 6749 5.1, OpenID Connect Core 3.1.3.3).
fn tokens(members: &Map<String, Value>) -> Result<Tokens, ProviderError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let access_token = text("access_token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            invalid_response("the response of the token endpoint has no access token")
        })?;
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(invalid_response(
            "the token_type of the token endpoint is not Bearer",
        ));
    }
    let id_token = text("id_token")
        .ok_or_else(|| malformed("the response of the token endpoint has no ID token"))?;
    Ok(Tokens {
        id_token: SecretText::new(id_token),
        access_token: SecretText::new(access_token),
    })
}

fn invalid_response(what: impl Into<String>) -> ProviderError {
    FetchError::malformed(what).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        json!({"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c"})
    }

    fn with(name: &str, value: Value) -> Result<Tokens, ProviderError> {
        let mut answer = answer();
        answer[name] = value;
        tokens(answer.as_object().unwrap())
    }

    #[test]
    fn required_members_are_checked() {
        assert!(with("token_type", json!("bearer")).is_ok());
        assert!(with("token_type", json!("DPoP")).is_err());
        assert!(with("token_type", json!(null)).is_err());
        assert!(with("access_token", json!("")).is_err());
        assert!(with("access_token", json!(["x"])).is_err());
        assert!(with("id_token", json!(null)).is_err());
        assert!(with("id_token", json!({})).is_err());
    }

    #[test]
    fn unused_members_can_have_any_type() {
        for (name, value) in [
            ("expires_in", json!("3599")),
            ("expires_in", json!(3599.5)),
            ("expires_in", json!(-1)),
            ("expires_in", json!(null)),
            ("expires_in", json!({})),
            ("ext_expires_in", json!("3599")),
            ("refresh_token", json!(null)),
            ("refresh_token", json!(7)),
            ("refresh_token_expires_in", json!("1209599")),
            ("scope", json!(["openid", "email"])),
            ("scope", json!(null)),
            ("not-before-policy", json!(0)),
            ("session_state", json!("f1")),
            ("resource", json!(["https://graph.example"])),
            ("id_token_expires_in", json!("x")),
        ] {
            assert!(with(name, value.clone()).is_ok(), "{name} {value}");
        }
    }

    #[test]
    fn form_contains_each_parameter_once() {
        let (endpoint, redirect_uri) = (
            Url::parse("https://idp.example/token").unwrap(),
            Url::parse("https://sso.example/cb").unwrap(),
        );
        let exchange = CodeExchange {
            endpoint: &endpoint,
            redirect_uri: &redirect_uri,
            code: &SecretText::new("a+b"),
            code_verifier: &SecretText::new("verifier"),
            client_secret: None,
        };
        let credentials = Credentials {
            authorization: None,
            parameters: vec![("client_id", SecretText::new("me & you"))],
        };
        let request = exchange.request(&credentials);
        let body = request.body().and_then(Body::as_bytes).unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
        assert_eq!(
            pairs,
            [
                ("grant_type", "authorization_code"),
                ("code", "a+b"),
                ("redirect_uri", "https://sso.example/cb"),
                ("code_verifier", "verifier"),
                ("client_id", "me & you"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert!(!request.headers().contains_key(AUTHORIZATION));
    }
}
