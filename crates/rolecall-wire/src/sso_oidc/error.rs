//! Errors: AWS's exceptions with the error codes of RFC 6749 5.2, RFC 7591 3.2.2 and RFC 8628 3.5.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Exceptions, which are named in [`http::ERROR_TYPE`](crate::http::ERROR_TYPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The user denied access.
    AccessDenied,
    /// The user has not responded yet.
    AuthorizationPending,
    /// The device code has expired.
    ExpiredToken,
    /// Unavailable or internal error.
    InternalServer,
    /// Unknown client, or wrong secret.
    InvalidClient,
    /// The registration is not valid.
    InvalidClientMetadata,
    /// The code or token is not valid or has expired.
    InvalidGrant,
    /// The redirect URI is not permitted.
    InvalidRedirectUri,
    /// The request is malformed, or a member is missing.
    InvalidRequest,
    /// The scope is not supported.
    InvalidScope,
    /// Too many requests.
    SlowDown,
    /// The client is not registered for this grant type, or it is disabled.
    UnauthorizedClient,
    /// The grant type is not supported.
    UnsupportedGrantType,
}

impl Exception {
    /// Name in AWS's service model.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::AuthorizationPending => "AuthorizationPendingException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::InternalServer => "InternalServerException",
            Self::InvalidClient => "InvalidClientException",
            Self::InvalidClientMetadata => "InvalidClientMetadataException",
            Self::InvalidGrant => "InvalidGrantException",
            Self::InvalidRedirectUri => "InvalidRedirectUriException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::InvalidScope => "InvalidScopeException",
            Self::SlowDown => "SlowDownException",
            Self::UnauthorizedClient => "UnauthorizedClientException",
            Self::UnsupportedGrantType => "UnsupportedGrantTypeException",
        }
    }

    /// Error code in the RFCs.
    pub fn error(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::ExpiredToken => "expired_token",
            Self::InternalServer => "server_error",
            Self::InvalidClient => "invalid_client",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::SlowDown => "slow_down",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }

    /// The body of this error. `description` states what happened and what to do; clients show it to the user.
    pub fn body<'a>(self, description: impl Into<Cow<'a, str>>) -> ErrorBody<'a> {
        ErrorBody {
            error: self.error().into(),
            error_description: description.into(),
        }
    }
}

/// Body of an error response (RFC 6749 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// [`Exception::error`].
    pub error: Cow<'a, str>,
    /// What happened and what to do.
    pub error_description: Cow<'a, str>,
}
