//! `aws login`: the AWS CLI requests one role with an authorization code flow of its own (AWS Sign-In, 2023-01-01), on
//! this machine or, with `--remote`, on another one.
//!
//! There are two clients, which are not registered. An approval creates a client session that is bound to one role and
//! to the key with which the client redeemed its code (RFC 9449). A stolen refresh token is useless without the key.

mod authorize;
mod code;
pub mod dpop;
mod error;
mod proof;
mod refused;
mod token;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rolecall_wire::signin;
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::Serializer as Query;

use crate::access::RoleRequest;
use crate::audit::Journal;
use crate::aws::{Partition, WebIdentityIssuer};
use crate::base::secret::{RefreshToken, SecretDigest, SecretText};
use crate::base::{Clock, Entropy, limits};
use crate::caller::Flow;
use crate::clients::{Clients, CodeChallenge, RedirectUri};
use crate::entitlements::Entitlements;
use crate::issue::Issuer;
use crate::record::Records;
use crate::record::rate_limit::RateCounters;
use crate::session::{Approval, ClientName, ClientRules, Sessions};

pub use authorize::AllowLoginError;
pub use code::LoginCode;
pub use error::LoginError;

/// The service for `aws login`.
pub struct AwsLogins {
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) rates: Arc<RateCounters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) entitlements: Arc<Entitlements>,
    pub(crate) clients: Arc<Clients>,
    pub(crate) issuing: Arc<Issuer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) web_identity: Arc<dyn WebIdentityIssuer>,
    pub(crate) rules: ClientRules,
    pub(crate) public_url: Url,
    pub(crate) partition: Partition,
}

/// Redirect URI of the AWS CLI, on any port.
const CALLBACK: &str = "http://127.0.0.1/oauth/callback";

/// One of AWS's two clients (`clientId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginClient {
    /// `aws login`: the browser is on the same machine.
    SameDevice,
    /// `aws login --remote`: the browser can be on another machine, and the person copies the code.
    CrossDevice,
}

impl LoginClient {
    /// Both clients, for parsing.
    pub const ALL: [Self; 2] = [Self::SameDevice, Self::CrossDevice];

    /// `client_id`, a constant.
    pub fn id(self) -> &'static str {
        match self {
            Self::SameDevice => signin::SAME_DEVICE,
            Self::CrossDevice => signin::CROSS_DEVICE,
        }
    }

    /// The client with this ID.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.id() == id)
    }

    /// Name of the client in the list of client sessions.
    pub fn name(self) -> ClientName {
        ClientName::new(match self {
            Self::SameDevice => "aws login",
            Self::CrossDevice => "aws login --remote",
        })
    }

    /// Key of the client in records, in place of an ID. It differs from those of all registered clients.
    pub fn key(self) -> SecretDigest {
        SecretDigest::of("rolecall/login-client/v1", &[self.id().as_bytes()])
    }

    /// The flow for policies. A remote client could be anyone's, as in the device flow.
    pub fn flow(self) -> Flow {
        match self {
            Self::SameDevice => Flow::Code,
            Self::CrossDevice => Flow::Device,
        }
    }
}

/// The parameters of an authorization request, unvalidated.
#[derive(Clone, Debug, Default)]
pub struct LoginForm {
    /// `response_type`; must be `code`.
    pub response_type: String,
    /// `client_id`: an ARN of AWS, see [`LoginClient`].
    pub client_id: String,
    /// `redirect_uri`: a loopback URL, or the confirmation page.
    pub redirect_uri: String,
    /// `state`, returned unchanged.
    pub state: String,
    /// `scope`; must be `openid`.
    pub scope: String,
    /// `code_challenge_method`; must be `SHA-256`.
    pub code_challenge_method: String,
    /// `code_challenge` (RFC 7636 4.2).
    pub code_challenge: String,
}

/// The target of an authorization response.
#[derive(Clone, Debug)]
enum ResponseTarget {
    Loopback(RedirectUri),
    Confirmation,
}

/// A valid authorization request of `aws login`.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    client: LoginClient,
    response_target: ResponseTarget,
    redirect_uri: String,
    state: String,
    challenge: CodeChallenge,
}

/// Why an authorization request is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogin {
    /// `client_id` is unknown, or `redirect_uri` is not that of the client. The browser must not be redirected.
    #[error("this is not a request of `aws login`")]
    NoResponseTarget,
    /// Any other error. The browser is redirected to the client with it (RFC 6749 4.1.2.1).
    #[error("invalid request of `aws login`: {reason}")]
    Refused {
        /// What is invalid.
        reason: &'static str,
        /// Redirect URI of the client, with the error.
        answer: String,
    },
}

