//! The authorization code flow with PKCE (RFC 6749 4.1, RFC 7636, RFC 8252): a client on the person's own machine sends
//! the browser here and gets a code on a loopback port.
//!
//! A request belongs to the browser's session that saw it. A code lives for a minute, is for one client, one redirect URI
//! and one verifier, and works once; shown twice, it ends what it made (RFC 9700 2.1.1, OWASP ASVS 10.4.2).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::SessionId;
use crate::clients::consent::ConsentState;
use crate::clients::{
    ClientId, CodeChallenge, CodeRedemption, ConsentDecision, NotPending, RedirectUri, Requester,
    client_key,
};
use crate::record::Record;
use crate::session::Approval;

/// What an authorization request asks for, read and found in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationParameters {
    /// Where the response goes.
    pub redirect_uri: RedirectUri,
    /// `state`, as it came.
    pub state: Option<String>,
    /// `code_challenge`
    pub code_challenge: CodeChallenge,
}

impl AuthorizationParameters {
    /// Where the browser goes with a response.
    pub(super) fn response(&self, parameter: (&str, &str), description: Option<&str>) -> String {
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

/// An authorization request, by [`AuthorizationRequest::key`]: pending, then approved or denied, then its answer is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    #[serde(rename = "asking")]
    requester: Requester,
    #[serde(rename = "ask")]
    parameters: AuthorizationParameters,
    session: SessionId,
    answer: ConsentState,
    /// Whether the answer has been sent: once.
    answered: bool,
}

impl Record for AuthorizationRequest {
    const KIND: &'static str = "authorization";
}

impl AuthorizationRequest {
    /// A new one, in this browser's session.
    pub fn begin(
        requester: Requester,
        parameters: AuthorizationParameters,
        session: SessionId,
    ) -> Self {
        Self {
            requester,
            parameters,
            session,
            answer: ConsentState::Pending,
            answered: false,
        }
    }

    /// Who asks.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Whether it waits for an answer.
    pub fn is_pending(&self) -> bool {
        self.answer.is_pending()
    }

    /// The request with the person's answer.
    ///
    /// # Errors
    /// [`NotPending`].
    pub fn answered(self, answer: ConsentDecision) -> Result<Self, NotPending> {
        if !self.is_pending() {
            return Err(NotPending);
        }
        Ok(Self {
            answer: answer.into(),
            ..self
        })
    }

    /// The request when its answer is on its way to the client, and that answer: once.
    ///
    /// # Errors
    /// [`NotPending`] when there is no answer, or it was sent before.
    pub fn sent(self) -> Result<(Self, ConsentDecision), NotPending> {
        match self.answer.given() {
            Some(answer) if !self.answered => {
                let sent = Self {
                    answered: true,
                    ..self
                };
                Ok((sent, answer))
            }
            Some(_) | None => Err(NotPending),
        }
    }

    /// Where the browser goes with a response.
    pub fn response(&self, parameter: (&str, &str), description: Option<&str>) -> String {
        self.parameters.response(parameter, description)
    }

    /// A code for what was approved.
    pub fn into_code(self, approval: Approval, now: DateTime<Utc>) -> IssuedCode {
        IssuedCode {
            requester: self.requester,
            parameters: self.parameters,
            approval,
            expires_at: now + limits::AUTHORIZATION_CODE_LIFE,
            outcome: CodeState::Unused,
        }
    }

    /// Where the request is, the same whenever this browser shows it again.
    pub fn key(
        session: SessionId,
        client: SecretDigest,
        parameters: &AuthorizationParameters,
    ) -> SecretDigest {
        let session = session.to_string();
        let parts: [&[u8]; 5] = [
            session.as_bytes(),
            client.as_bytes(),
            parameters.redirect_uri.as_str().as_bytes(),
            parameters.state.as_deref().unwrap_or_default().as_bytes(),
            parameters.code_challenge.as_str().as_bytes(),
        ];
        SecretDigest::of("rolecall/authorization-request/v1", &parts)
    }
}

/// A code that was issued, found by its digest: unused, then redeemed or spoilt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedCode {
    #[serde(rename = "asking")]
    requester: Requester,
    #[serde(rename = "ask")]
    parameters: AuthorizationParameters,
    approval: Approval,
    /// After this it is too late. The record is kept longer, to know a code that is shown again.
    expires_at: DateTime<Utc>,
    outcome: CodeState,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeState {
    /// Nothing yet.
    Unused,
    /// It was shown and was not good for it.
    #[serde(rename = "Spoilt")]
    Invalidated,
    /// It made the client session at this key.
    Redeemed(SecretDigest),
}

impl Record for IssuedCode {
    const KIND: &'static str = "authorization-code";
}

impl IssuedCode {
    /// The code, if nobody has shown it yet.
    ///
    /// # Errors
    /// What became of it.
    pub fn unused(self) -> Result<UnusedCode, CodeState> {
        match self.outcome {
            CodeState::Unused => Ok(UnusedCode(self)),
            used @ (CodeState::Invalidated | CodeState::Redeemed(_)) => Err(used),
        }
    }

    /// What became of it.
    pub fn outcome(&self) -> CodeState {
        self.outcome
    }
}

/// An [`IssuedCode`] that nobody has shown yet. Redeemed or spoilt, it is an [`IssuedCode`] again.
#[derive(Clone, Debug)]
pub struct UnusedCode(IssuedCode);

impl UnusedCode {
    /// Whether it was issued for what is shown with it, to this client, and still works.
    pub fn matches(&self, client: &ClientId, shown: &CodeRedemption, now: DateTime<Utc>) -> bool {
        let code = &self.0;
        code.requester.client == client_key(client)
            && code.parameters.redirect_uri.as_str() == shown.redirect_uri
            && code
                .parameters
                .code_challenge
                .matches(shown.verifier.expose())
            && now < code.expires_at
    }

    /// Who asked.
    pub fn requester(&self) -> &Requester {
        &self.0.requester
    }

    /// Who said yes.
    pub fn approval(&self) -> &Approval {
        &self.0.approval
    }

    /// The code when it has made the client session at this key.
    pub fn redeemed(self, session: SecretDigest) -> IssuedCode {
        IssuedCode {
            outcome: CodeState::Redeemed(session),
            ..self.0
        }
    }

    /// The code when it was shown and was not good for it.
    pub fn invalidated(self) -> IssuedCode {
        IssuedCode {
            outcome: CodeState::Invalidated,
            ..self.0
        }
    }
}
