//! `signin` (AWS Sign-In, 2023-01-01): what `aws login` speaks. An authorization code for one of two clients that are the
//! same for everybody (RFC 6749, RFC 7636), and credentials for the key that proves itself (DPoP, RFC 9449).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::secret::Secret;

/// `client_id` of `aws login`: the browser is on the same machine.
pub const SAME_DEVICE: &str = "arn:aws:signin:::devtools/same-device";
/// `client_id` of `aws login --remote`: the person carries the code from the browser to the terminal.
pub const CROSS_DEVICE: &str = "arn:aws:signin:::devtools/cross-device";
/// The only `scope`.
pub const OPENID: &str = "openid";
/// The only `code_challenge_method`.
pub const SHA_256: &str = "SHA-256";
/// The only `tokenType`: what is called an access token are credentials to sign requests with.
pub const AWS_SIGV4: &str = "aws_sigv4";
/// The largest `expiresIn`, in seconds.
pub const EXPIRES_IN_MAX: i64 = 900;
/// The header of the proof (RFC 9449 4.1), in lower case.
pub const DPOP: &str = "dpop";

/// Where each operation is.
pub mod path {
    /// The authorization endpoint, opened in a browser. AWS's model lacks it.
    pub const AUTHORIZE: &str = "/v1/authorize";
    /// Where the browser of `aws login --remote` shows the code.
    pub const CONFIRMATION: &str = "/v1/sessions/confirmation";
    /// CreateOAuth2Token, `POST`.
    pub const CREATE_OAUTH2_TOKEN: &str = "/v1/token";
}

/// `grantType`
pub mod grant {
    pub use crate::sso_oidc::grant::{AUTHORIZATION_CODE, REFRESH_TOKEN};
}

/// The query of the authorization endpoint, in the order of the AWS CLI. An empty parameter counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    /// `code`
    pub response_type: String,
    /// [`SAME_DEVICE`] or [`CROSS_DEVICE`]
    pub client_id: String,
    /// Given back with the code.
    pub state: String,
    /// [`SHA_256`]
    pub code_challenge_method: String,
    /// [`OPENID`]
    pub scope: String,
    /// Where the client listens, or [`path::CONFIRMATION`].
    pub redirect_uri: String,
    /// SHA-256 of the verifier, in base64url.
    pub code_challenge: String,
}

/// The body of CreateOAuth2Token. The grant type says which of the other members it needs; what is not a string counts as
/// absent, so that a member that is not needed may be anything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateOAuth2TokenRequestBody {
    /// [`SAME_DEVICE`] or [`CROSS_DEVICE`]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// One of [`grant`].
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// From the authorization endpoint.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub code: Option<Secret>,
    /// Where the code was sent.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The text whose SHA-256 was the challenge (RFC 7636 4.5).
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<Secret>,
    /// From CreateOAuth2Token.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// A string, if it is one.
fn text<'de, D: Deserializer<'de>, T: From<String>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text.into()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    })
}

/// The answer of CreateOAuth2Token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOAuth2TokenResponseBody<'a> {
    /// The credentials.
    pub access_token: AccessToken<'a>,
    /// [`AWS_SIGV4`]
    pub token_type: Cow<'a, str>,
    /// When to come back, in seconds, at most [`EXPIRES_IN_MAX`]. The credentials may last longer.
    pub expires_in: i64,
    /// Takes the place of the token before.
    pub refresh_token: Secret,
    /// A JWT whose `sub` is an ARN; with the first credentials only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
}

/// Temporary credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken<'a> {
    /// `AccessKeyId` of STS.
    pub access_key_id: Cow<'a, str>,
    /// `SecretAccessKey` of STS.
    pub secret_access_key: Secret,
    /// `SessionToken` of STS.
    pub session_token: Secret,
}

/// What [`http::ERROR_TYPE`](crate::http::ERROR_TYPE) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// Nothing for this code, token or role; [`ErrorCode`] says why.
    AccessDenied,
    /// An outage. Its status is 500.
    InternalServer,
    /// A rate limit was reached, here or at STS.
    TooManyRequests,
    /// The request cannot be read, or a member of it is wrong.
    Validation,
}

impl Exception {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::InternalServer => "InternalServerException",
            Self::TooManyRequests => "TooManyRequestsError",
            Self::Validation => "ValidationException",
        }
    }
}

/// `error` (`OAuth2ErrorCode`). Clients act upon it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The code is unknown, used or expired. Status 401.
    #[serde(rename = "AUTHCODE_EXPIRED")]
    AuthCodeExpired,
    /// The refresh token opens no session. Status 401.
    TokenExpired,
    /// The person may not use the role now. Status 403.
    InsufficientPermissions,
    /// Everything else that is the request's fault, a rate limit too.
    InvalidRequest,
    /// An outage. AWS writes it in lower case.
    #[serde(rename = "server_error")]
    ServerError,
}

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// Which.
    pub error: ErrorCode,
    /// What happened and what to do. Clients print it.
    pub message: Cow<'a, str>,
}

#[cfg(test)]
mod tests;