impl LoginRequest {
    /// Validates a request to the gateway at `public_url`.
    ///
    /// # Errors
    /// [`InvalidLogin`].
    pub fn parse(form: LoginForm, public_url: &Url) -> Result<Self, InvalidLogin> {
        let client = LoginClient::parse(&form.client_id).ok_or(InvalidLogin::NoResponseTarget)?;
        let response_target = match client {
            LoginClient::SameDevice => loopback(&form.redirect_uri),
            LoginClient::CrossDevice => confirmation(&form.redirect_uri, public_url),
        };
        let response_target = response_target.ok_or(InvalidLogin::NoResponseTarget)?;
        let visible = form.state.bytes().all(|b| (b' '..=b'~').contains(&b));
        let stated = (1..=limits::CLIENT_STATE_BYTES_MAX).contains(&form.state.len()) && visible;
        let refused = |error, reason, state| InvalidLogin::Refused {
            reason,
            answer: response_target.with(&[
                ("error", error),
                ("error_description", reason),
                ("state", state),
            ]),
        };
        if !stated {
            let reason = "state must have 1 to 512 visible characters";
            return Err(refused("invalid_request", reason, ""));
        }
        let refused = |error, reason| refused(error, reason, form.state.as_str());
        if form.response_type != "code" {
            let reason = "response_type must be code";
            return Err(refused("unsupported_response_type", reason));
        }
        if form.scope != signin::OPENID {
            return Err(refused("invalid_scope", "scope must be openid"));
        }
        // A plain challenge, or none, would let an observer of the request redeem the code (RFC 9700 2.1.1).
        let challenge = CodeChallenge::parse(&form.code_challenge).ok();
        let challenge = challenge.filter(|_| form.code_challenge_method == signin::SHA_256);
        let Some(challenge) = challenge else {
            let reason =
                "code_challenge_method must be SHA-256, with a code_challenge of 43 characters";
            return Err(refused("invalid_request", reason));
        };
        Ok(Self {
            client,
            response_target,
            redirect_uri: form.redirect_uri,
            state: form.state,
            challenge,
        })
    }

    /// The client that sent the request.
    pub fn client(&self) -> LoginClient {
        self.client
    }

    /// The redirect URI of a client on this machine, such as `http://127.0.0.1:33389/oauth/callback`.
    pub fn loopback_uri(&self) -> Option<&RedirectUri> {
        match &self.response_target {
            ResponseTarget::Loopback(uri) => Some(uri),
            ResponseTarget::Confirmation => None,
        }
    }

    /// The parameters of the request, for a form that submits it again.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let fixed = |text: &str| text.to_owned();
        vec![
            ("response_type", fixed("code")),
            ("client_id", fixed(self.client.id())),
            ("redirect_uri", self.redirect_uri.clone()),
            ("state", self.state.clone()),
            ("scope", fixed(signin::OPENID)),
            ("code_challenge_method", fixed(signin::SHA_256)),
            ("code_challenge", self.challenge.to_string()),
        ]
    }

    /// The URL to which the browser takes the code.
    pub(crate) fn answer(&self, code: &str) -> String {
        self.response_target
            .with(&[("code", code), ("state", &self.state)])
    }

    /// The URL to which the browser is redirected after a denial; `None` if no client listens.
    pub fn denial(&self) -> Option<String> {
        let no = [("error", "access_denied"), ("state", self.state.as_str())];
        self.loopback_uri().map(|_| self.response_target.with(&no))
    }

    pub(crate) fn issued_code(
        &self,
        role: RoleRequest,
        approval: Approval,
        now: DateTime<Utc>,
    ) -> LoginCode {
        let life = match self.client {
            LoginClient::SameDevice => limits::AUTHORIZATION_CODE_LIFE,
            LoginClient::CrossDevice => limits::CROSS_DEVICE_CODE_LIFE,
        };
        let until = approval.ends_at.min(now + life);
        LoginCode::new(self, (role, approval), until)
    }
}

impl ResponseTarget {
    fn with(&self, parameters: &[(&str, &str)]) -> String {
        let query = Query::new(String::new()).extend_pairs(parameters).finish();
        match self {
            Self::Loopback(uri) => uri.with_query(&query),
            Self::Confirmation => format!("{}?{query}", signin::path::CONFIRMATION),
        }
    }
}

fn loopback(redirect_uri: &str) -> Option<ResponseTarget> {
    let registered = RedirectUri::parse(CALLBACK).ok()?;
    let requested = RedirectUri::parse(redirect_uri).ok()?;
    registered
        .allows(&requested)
        .then_some(ResponseTarget::Loopback(requested))
}

fn confirmation(redirect_uri: &str, public_url: &Url) -> Option<ResponseTarget> {
    let own = public_url.join(signin::path::CONFIRMATION).ok()?;
    (own.as_str() == redirect_uri).then_some(ResponseTarget::Confirmation)
}

/// The parameters of the first token request (`CreateOAuth2Token`, `grantType` `authorization_code`).
#[derive(Clone, Debug)]
pub struct LoginExchange {
    /// `clientId`
    pub client: LoginClient,
    /// `code`, which the confirmation or the redirect contained.
    pub code: crate::base::secret::AuthorizationCode,
    /// `codeVerifier` (RFC 7636 4.1).
    pub code_verifier: SecretText,
    /// `redirectUri`; must be that of the authorization request.
    pub redirect_uri: String,
}

/// A request to the token endpoint (`CreateOAuth2Token`), by `grantType`.
#[derive(Clone, Debug)]
pub enum LoginTokenRequest {
    /// `authorization_code`
    Code(LoginExchange),
    /// `refresh_token`: `clientId` and `refreshToken`.
    Refresh(LoginClient, RefreshToken),
}

/// The response to a token request (`CreateOAuth2Token`).
#[derive(Debug)]
pub struct LoginTokens {
    /// `accessToken`: the AWS credentials.
    pub credentials: crate::aws::Credentials,
    /// `expiresIn` in seconds. AWS's clients support at most 900.
    pub expires_in: i64,
    /// `refreshToken` of the previous response.
    pub refresh_token: RefreshToken,
    /// `idToken`, only with the first credentials.
    pub id_token: Option<SecretText>,
}

#[cfg(test)]
mod tests;
