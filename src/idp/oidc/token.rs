//! The token endpoint (RFC 6749 4.1.3): a code becomes an ID token and an access token, once.
//!
//! The request is sent one time: after a timeout the code may be spent, and only a new sign-in helps. Of the answer three
//! members are read, `token_type`, `access_token` and `id_token`; no other one can refuse a sign-in.

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
use crate::idp::http::{Answer, HttpClient, HttpError};
use crate::idp::redact::Redactor;

/// A code and what has to come with it.
pub struct CodeExchange<'a> {
    /// `token_endpoint`
    pub endpoint: &'a Url,
    /// `redirect_uri` of the authorization request.
    pub redirect_uri: &'a Url,
    /// `code`
    pub code: &'a SecretText,
    /// `code_verifier` (RFC 7636 4.5)
    pub code_verifier: &'a SecretText,
    /// The client's secret, which must not be told when the provider quotes it.
    pub client_secret: Option<&'a SecretText>,
}

/// What the endpoint gave; nothing of it is verified yet.
pub struct Tokens {
    /// The ID token, compact.
    pub id_token: SecretText,
    /// The access token, for userinfo and nothing else.
    pub access_token: SecretText,
}

/// What the token endpoint says of a client that shows a code which is none (RFC 6749 5.2).
pub enum ProbedClient {
    /// `invalid_grant`: it complains of the code.
    Known,
    /// It complains of the client.
    Refused(ProviderError),
    /// It complains of something else.
    Unclear(ProviderError),
}

impl CodeExchange<'_> {
    /// Redeems the code.
    ///
    /// # Errors
    /// [`RejectReason::Code`] when the endpoint refuses it, [`RejectReason::Malformed`] when no ID token comes,
    /// [`ProviderError::Unavailable`] for everything that is not an answer.
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
        let members = json::object(&body)
            .map_err(|why| invalid_response(format!("the token endpoint's answer: {why}")))?;
        tokens(&members)
    }

    /// Shows the endpoint a code that is none: what it says about the client.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer.
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

    /// An error response (RFC 6749 5.2).
    fn refusal(&self, answer: &Answer) -> ProviderError {
        if let Some(redirect) = answer.redirected() {
            return self.unavailable(redirect);
        }
        let Answer { host, status, .. } = answer;
        let members = match json::object(&answer.body) {
            Ok(members) => members,
            Err(why) => {
                return invalid_response(format!(
                    "the token endpoint at {host} answered {status}: {why}"
                ));
            }
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let error = text("error").unwrap_or_default();
        // Providers explain themselves here; some quote what they were sent.
        let sent = [self.code, self.code_verifier];
        let sent = Redactor::new(sent.into_iter().chain(self.client_secret));
        let description = text("error_description").map(|text| sent.clean(text));
        let detail = format!(
            "the token endpoint at {host} answered {status}: {}",
            explanation::of(Some(&sent.clean(error)), description.as_deref()).unwrap_or_default()
        );
        match error {
            "invalid_grant" => ProviderError::rejected(RejectReason::Code, detail),
            "invalid_client" | "unauthorized_client" => FetchError::Misfit(format!(
                "{detail}; check client_id, client_secret and client_authentication"
            ))
            .into(),
            _ => invalid_response(detail),
        }
    }
}

/// What a 200 brings (RFC 6749 5.1, OpenID Connect Core 3.1.3.3).
fn tokens(members: &Map<String, Value>) -> Result<Tokens, ProviderError> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let access_token = text("access_token")
        .filter(|token| !token.is_empty())
        .ok_or_else(|| invalid_response("the token endpoint sent no access token"))?;
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(invalid_response(
            "the token endpoint's token_type is not Bearer",
        ));
    }
    let id_token =
        text("id_token").ok_or_else(|| malformed("the token endpoint sent no ID token"))?;
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
    fn an_answer_has_what_it_must_have() {
        assert!(with("token_type", json!("bearer")).is_ok());
        assert!(with("token_type", json!("DPoP")).is_err());
        assert!(with("token_type", json!(null)).is_err());
        assert!(with("access_token", json!("")).is_err());
        assert!(with("access_token", json!(["x"])).is_err());
        assert!(with("id_token", json!(null)).is_err());
        assert!(with("id_token", json!({})).is_err());
    }

    #[test]
    fn members_that_are_not_used_may_have_any_type() {
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
    fn the_form_has_everything_once() {
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
