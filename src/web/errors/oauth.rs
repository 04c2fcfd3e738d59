//! Errors of `sso-oidc`, under AWS's exception names and the error codes of RFC 6749 5.2, RFC 7591 3.2.2 and RFC 8628 3.5.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::clients::{DeviceError, InvalidRegistration, TokenError};
use rolecall_core::record::rate_limit::LimitExceeded;
use rolecall_wire::sso_oidc::Exception;

use super::code::{Coded, ErrorCode};
use super::error_text::{ErrorText, Fault};
use super::request::RequestError;
use super::surface::ErrorResponse;

/// An error of an `sso-oidc` operation.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The body is neither JSON nor a form, or a member is repeated.
    #[error(
        "The request body could not be read. It must be JSON or form-encoded, and each member may occur only once."
    )]
    UnreadableBody,
    /// A required member is missing.
    #[error("{0} is missing.")]
    MissingMember(&'static str),
    /// `grantType` is not supported.
    #[error("This grant type is not supported.")]
    UnsupportedGrantType,
    /// The client is not registered, or the token request was rejected.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The client registration is invalid.
    #[error(transparent)]
    Registration(#[from] InvalidRegistration),
    /// The device authorization was not started.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Too many registrations from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Rejected before the operation was handled.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl OAuthError {
    /// The exception in AWS's model.
    pub fn exception(&self) -> Exception {
        match self {
            Self::UnreadableBody | Self::MissingMember(_) => Exception::InvalidRequest,
            Self::UnsupportedGrantType => Exception::UnsupportedGrantType,
            Self::Token(error) => of_token(error),
            Self::Registration(error) => of_registration(error),
            Self::Device(error) => of_device(error),
            Self::RateLimited(_) => Exception::SlowDown,
            Self::Request(error) => of_status(error.error_text().status),
        }
    }

    /// Its status, code and texts.
    pub fn error_text(&self) -> ErrorText {
        let refused = |code| {
            let status = if self.exception() == Exception::InvalidClient {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            ErrorText::new(status, Fault::Caller, code, self.to_string())
        };
        match self {
            Self::RateLimited(exceeded) | Self::Device(DeviceError::TooMany(exceeded)) => {
                exceeded.into()
            }
            Self::Token(TokenError::Unavailable(error))
            | Self::Device(DeviceError::Unavailable(error)) => error.into(),
            Self::Request(error) => error.text_for_aws_client(),
            Self::Token(_) => refused(self.exception().error()),
            Self::UnreadableBody
            | Self::MissingMember(_)
            | Self::UnsupportedGrantType
            | Self::Registration(_)
            | Self::Device(DeviceError::Off | DeviceError::StartUrl(_)) => {
                refused("client_refused")
            }
        }
    }

    /// The response in AWS's format.
    pub fn to_response(&self) -> ErrorResponse {
        let (exception, error_text) = (self.exception(), self.error_text());
        let body = exception.body(error_text.full_text());
        ErrorResponse::of_aws(exception.name(), &body, error_text)
    }
}

fn of_token(error: &TokenError) -> Exception {
    match error {
        TokenError::InvalidClient => Exception::InvalidClient,
        TokenError::UnauthorizedClient => Exception::UnauthorizedClient,
        TokenError::InvalidGrant | TokenError::Reused => Exception::InvalidGrant,
        TokenError::AuthorizationPending => Exception::AuthorizationPending,
        TokenError::SlowDown => Exception::SlowDown,
        TokenError::AccessDenied => Exception::AccessDenied,
        TokenError::ExpiredToken => Exception::ExpiredToken,
        TokenError::Unavailable(_) => Exception::InternalServer,
    }
}

fn of_registration(error: &InvalidRegistration) -> Exception {
    match error {
        InvalidRegistration::ClientType | InvalidRegistration::TooLarge => {
            Exception::InvalidClientMetadata
        }
        InvalidRegistration::Scope => Exception::InvalidScope,
        InvalidRegistration::GrantType => Exception::UnsupportedGrantType,
        InvalidRegistration::RedirectUri(_) => Exception::InvalidRedirectUri,
        InvalidRegistration::StartUrl(_) => Exception::InvalidRequest,
    }
}

fn of_device(error: &DeviceError) -> Exception {
    match error {
        DeviceError::Off => Exception::UnauthorizedClient,
        DeviceError::StartUrl(_) => Exception::InvalidRequest,
        DeviceError::TooMany(_) => Exception::SlowDown,
        DeviceError::Unavailable(_) => Exception::InternalServer,
    }
}

/// The exception of AWS's servers for this status.
fn of_status(status: StatusCode) -> Exception {
    match status.as_u16() {
        401 => Exception::InvalidClient,
        403 => Exception::AccessDenied,
        429 => Exception::SlowDown,
        500.. => Exception::InternalServer,
        _ => Exception::InvalidRequest,
    }
}

impl Coded for OAuthError {
    fn code(&self) -> ErrorCode {
        self.error_text().code
    }
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        self.error_text().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
