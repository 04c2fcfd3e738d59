//! The authorization code flow with PKCE (RFC 6749 4.1, RFC 7636, RFC 8252): a client on the person's machine opens the
//! browser and receives a code on a loopback port.
//!
//! A request belongs to the browser session in which it was shown. A code is valid for one minute, for one client,
//! redirect URI and verifier, and for one use; a second use ends its session (RFC 9700 2.1.1, OWASP ASVS 10.4.2).

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

/// The validated parameters of an authorization request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationParameters {
    /// Target of the response.
    pub redirect_uri: RedirectUri,
    /// `state`, unchanged.
    pub state: Option<String>,
    /// `code_challenge` with the method `S256` (RFC 7636 4.2).
    pub code_challenge: CodeChallenge,
}

impl AuthorizationParameters {
    /// The URL of a response.
    pub(super) fn response(&self, parameter: (&str, &str), description: Option<&str>) -> String {
        response(
            &self.redirect_uri,
            self.state.as_deref(),
            parameter,
            description,
        )
    }
}

/// The URL of a response (RFC 6749 4.1.2).
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

/// An authorization request, stored under [`AuthorizationRequest::key`]: pending, then approved or denied, then sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    #[serde(rename = "asking")]
    requester: Requester,
    #[serde(rename = "ask")]
    parameters: AuthorizationParameters,
    session: SessionId,
    answer: ConsentState,
    /// Whether the response has been sent. It is sent once.
    #[serde(rename = "answered")]
    sent: bool,
}

impl Record for AuthorizationRequest {
    const KIND: &'static str = "authorization";
}

impl AuthorizationRequest {
    /// Creates a pending request in this browser session.
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
            sent: false,
        }
    }

    /// The client that requests access.
    pub fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Whether the request is pending.
    pub fn is_pending(&self) -> bool {
        self.answer.is_pending()
    }

    /// The request with the decision of the person.
    ///
    /// # Errors
    /// [`NotPending`].
    pub fn decided(self, answer: ConsentDecision) -> Result<Self, NotPending> {
        if !self.is_pending() {
            return Err(NotPending);
        }
        Ok(Self {
            answer: answer.into(),
            ..self
        })
    }

    /// Marks the request as sent and returns it with the decision.
    ///
    /// # Errors
    /// [`NotPending`] if it is not decided, or was sent before.
    pub fn sent(self) -> Result<(Self, ConsentDecision), NotPending> {
        match self.answer.decision() {
            Some(answer) if !self.sent => {
                let sent = Self { sent: true, ..self };
                Ok((sent, answer))
            }
            Some(_) | None => Err(NotPending),
        }
    }

    /// The URL of a response.
    pub fn response(&self, parameter: (&str, &str), description: Option<&str>) -> String {
        self.parameters.response(parameter, description)
    }

    /// Creates the code for an approval.
    pub fn into_code(self, approval: Approval, now: DateTime<Utc>) -> IssuedCode {
        IssuedCode {
            requester: self.requester,
            parameters: self.parameters,
            approval,
            expires_at: now + limits::AUTHORIZATION_CODE_LIFE,
            outcome: CodeState::Unused,
        }
    }

    /// The store key of the request. It is the same each time this browser session shows the request.
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

/// An issued code, stored under its digest: unused, then redeemed or invalidated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedCode {
    #[serde(rename = "asking")]
    requester: Requester,
    #[serde(rename = "ask")]
    parameters: AuthorizationParameters,
    approval: Approval,
    /// End of validity. The record is kept longer, so that a replayed code is recognized.
    expires_at: DateTime<Utc>,
    outcome: CodeState,
}

/// The state of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeState {
    /// It has not been presented.
    Unused,
    /// It was presented with wrong parameters.
    #[serde(rename = "Spoilt")]
    Invalidated,
    /// It was redeemed for the client session at this key.
    Redeemed(SecretDigest),
}

impl Record for IssuedCode {
    const KIND: &'static str = "authorization-code";
}

impl IssuedCode {
    /// The code, if it has not been presented.
    ///
    /// # Errors
    /// The state of the code.
    pub fn unused(self) -> Result<UnusedCode, CodeState> {
        match self.outcome {
            CodeState::Unused => Ok(UnusedCode(self)),
            used @ (CodeState::Invalidated | CodeState::Redeemed(_)) => Err(used),
        }
    }

    /// The state of the code.
    pub fn outcome(&self) -> CodeState {
        self.outcome
    }
}

/// An [`IssuedCode`] that has not been presented.
#[derive(Clone, Debug)]
pub struct UnusedCode(IssuedCode);

impl UnusedCode {
    /// Whether it was issued to this client for these parameters, and has not expired.
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

    /// The client that requested access.
    pub fn requester(&self) -> &Requester {
        &self.0.requester
    }

    /// The approval of the person.
    pub fn approval(&self) -> &Approval {
        &self.0.approval
    }

    /// The code after it was redeemed for the client session at this key.
    pub fn redeemed(self, session: SecretDigest) -> IssuedCode {
        IssuedCode {
            outcome: CodeState::Redeemed(session),
            ..self.0
        }
    }

    /// The code after it was presented with wrong parameters.
    pub fn invalidated(self) -> IssuedCode {
        IssuedCode {
            outcome: CodeState::Invalidated,
            ..self.0
        }
    }
}
