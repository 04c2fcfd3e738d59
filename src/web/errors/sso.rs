//! Errors of `sso`, the portal's interface, under AWS's names.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::access::Remediation;
use rolecall_core::issue::IssueError;
use rolecall_core::record::StoreError;
use rolecall_wire::sso::Exception;

use super::explanation::{Explanation, Fault};
use super::request::RequestError;
use super::surface::Answer;
use crate::web::pages::format;

/// Why an operation of `sso` was refused.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// The header of the access token did not arrive, or is there twice. AWS's clients take `UnauthorizedException` for a
    /// session that has expired and hide the message; signing in again does not help here, so they get the exception that
    /// they print.
    #[error("the request carries no access token")]
    NoAccessToken {
        /// Whether a header arrived that is not one token.
        unreadable: bool,
    },
    /// The access token was not issued here, as when `AWS_ENDPOINT_URL_SSO` leads a profile of another portal here. One of
    /// AWS's own is good there, so its client must not say that it has expired.
    #[error("the access token was not issued here")]
    ForeignAccessToken {
        /// Our own origin.
        origin: String,
        /// Whether it looks like one of AWS IAM Identity Center.
        of_aws: bool,
    },
    /// The access token opens no session: clients forget it and tell their person to sign in.
    #[error("the session has ended")]
    SessionEnded,
    /// A parameter is not valid: which, and why.
    #[error("{0}")]
    InvalidParameter(Cow<'static, str>),
    /// Today's policy grants no such role, or not now: what is missing, and what to do.
    #[error("{message}")]
    Forbidden {
        /// The code.
        code: &'static str,
        /// What is missing.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// No credentials for another reason.
    #[error(transparent)]
    Issue(IssueError),
    /// Our own store.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
    /// Refused before the operation was looked at.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// A role that was asked for, and where its person finds help.
pub struct AskedRole<'a> {
    /// As the client sent it.
    pub account_id: &'a str,
    /// As the client sent it.
    pub role_name: &'a str,
    /// Our own origin.
    pub origin: &'a str,
    /// Whom to ask for access.
    pub contact: Option<&'a str>,
}

impl SsoError {
    /// Why there are no credentials, for somebody who sees nothing but this text.
    pub fn of_issue(error: IssueError, asked: &AskedRole<'_>) -> Self {
        let AskedRole {
            account_id,
            role_name,
            origin,
            contact,
        } = asked;
        match error {
            IssueError::SessionEnded => Self::SessionEnded,
            IssueError::NotGranted => Self::Forbidden {
                code: "not_granted",
                message: format!(
                    "No access: you have no role {role_name} in account {account_id} today."
                ),
                hint: format!(
                    "See what you have at {origin}/ and ask {} for more.",
                    contact.unwrap_or("your administrator")
                ),
            },
            IssueError::Locked { unmet, owners } => Self::Forbidden {
                code: "condition",
                message: format!(
                    "No access now: {role_name} in account {account_id} {}.",
                    format::all_of(&unmet)
                ),
                hint: what_to_do(origin, Remediation::of(&unmet), &owners),
            },
            // Explained as on every surface.
            other @ (IssueError::Attributes(_)
            | IssueError::AtProvider { .. }
            | IssueError::Mismatch(_)
            | IssueError::Token(_)
            | IssueError::Refused(_)
            | IssueError::StsUnavailable(_)
            | IssueError::StsUnanswered { .. }
            | IssueError::Console(_)
            | IssueError::RateLimited(_)
            | IssueError::Unavailable(_)) => Self::Issue(other),
        }
    }

    /// AWS's name.
    pub fn exception(&self) -> Exception {
        match self {
            Self::NoAccessToken { .. }
            | Self::ForeignAccessToken { of_aws: true, .. }
            | Self::InvalidParameter(_) => Exception::InvalidRequest,
            Self::ForeignAccessToken { of_aws: false, .. } | Self::SessionEnded => {
                Exception::Unauthorized
            }
            Self::Forbidden { .. } => Exception::Forbidden,
            Self::Issue(_) | Self::Unavailable(_) | Self::Request(_) => {
                of_status(self.explanation().status)
            }
        }
    }

    /// What there is to say about it.
    pub fn explanation(&self) -> Explanation {
        match self {
            Self::NoAccessToken { unreadable } => no_access_token(*unreadable),
            Self::ForeignAccessToken { origin, of_aws } => foreign_access_token(origin, *of_aws),
            Self::SessionEnded => {
                unauthorized("unauthorized", "Session token not found or invalid.")
                    .hint("Run `aws sso login`.")
            }
            Self::InvalidParameter(message) => Explanation::new(
                StatusCode::BAD_REQUEST,
                Fault::Caller,
                "bad_request",
                message.as_ref(),
            ),
            Self::Forbidden {
                code,
                message,
                hint,
            } => Explanation::new(StatusCode::FORBIDDEN, Fault::Caller, code, message).hint(hint),
            Self::Issue(error) => error.into(),
            Self::Unavailable(error) => error.into(),
            Self::Request(error) => error.explanation(),
        }
    }

    /// The error as AWS's servers write it.
    pub fn answer(&self) -> Answer {
        let (exception, explanation) = (self.exception(), self.explanation());
        let body = exception.body(explanation.text());
        Answer::of_aws(exception.name(), &body, explanation)
    }
}

/// What to do about a role that other circumstances would open.
fn what_to_do(origin: &str, remediation: Option<Remediation>, owners: &[String]) -> String {
    let first = match remediation {
        Some(Remediation::SignInAgain { .. }) => {
            format!("Sign in again at {origin}/ and then run `aws sso login`")
        }
        Some(Remediation::BrowserOnSameMachine) => {
            "Run `aws sso login` on a machine with a browser, without --use-device-code".to_owned()
        }
        None => format!("See {origin}/"),
    };
    match owners {
        [] => format!("{first}."),
        owners => format!("{first}, or ask {}.", owners.join(" or ")),
    }
}

/// What AWS's model, or where it is silent its servers, call an error of this status.
fn of_status(status: StatusCode) -> Exception {
    match status.as_u16() {
        401 => Exception::Unauthorized,
        403 => Exception::Forbidden,
        429 => Exception::TooManyRequests,
        500.. => Exception::InternalServer,
        _ => Exception::InvalidRequest,
    }
}

fn unauthorized(code: &'static str, message: impl Into<String>) -> Explanation {
    Explanation::new(StatusCode::UNAUTHORIZED, Fault::Caller, code, message)
}

fn no_access_token(unreadable: bool) -> Explanation {
    let (message, detail) = if unreadable {
        (
            "The header x-amz-sso_bearer_token is not one access token.",
            "x-amz-sso_bearer_token is repeated or unreadable",
        )
    } else {
        (
            "The header x-amz-sso_bearer_token did not arrive.",
            "x-amz-sso_bearer_token did not arrive: a proxy may drop header names with underscores (nginx: underscores_in_headers on)",
        )
    };
    unauthorized("no_access_token", message)
        .hint("A reverse proxy in front of Rolecall may drop header names with underscores: nginx needs `underscores_in_headers on;`. Tell your administrator.")
        .detail(detail)
}

fn foreign_access_token(origin: &str, of_aws: bool) -> Explanation {
    let message = format!("This access token was not issued by Rolecall at {origin}.");
    let refused = unauthorized("foreign_access_token", message);
    if of_aws {
        refused
            .hint("It looks like one of AWS IAM Identity Center. For such a profile, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC, which lead every profile here.")
            .detail("the access token looks like one of AWS IAM Identity Center")
    } else {
        refused
            .hint("Run `aws sso login`. If the profile is of another portal, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC.")
            .detail("the access token does not have the form of ours")
    }
}

impl ResponseError for SsoError {
    fn status_code(&self) -> StatusCode {
        self.explanation().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
