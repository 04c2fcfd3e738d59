//! `signin` (AWS Sign-In, 2023-01-01): the interface of `aws login`. An authorization code for one of two well-known clients
//! (RFC 6749, RFC 7636), and credentials that are bound to a key (DPoP, RFC 9449).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::secret::Secret;

/// `client_id` of `aws login`, with a browser on the same machine.
pub const SAME_DEVICE: &str = "arn:aws:signin:::devtools/same-device";
/// `client_id` of `aws login --remote`: the user copies the code from the browser to the terminal.
pub const CROSS_DEVICE: &str = "arn:aws:signin:::devtools/cross-device";
/// The only `scope`.
pub const OPENID: &str = "openid";
/// The only `code_challenge_method`.
pub const SHA_256: &str = "SHA-256";
/// The only `tokenType`: the access token consists of credentials that sign requests.
pub const AWS_SIGV4: &str = "aws_sigv4";
/// The largest `expiresIn`, in seconds.
pub const EXPIRES_IN_MAX: i64 = 900;
/// Header of the DPoP proof (RFC 9449 4.1), in lower case.
pub const DPOP: &str = "dpop";

/// Paths of the operations.
pub mod path {
    /// The authorization endpoint, which is opened in a browser. It is not in AWS's service model.
    pub const AUTHORIZE: &str = "/v1/authorize";
    /// The page that shows the code of `aws login --remote`.
    pub const CONFIRMATION: &str = "/v1/sessions/confirmation";
    /// `CreateOAuth2Token`, `POST`.
    pub const CREATE_OAUTH2_TOKEN: &str = "/v1/token";
}

/// Values of `grantType`.
pub mod grant {
    pub use crate::sso_oidc::grant::{AUTHORIZATION_CODE, REFRESH_TOKEN};
}

/// Query of the authorization endpoint, in the order of the AWS CLI. An empty parameter is treated as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    /// `code`.
    pub response_type: String,
    /// [`SAME_DEVICE`] or [`CROSS_DEVICE`].
    pub client_id: String,
    /// Returned with the code.
    pub state: String,
    /// [`SHA_256`].
    pub code_challenge_method: String,
    /// [`OPENID`].
    pub scope: String,
    /// Address of the client's listener, or [`path::CONFIRMATION`].
    pub redirect_uri: String,
    /// SHA-256 of the code verifier, in base64url.
    pub code_challenge: String,
}

/// Body of `CreateOAuth2Token`. The required members depend on the grant type. A member that is not a string is treated as
/// absent, so that members that are not required can have any type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateOAuth2TokenRequestBody {
    /// [`SAME_DEVICE`] or [`CROSS_DEVICE`].
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// One of [`grant`].
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// Code from the authorization endpoint.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub code: Option<Secret>,
    /// Redirect URI of the authorization request.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Code verifier (RFC 7636 4.5).
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<Secret>,
    /// Refresh token from `CreateOAuth2Token`.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// Deserializes a string; `None` for other types.
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

/// Response of `CreateOAuth2Token`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOAuth2TokenResponseBody<'a> {
    /// Temporary credentials, in place of a token.
    pub access_token: AccessToken<'a>,
    /// [`AWS_SIGV4`].
    pub token_type: Cow<'a, str>,
    /// Time until the next refresh in seconds, at most [`EXPIRES_IN_MAX`]. The credentials can be valid for longer.
    pub expires_in: i64,
    /// Replaces the previous refresh token.
    pub refresh_token: Secret,
    /// A JWT with an ARN as `sub`; only in the first response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
}

/// Temporary credentials of the chosen role, as `accessToken`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken<'a> {
    /// `AccessKeyId` from STS.
    pub access_key_id: Cow<'a, str>,
    /// `SecretAccessKey` from STS.
    pub secret_access_key: Secret,
    /// `SessionToken` from STS.
    pub session_token: Secret,
}

/// Exceptions, which are named in [`http::ERROR_TYPE`](crate::http::ERROR_TYPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The code, the token or the role is rejected; [`ErrorCode`] has the reason.
    AccessDenied,
    /// Unavailable or internal error. The status is 500.
    InternalServer,
    /// A rate limit of the gateway or of STS was exceeded.
    TooManyRequests,
    /// The request is malformed, or a member is not valid.
    Validation,
}

impl Exception {
    /// Name in AWS's service model.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::InternalServer => "InternalServerException",
            Self::TooManyRequests => "TooManyRequestsError",
            Self::Validation => "ValidationException",
        }
    }
}

/// Values of `error` (`OAuth2ErrorCode`), which clients evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The code is unknown, used or expired. Status 401.
    #[serde(rename = "AUTHCODE_EXPIRED")]
    AuthCodeExpired,
    /// The session of the refresh token has ended. Status 401.
    TokenExpired,
    /// The user is not permitted to use the role. Status 403.
    InsufficientPermissions,
    /// Other errors of the client, including rate limits.
    InvalidRequest,
    /// Unavailable or internal error. AWS uses lower case.
    #[serde(rename = "server_error")]
    ServerError,
}

/// Body of an error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// Code that the clients evaluate.
    pub error: ErrorCode,
    /// What happened and what to do. Clients show it to the user.
    pub message: Cow<'a, str>,
}

#[cfg(test)]
mod tests;
