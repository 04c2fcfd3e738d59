//! The userinfo endpoint (OpenID Connect Core 5.3): claims that the ID token does not carry, about the same subject.
//!
//! It is asked only where something is missing, and then it has to answer: with fewer claims a deny by groups would not
//! apply. Each message says why it was asked and how to do without it.

use openidconnect::http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use rolecall_core::base::json;
use rolecall_core::base::secret::SecretText;
use rolecall_core::identity::Subject;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};
use url::Url;

use super::jws::malformed;
use super::merge::Missing;
use crate::idp::cache::FetchError;
use crate::idp::explanation;
use crate::idp::http::{Answer, HttpClient};

/// Whether userinfo may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserinfoUse {
    /// When the ID token has no groups or no e-mail address; without an answer nobody is signed in.
    #[default]
    WhenNeeded,
    /// Never: the ID token says everything.
    Never,
}

impl UserinfoUse {
    /// Reads the name in the configuration.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "when_needed" => Some(Self::WhenNeeded),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// One question.
pub struct Question<'a> {
    /// `userinfo_endpoint`, or why it is unusable.
    pub endpoint: &'a Result<Url, FetchError>,
    /// The access token that came with the ID token.
    pub access_token: &'a SecretText,
    /// Whom the ID token is about.
    pub subject: &'a Subject,
    /// What the ID token lacks.
    pub missing: &'a Missing,
}

impl Question<'_> {
    /// Fetches the claims.
    ///
    /// # Errors
    /// [`RejectReason::Subject`] when they are about somebody else or nobody (Core 5.3.2), [`RejectReason::Userinfo`] when
    /// the endpoint refuses us, [`RejectReason::Malformed`] when they are signed or encrypted,
    /// [`ProviderError::Unavailable`] when there is no answer.
    pub async fn ask(&self, http: &HttpClient) -> Result<Map<String, Value>, ProviderError> {
        let answer = http
            .send(self.request()?)
            .await
            .map_err(|error| self.no_answer(error))?;
        if answer.content_type == "application/jwt" {
            return Err(malformed(format!(
                "userinfo is signed or encrypted (application/jwt), which is not supported: let the provider send plain JSON; {}",
                self.missing
            )));
        }
        if (400..500).contains(&answer.status) && answer.status != 429 {
            return Err(self.refused(&answer));
        }
        let body = answer.json().map_err(|error| self.no_answer(error))?;
        let claims = json::object(&body)
            .map_err(|why| self.no_answer(format!("it is not usable: {why}")))?;
        match claims.get("sub").and_then(Value::as_str) {
            Some(subject) if subject == self.subject.as_str() => Ok(claims),
            Some(_) => {
                Err(self.other_subject("userinfo is about another subject than the ID token"))
            }
            None => Err(self.other_subject(
                "userinfo has no sub, so nothing says whom it is about (OpenID Connect Core 5.3.2)",
            )),
        }
    }

    fn request(&self) -> Result<Request, ProviderError> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", self.access_token.expose()))
                .map_err(|_| self.no_answer("the access token does not fit into a header"))?;
        bearer.set_sensitive(true);
        let endpoint = self.endpoint.clone().map_err(|why| self.no_answer(why))?;
        let mut request = Request::new(Method::GET, endpoint);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn no_answer(&self, why: impl std::fmt::Display) -> ProviderError {
        FetchError::malformed(format!("userinfo: {why}; {}", self.missing)).into()
    }

    fn other_subject(&self, what: &str) -> ProviderError {
        ProviderError::rejected(RejectReason::Subject, format!("{what}; {}", self.missing))
    }

    /// The provider's own error is in `WWW-Authenticate` (RFC 6750 3), or in a JSON body.
    fn refused(&self, answer: &Answer) -> ProviderError {
        let Answer { host, status, .. } = answer;
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
        let said = explanation::of(error.as_deref(), description.as_deref())
            .unwrap_or_else(|| "without an explanation".to_owned());
        ProviderError::rejected(
            RejectReason::Userinfo,
            format!(
                "userinfo at {host} answered {status}: {said}; {}",
                self.missing
            ),
        )
    }
}

/// The value of a parameter of a challenge, `name="…"` (RFC 9110 11.2).
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

/// The text up to the closing quote, and what comes after it.
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
    fn a_challenge_explains_itself() {
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
