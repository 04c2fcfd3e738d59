//! The userinfo endpoint (OpenID Connect Core 5.3), for claims that are missing in the ID token.
//!
//! It is requested only if claims are missing, and must then respond: with fewer claims a deny rule by groups would not
//! apply. Errors explain why it was requested and how to avoid that.

use openidconnect::http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use rolecall_core::base::json;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::Subject;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};
use url::Url;

use super::jws::malformed;
use super::merge::MissingClaims;
use crate::idp::cache::FetchError;
use crate::idp::explanation;
use crate::idp::http::{HttpClient, HttpResponse};

/// When userinfo is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserinfoUse {
    /// If the ID token has no groups or no e-mail address. If userinfo does not respond, the sign-in fails.
    #[default]
    WhenNeeded,
    /// Never: the ID token contains all claims.
    Never,
}

impl UserinfoUse {
    /// Parses the configured name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "when_needed" => Some(Self::WhenNeeded),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// A userinfo request.
pub struct UserinfoRequest<'a> {
    /// `userinfo_endpoint`, or why it is unusable.
    pub endpoint: &'a Result<Url, FetchError>,
    /// The access token of the same token response.
    pub access_token: &'a SecretText,
    /// The subject of the ID token.
    pub subject: &'a Subject,
    /// The claims that are missing in the ID token.
    pub missing: &'a MissingClaims,
}

impl UserinfoRequest<'_> {
    /// Fetches the claims.
    ///
    /// # Errors
    /// [`RejectReason::Subject`] if the response has another subject or none (Core 5.3.2), [`RejectReason::Userinfo`]
    /// if the endpoint rejects the request, [`RejectReason::Malformed`] if the response is signed or encrypted,
    /// [`ProviderError::Unavailable`] if there is no response.
    pub async fn fetch(&self, http: &HttpClient) -> Result<Map<String, Value>, ProviderError> {
        let answer = http
            .send(self.request()?)
            .await
            .map_err(|error| self.no_response(error))?;
        if answer.content_type == "application/jwt" {
            return Err(malformed(format!(
                "the userinfo response is signed or encrypted (application/jwt), which is not supported: configure the provider to send plain JSON; {}",
                self.missing
            )));
        }
        if (400..500).contains(&answer.status) && answer.status != 429 {
            return Err(self.refused(&answer));
        }
        let body = answer.json().map_err(|error| self.no_response(error))?;
        let claims = json::object(&body)
            .map_err(|reason| self.no_response(format!("invalid response: {reason}")))?;
        match claims.get("sub").and_then(Value::as_str) {
            Some(subject) if subject == self.subject.as_str() => Ok(claims),
            Some(_) => Err(self
                .other_subject("the userinfo response has a different subject than the ID token")),
            None => {
                Err(self
                    .other_subject("the userinfo response has no sub (OpenID Connect Core 5.3.2)"))
            }
        }
    }

    fn request(&self) -> Result<Request, ProviderError> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", self.access_token.expose()))
                .map_err(|_| self.no_response("the access token is not valid in an HTTP header"))?;
        bearer.set_sensitive(true);
        let endpoint = self
            .endpoint
            .clone()
            .map_err(|reason| self.no_response(reason))?;
        let mut request = Request::new(Method::GET, endpoint);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn no_response(&self, reason: impl std::fmt::Display) -> ProviderError {
        FetchError::malformed(format!("userinfo: {reason}; {}", self.missing)).into()
    }

    fn other_subject(&self, what: &str) -> ProviderError {
        ProviderError::rejected(RejectReason::Subject, format!("{what}; {}", self.missing))
    }

    /// The error is in `WWW-Authenticate` (RFC 6750 3), or in a JSON body.
    fn refused(&self, answer: &HttpResponse) -> ProviderError {
        let HttpResponse { host, status, .. } = answer;
        let body = json::object(&answer.body).unwrap_or_default();
        let member = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .or_else(|| challenge_parameter(answer.challenge.as_deref()?, name))
        };
        let hidden = |text: String| text.replace(self.access_token.expose(), "…");
        let (error, description) = (
            member("error").map(hidden),
            member("error_description").map(hidden),
        );
        let explanation = explanation::of(error.as_deref(), description.as_deref())
            .unwrap_or_else(|| "no explanation".to_owned());
        ProviderError::rejected(
            RejectReason::Userinfo,
            format!(
                "the userinfo endpoint at {host} returned status {status}: {explanation}; {}",
                self.missing
            ),
        )
    }
}

/// The value of a challenge parameter, `name="…"` (RFC 9110 11.2).
fn challenge_parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    loop {
        let (before, after) = rest.split_once('=')?;
        let found = before
            .rsplit([' ', ','])
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(name));
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = after.find([',', ' ']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        if found {
            return Some(value);
        }
        rest = left;
    }
}

/// The text up to the closing quote, and the rest.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_parameters_are_parsed() {
        let adfs = r#"Bearer error="invalid_token", error_description="MSIS9921: Received invalid UserInfo request. Audience 'microsoft:identityserver:rolecall' in the access token is not same as the identifier of the UserInfo relying party trust 'urn:microsoft:userinfo'.""#;
        assert_eq!(
            challenge_parameter(adfs, "error").as_deref(),
            Some("invalid_token")
        );
        assert!(
            challenge_parameter(adfs, "error_description")
                .unwrap()
                .starts_with("MSIS9921")
        );
        let okta = r#"Bearer authorization_uri="https://x.example/?a=b", realm="okta", scope="openid", error=insufficient_scope, error_description="say \"please\"", resource="/"#;
        for (name, value) in [
            ("error", Some("insufficient_scope")),
            ("error_description", Some("say \"please\"")),
            ("realm", Some("okta")),
            ("resource", Some("/")),
            ("a", None),
            ("none", None),
        ] {
            assert_eq!(challenge_parameter(okta, name).as_deref(), value, "{name}");
        }
        for odd in ["", "Bearer", "=", "\"", "error=\"", "error", "é=\"ü"] {
            let _ = challenge_parameter(odd, "error");
        }
    }
}
