//! Errors of `sso`, the portal interface, under AWS's exception names.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::access::{Remediation, Unmet};
use rolecall_core::entitlements::FactsUnavailable;
use rolecall_core::issue::{IdTokenError, IssueError};
use rolecall_core::record::StoreError;
use rolecall_wire::sso::Exception;

use super::error_text::{ErrorText, Fault};
use super::request::RequestError;
use super::surface::ErrorResponse;
use crate::web::pages::format;

/// An error of an `sso` operation.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// The access token header is missing or repeated. AWS clients interpret `UnauthorizedException` as an expired session
    /// and hide the message. Signing in again does not help here, so the exception is one whose message they print.
    #[error("the request carries no access token")]
    NoAccessToken {
        /// Whether the header is present but does not contain exactly one token.
        unreadable: bool,
    },
    /// The access token was not issued by this gateway, for example because `AWS_ENDPOINT_URL_SSO` redirects a profile of
    /// another portal. A token of AWS remains valid at AWS, so its client must not report that it has expired.
    #[error("the access token was not issued here")]
    ForeignAccessToken {
        /// The origin of this gateway.
        origin: String,
        /// Whether it appears to be a token of AWS IAM Identity Center.
        of_aws: bool,
    },
    /// The access token belongs to no active session. Clients discard it and ask the user to sign in.
    #[error("the session has ended")]
    SessionEnded,
    /// A parameter is invalid, with the reason.
    #[error("{0}")]
    InvalidParameter(Cow<'static, str>),
    /// The current policy does not grant the role, or its conditions are not met.
    #[error("{message}")]
    Forbidden {
        /// The stable code.
        code: &'static str,
        /// What happened, including what is missing.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// Credentials could not be issued for another reason.
    #[error(transparent)]
    Issue(IssueError),
    /// The facts for the access policy are unavailable.
    #[error(transparent)]
    FactsUnavailable(#[from] FactsUnavailable),
    /// The session store is unavailable.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
    /// Rejected before the operation was handled.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// The requested role and the contact details for the error message.
pub struct RequestedRole<'a> {
    /// The account ID as the client sent it.
    pub account_id: &'a str,
    /// The role name as the client sent it.
    pub role_name: &'a str,
    /// The origin of this gateway.
    pub origin: &'a str,
    /// The configured contact for access requests.
    pub contact: Option<&'a str>,
}

impl SsoError {
    /// Converts an error of a credential request. The client prints only the message, so it contains the role and the next step.
    pub fn of_issue(error: IssueError, requested: &RequestedRole<'_>) -> Self {
        let RequestedRole {
            account_id,
            role_name,
            origin,
            contact,
        } = requested;
        match error {
            IssueError::SessionEnded => Self::SessionEnded,
            IssueError::NotGranted => Self::Forbidden {
                code: "not_granted",
                message: format!(
                    "No access: role {role_name} in account {account_id} is not assigned to you."
                ),
                hint: format!(
                    "View your roles at {origin}/ or ask {} for access.",
                    contact.unwrap_or("your administrator")
                ),
            },
            IssueError::Locked { unmet, owners } => Self::Forbidden {
                code: "condition",
                message: format!(
                    "No access: role {role_name} in account {account_id} {}.",
                    format::all_of(&unmet)
                ),
                hint: unmet.iter().find_map(Unmet::hint).map_or_else(
                    || remediation_hint(origin, Remediation::of(&unmet), &owners),
                    format::sentence,
                ),
            },
            IssueError::IdToken(IdTokenError::SignInAgain { provider, title }) => Self::Forbidden {
                code: "id_token_expired",
                message: format!(
                    "Sign in again: role {role_name} in account {account_id} requires a recent sign-in with {title}."
                ),
                hint: format!("Open {origin}/sign-in/{provider} in a browser, then try again."),
            },
            // The same text as on every surface.
            other @ (IssueError::CannotDecode(_)
            | IssueError::Attributes(_)
            | IssueError::AtProvider { .. }
            | IssueError::IdToken(_)
            | IssueError::Mismatch(_)
            | IssueError::Token(_)
            | IssueError::OwnCredentials(_)
            | IssueError::Refused(_)
            | IssueError::StsUnavailable(_)
            | IssueError::StsUnanswered { .. }
            | IssueError::Unverified(_)
            | IssueError::Console(_)
            | IssueError::RateLimited(_)
            | IssueError::FactsUnavailable(_)
            | IssueError::Unavailable(_)) => Self::Issue(other),
        }
    }

    /// The exception in AWS's model.
    pub fn exception(&self) -> Exception {
        match self {
            Self::NoAccessToken { .. }
            | Self::ForeignAccessToken { of_aws: true, .. }
            | Self::InvalidParameter(_) => Exception::InvalidRequest,
            Self::ForeignAccessToken { of_aws: false, .. } | Self::SessionEnded => {
                Exception::Unauthorized
            }
            Self::Forbidden { .. } => Exception::Forbidden,
            Self::Issue(_)
            | Self::FactsUnavailable(_)
            | Self::Unavailable(_)
            | Self::Request(_) => of_status(self.error_text().status),
        }
    }

    /// Its status, code and texts.
    pub fn error_text(&self) -> ErrorText {
        match self {
            Self::NoAccessToken { unreadable } => no_access_token(*unreadable),
            Self::ForeignAccessToken { origin, of_aws } => foreign_access_token(origin, *of_aws),
            Self::SessionEnded => {
                unauthorized("unauthorized", "Session token not found or invalid.")
                    .hint("Run `aws sso login`.")
            }
            Self::InvalidParameter(message) => ErrorText::new(
                StatusCode::BAD_REQUEST,
                Fault::Caller,
                "bad_request",
                message.as_ref(),
            ),
            Self::Forbidden {
                code,
                message,
                hint,
            } => ErrorText::new(StatusCode::FORBIDDEN, Fault::Caller, code, message).hint(hint),
            Self::Issue(error) => error.into(),
            Self::FactsUnavailable(error) => error.into(),
            Self::Unavailable(error) => error.into(),
            Self::Request(error) => error.text_for_aws_client(),
        }
    }

    /// The response in AWS's format.
    pub fn to_response(&self) -> ErrorResponse {
        let (exception, error_text) = (self.exception(), self.error_text());
        let body = exception.body(error_text.full_text());
        ErrorResponse::of_aws(exception.name(), &body, error_text)
    }
}

/// The next step for a role whose conditions are not met.
fn remediation_hint(origin: &str, remediation: Option<Remediation>, owners: &[String]) -> String {
    let first = match remediation {
        Some(Remediation::SignInAgain { second_factor, .. }) => {
            let with = match second_factor {
                true => " with multi-factor authentication",
                false => "",
            };
            format!("Sign in again{with} at {origin}/ and then run `aws sso login`")
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

/// The exception of AWS's model for this status; where the model defines none, the one that AWS's servers return.
fn of_status(status: StatusCode) -> Exception {
    match status.as_u16() {
        401 => Exception::Unauthorized,
        403 => Exception::Forbidden,
        429 => Exception::TooManyRequests,
        500.. => Exception::InternalServer,
        _ => Exception::InvalidRequest,
    }
}

fn unauthorized(code: &'static str, message: impl Into<String>) -> ErrorText {
    ErrorText::new(StatusCode::UNAUTHORIZED, Fault::Caller, code, message)
}

fn no_access_token(unreadable: bool) -> ErrorText {
    let (message, detail) = if unreadable {
        (
            "The header x-amz-sso_bearer_token must contain exactly one access token.",
            "x-amz-sso_bearer_token is repeated or unreadable",
        )
    } else {
        (
            "The header x-amz-sso_bearer_token is missing.",
            "x-amz-sso_bearer_token is missing: a proxy may drop header names with underscores (nginx: underscores_in_headers on)",
        )
    };
    unauthorized("no_access_token", message)
        .hint("A reverse proxy in front of Rolecall may drop header names with underscores: nginx requires `underscores_in_headers on;`. Contact your administrator.")
        .detail(detail)
}

fn foreign_access_token(origin: &str, of_aws: bool) -> ErrorText {
    let message = format!("This access token was not issued by Rolecall at {origin}.");
    let refused = unauthorized("foreign_access_token", message);
    if of_aws {
        refused
            .hint("It appears to be a token of AWS IAM Identity Center. For such a profile, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC, which send every profile to Rolecall.")
            .detail("the access token appears to be one of AWS IAM Identity Center")
    } else {
        refused
            .hint("Run `aws sso login`. If the profile belongs to another portal, unset AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC.")
            .detail("the access token does not have the format of this gateway")
    }
}

impl ResponseError for SsoError {
    fn status_code(&self) -> StatusCode {
        self.error_text().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
