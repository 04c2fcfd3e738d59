//! Errors of `signin`, the interface behind `aws login`, under AWS's names: its clients act upon them.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::aws::StsRefusal;
use rolecall_core::aws_login::LoginError;
use rolecall_core::issue::IssueError;
use rolecall_wire::signin::{self, ErrorBody, Exception};

use super::explanation::{Explanation, Fault};
use super::request::RequestError;
use super::surface::Answer;

/// Why CreateOAuth2Token was refused.
#[derive(Debug, thiserror::Error)]
pub enum AwsSignInError {
    /// A member of the request is wrong: which, and why.
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    /// No credentials for this code or token.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Refused before the operation was looked at.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl AwsSignInError {
    /// `error` of the body.
    pub fn error(&self) -> signin::ErrorCode {
        match self {
            Self::Login(LoginError::CodeSpent) => signin::ErrorCode::AuthCodeExpired,
            Self::Login(LoginError::SessionOver) => signin::ErrorCode::TokenExpired,
            Self::Login(LoginError::Issue(error)) if !is_limit(error) && !self.is_transient() => {
                signin::ErrorCode::InsufficientPermissions
            }
            Self::InvalidRequest(_) | Self::Login(_) | Self::Request(_) => {
                match self.explanation().status.is_server_error() {
                    true => signin::ErrorCode::ServerError,
                    false => signin::ErrorCode::InvalidRequest,
                }
            }
        }
    }

    /// AWS's name.
    pub fn exception(&self) -> Exception {
        match self.explanation().status.as_u16() {
            401 | 403 => Exception::AccessDenied,
            429 => Exception::TooManyRequests,
            500.. => Exception::InternalServer,
            _ => Exception::Validation,
        }
    }

    /// What there is to say about it.
    pub fn explanation(&self) -> Explanation {
        let explanation = match self {
            Self::InvalidRequest(message) => invalid_request(message),
            Self::Login(error) => of_login(error),
            Self::Request(error) => error.explanation(),
        };
        // AWS's model knows no other.
        match explanation.status.is_server_error() {
            true => Explanation {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..explanation
            },
            false => explanation,
        }
    }

    /// The error as AWS's servers write it.
    pub fn answer(&self) -> Answer {
        let explanation = self.explanation();
        let message = explanation.text();
        let body = ErrorBody {
            error: self.error(),
            message: message.into(),
        };
        Answer::of_aws(self.exception().name(), &body, explanation)
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

fn refused(status: StatusCode, code: &'static str, message: &str) -> Explanation {
    Explanation::new(status, Fault::Caller, code, message)
}

fn invalid_request(message: &str) -> Explanation {
    refused(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
}

fn of_login(error: &LoginError) -> Explanation {
    let again = |code| {
        refused(StatusCode::UNAUTHORIZED, code, &error.to_string())
            .hint("Run `aws login`.")
            .detail(error.code())
    };
    let overwrite = |explanation: Explanation, status, code| Explanation {
        status,
        code: super::code::ErrorCode::new(code),
        ..explanation
    };
    match error {
        LoginError::Proof(_) | LoginError::OtherRequest => {
            invalid_request(&error.to_string()).detail(error.code())
        }
        LoginError::CodeSpent => again("AUTHCODE_EXPIRED"),
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
        self.explanation().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
