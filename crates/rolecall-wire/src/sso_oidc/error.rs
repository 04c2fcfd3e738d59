//! Errors: AWS's exceptions, and the words of RFC 6749 5.2, RFC 7591 3.2.2 and RFC 8628 3.5 for them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What [`http::ERROR_TYPE`](crate::http::ERROR_TYPE) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The person said no.
    AccessDenied,
    /// The person has not answered yet.
    AuthorizationPending,
    /// The device code has expired.
    ExpiredToken,
    /// An outage.
    InternalServer,
    /// No such client, or not with this secret.
    InvalidClient,
    /// A registration that is not taken.
    InvalidClientMetadata,
    /// A code or a token that is not good, or no longer.
    InvalidGrant,
    /// A redirect URI that is not taken.
    InvalidRedirectUri,
    /// The request cannot be read, or lacks a member.
    InvalidRequest,
    /// A scope that is not taken.
    InvalidScope,
    /// Too many requests.
    SlowDown,
    /// The client did not register for this grant type, or it is switched off.
    UnauthorizedClient,
    /// No such grant type.
    UnsupportedGrantType,
}

impl Exception {
    /// AWS's name.
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

    /// The RFCs' name.
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

    /// The body of this error. The description says what happened and what to do; clients print it.
    pub fn body<'a>(self, description: impl Into<Cow<'a, str>>) -> ErrorBody<'a> {
        ErrorBody {
            error: self.error().into(),
            error_description: description.into(),
        }
    }
}

/// The body of an error (RFC 6749 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody<'a> {
    /// [`Exception::error`]
    pub error: Cow<'a, str>,
    /// What happened and what to do.
    pub error_description: Cow<'a, str>,
}
