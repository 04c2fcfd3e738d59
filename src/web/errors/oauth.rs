//! Errors of `sso-oidc`, under AWS's names and those of RFC 6749 5.2, RFC 7591 3.2.2 and RFC 8628 3.5.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::clients::{DeviceError, InvalidRegistration, TokenError};
use rolecall_core::record::rate_limit::LimitExceeded;
use rolecall_wire::sso_oidc::Exception;

use super::code::{Coded, ErrorCode};
use super::explanation::{Explanation, Fault};
use super::request::RequestError;
use super::surface::Answer;

/// Why an operation of `sso-oidc` was refused.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The body is neither JSON nor a form, or has a member twice.
    #[error("The body could not be read: it is JSON, or a form, with each member once.")]
    UnreadableBody,
    /// A member that the operation needs.
    #[error("{0} is missing.")]
    MissingMember(&'static str),
    /// `grantType` is none that is known here.
    #[error("This grant type is not supported.")]
    UnsupportedGrantType,
    /// A client that is not registered, or a token that it does not get.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A registration that is not taken.
    #[error(transparent)]
    Registration(#[from] InvalidRegistration),
    /// A device authorization that was not started.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Too many registrations from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Refused before the operation was looked at.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl OAuthError {
    /// AWS's name.
    pub fn exception(&self) -> Exception {
        match self {
            Self::UnreadableBody | Self::MissingMember(_) => Exception::InvalidRequest,
            Self::UnsupportedGrantType => Exception::UnsupportedGrantType,
            Self::Token(error) => of_token(error),
            Self::Registration(error) => of_registration(error),
            Self::Device(error) => of_device(error),
            Self::RateLimited(_) => Exception::SlowDown,
            Self::Request(error) => of_status(error.explanation().status),
        }
    }

    /// What there is to say about it.
    pub fn explanation(&self) -> Explanation {
        let refused = |code| {
            let status = if self.exception() == Exception::InvalidClient {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            Explanation::new(status, Fault::Caller, code, self.to_string())
        };
        match self {
            Self::RateLimited(exceeded) | Self::Device(DeviceError::TooMany(exceeded)) => {
                exceeded.into()
            }
            Self::Token(TokenError::Unavailable(error))
            | Self::Device(DeviceError::Unavailable(error)) => error.into(),
            Self::Request(error) => error.explanation(),
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

    /// The error as AWS's servers write it.
    pub fn answer(&self) -> Answer {
        let (exception, explanation) = (self.exception(), self.explanation());
        let body = exception.body(explanation.text());
        Answer::of_aws(exception.name(), &body, explanation)
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

/// What AWS's servers call an error of this status.
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
        self.explanation().code
    }
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        self.explanation().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
