//! The authorization code flow with PKCE (RFC 6749 4.1, RFC 7636, RFC 8252): a client on the person's own machine sends
//! the browser here and gets a code on a loopback port.
//!
//! A request belongs to the browser's session that saw it. A code lives for a minute, is for one client, one redirect URI
//! and one verifier, and works once; shown twice, it ends what it made (RFC 9700 2.1.1, OWASP ASVS 10.4.2).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::secret::SecretDigest;
use crate::caller::SessionId;
use crate::clients::{Answer, Asking, CodeChallenge, RedirectUri};
use crate::record::Record;
use crate::session::Approval;

/// What an authorization request asks for, read and found in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationAsk {
    /// Where the response goes.
    pub redirect_uri: RedirectUri,
    /// `state`, as it came.
    pub state: Option<String>,
    /// `code_challenge`
    pub code_challenge: CodeChallenge,
}

impl AuthorizationAsk {
    /// Where the browser goes with a response.
    pub fn response(&self, parameter: (&str, &str), description: Option<&str>) -> String {
        response(
            &self.redirect_uri,
            self.state.as_deref(),
            parameter,
            description,
        )
    }
}

/// Where the browser goes with a response (RFC 6749 4.1.2).
pub fn response(
    redirect_uri: &RedirectUri,
    state: Option<&str>,
    parameter: (&str, &str),
    description: Option<&str>,
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(parameter.0, parameter.1);
    query.extend_pairs(description.map(|text| ("error_description", text)));
    query.extend_pairs(state.map(|state| ("state", state)));
    redirect_uri.with_query(&query.finish())
}

/// An authorization request that waits for its person, by [`AuthorizationRequest::key`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub asking: Asking,
    /// For what.
    pub ask: AuthorizationAsk,
    /// In which browser's session.
    pub session: SessionId,
    /// What the person said.
    pub answer: Answer,
    /// Whether the answer has been sent: once.
    pub answered: bool,
}

impl Record for AuthorizationRequest {
    const KIND: &'static str = "authorization";
}

impl AuthorizationRequest {
    /// Where the request is, the same whenever this browser shows it again.
    pub fn key(session: SessionId, client: SecretDigest, ask: &AuthorizationAsk) -> SecretDigest {
        let session = session.to_string();
        let parts: [&[u8]; 5] = [
            session.as_bytes(),
            client.as_bytes(),
            ask.redirect_uri.as_str().as_bytes(),
            ask.state.as_deref().unwrap_or_default().as_bytes(),
            ask.code_challenge.as_str().as_bytes(),
        ];
        SecretDigest::of("rolecall/authorization-request/v1", &parts)
    }
}

/// A code that was issued, found by its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedCode {
    /// Who asked.
    pub asking: Asking,
    /// For what.
    pub ask: AuthorizationAsk,
    /// Who said yes.
    pub approval: Approval,
    /// After this it is too late. The record is kept longer, to know a code that is shown again.
    pub expires_at: DateTime<Utc>,
    /// What became of it.
    pub outcome: CodeUse,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeUse {
    /// Nothing yet.
    Unused,
    /// It was shown and was not good for it.
    Spoilt,
    /// It made the client session at this key.
    Redeemed(SecretDigest),
}

impl Record for IssuedCode {
    const KIND: &'static str = "authorization-code";
}
