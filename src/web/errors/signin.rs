//! Errors of `signin`, the interface of `aws login`, under AWS's exception names, which its clients evaluate.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::aws::StsRefusal;
use rolecall_core::aws_login::LoginError;
use rolecall_core::issue::IssueError;
use rolecall_wire::signin::{self, ErrorBody, Exception};

use super::error_text::{ErrorText, Fault};
use super::request::RequestError;
use super::surface::ErrorResponse;
use crate::web::pages::format;

/// An error of CreateOAuth2Token.
#[derive(Debug, thiserror::Error)]
pub enum AwsSignInError {
    /// A member of the request is invalid, with the reason.
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    /// The code or token was rejected, or no credentials could be issued.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Rejected before the operation was handled.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl AwsSignInError {
    /// The `error` member of the body.
    pub fn error(&self) -> signin::ErrorCode {
        match self {
            Self::Login(LoginError::CodeUsed) => signin::ErrorCode::AuthCodeExpired,
            Self::Login(LoginError::SessionOver) => signin::ErrorCode::TokenExpired,
            Self::Login(LoginError::Issue(error)) if !is_limit(error) && !self.is_transient() => {
                signin::ErrorCode::InsufficientPermissions
            }
            Self::InvalidRequest(_) | Self::Login(_) | Self::Request(_) => {
                match self.error_text().status.is_server_error() {
                    true => signin::ErrorCode::ServerError,
                    false => signin::ErrorCode::InvalidRequest,
                }
            }
        }
    }

    /// The exception in AWS's model.
    pub fn exception(&self) -> Exception {
        match self.error_text().status.as_u16() {
            401 | 403 => Exception::AccessDenied,
            429 => Exception::TooManyRequests,
            500.. => Exception::InternalServer,
            _ => Exception::Validation,
        }
    }

    /// Its status, code and texts.
    pub fn error_text(&self) -> ErrorText {
        let error_text = match self {
            Self::InvalidRequest(message) => invalid_request(message),
            Self::Login(error) => of_login(error),
            Self::Request(error) => error.text_for_aws_client(),
        };
        // AWS's model has no other server error.
        match error_text.status.is_server_error() {
            true => ErrorText {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..error_text
            },
            false => error_text,
        }
    }

    /// The response in AWS's format.
    pub fn to_response(&self) -> ErrorResponse {
        let error_text = self.error_text();
        let message = error_text.full_text();
        let body = ErrorBody {
            error: self.error(),
            message: message.into(),
        };
        ErrorResponse::of_aws(self.exception().name(), &body, error_text)
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Login(error) => error.is_transient(),
            Self::InvalidRequest(_) | Self::Request(_) => false,
        }
    }
}

fn is_limit(error: &IssueError) -> bool {
    matches!(error, IssueError::RateLimited(_))
}

fn refused(status: StatusCode, code: &'static str, message: &str) -> ErrorText {
    ErrorText::new(status, Fault::Caller, code, message)
}

fn invalid_request(message: &str) -> ErrorText {
    refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
}

fn of_login(error: &LoginError) -> ErrorText {
    let again = |code| {
        refused(
            StatusCode::UNAUTHORIZED,
            code,
            &format::sentence(&error.to_string()),
        )
        .hint("Run `aws login`.")
        .detail(error.code())
    };
    let overwrite = |error_text: ErrorText, status, code| ErrorText {
        status,
        code: super::code::ErrorCode::new(code),
        ..error_text
    };
    match error {
        LoginError::Proof(_) | LoginError::OtherRequest => {
            invalid_request(&format::sentence(&error.to_string())).detail(error.code())
        }
        LoginError::CodeUsed => again("AUTHCODE_EXPIRED"),
        LoginError::SessionOver => again("TOKEN_EXPIRED"),
        LoginError::RateLimited(exceeded)
        | LoginError::Issue(IssueError::RateLimited(exceeded)) => exceeded.into(),
        LoginError::Issue(refused) => {
            let throttled = matches!(refused, IssueError::Refused(refused) if refused.refusal == StsRefusal::Throttled);
            let (status, code) = match error.is_transient() {
                true if throttled => (StatusCode::TOO_MANY_REQUESTS, "INVALID_REQUEST"),
                true => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
                false => (StatusCode::FORBIDDEN, "INSUFFICIENT_PERMISSIONS"),
            };
            overwrite(refused.into(), status, code)
        }
        LoginError::Unavailable(error) => overwrite(
            error.into(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
        ),
    }
}

impl ResponseError for AwsSignInError {
    fn status_code(&self) -> StatusCode {
        self.error_text().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
