//! Errors of the guard, the extractors and the framework, raised before a handler runs.

use std::borrow::Cow;
use std::error::Error as StdError;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::base::text;

use super::error_text::{ErrorText, Fault};

/// A request that was rejected before a handler ran. Each surface reports it under its own exception names.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// A page of another site sent the request, or the form is too old.
    #[error("the request came from a page of another site")]
    CrossSite,
    /// `Host` does not match `public_url`. Contains the received values, for the log.
    #[error("the request is for another host")]
    WrongHost(String),
    /// More headers or cookies than the guard accepts.
    #[error("the request has too many headers or cookies")]
    HeadersTooLarge,
    /// The request is invalid, with the reason.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// An error of the framework, by its status.
    #[error("HTTP status {0}")]
    Status(StatusCode),
    /// An internal error.
    #[error("{message}")]
    Internal {
        /// Text for the user.
        message: &'static str,
        /// The chain of causes, for the log.
        causes: String,
    },
}

impl RequestError {
    /// An internal error without a cause.
    pub fn internal(message: &'static str) -> Self {
        Self::Internal {
            message,
            causes: String::new(),
        }
    }

    /// A task that did not complete.
    pub fn interrupted(cause: &(dyn StdError + 'static)) -> Self {
        Self::Internal {
            message: "The request was interrupted.",
            causes: text::chain(cause),
        }
    }

    /// Its status, code and texts.
    pub fn error_text(&self) -> ErrorText {
        match self {
            Self::CrossSite => ErrorText::new(
                StatusCode::FORBIDDEN,
                Fault::Caller,
                "csrf",
                "This form was not sent from a page of this portal, or the page was open for too long.",
            )
            .hint("Return to the portal, reload the page and try again."),
            Self::WrongHost(received) => {
                let error_text = ErrorText::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    Fault::Caller,
                    "wrong_host",
                    "This portal is not served at the address that you used.",
                )
                .hint("Use the address that your administrator gave you. If this is that address, contact your administrator and include the reference ID.");
                ErrorText {
                    causes: received.clone(),
                    ..error_text
                }
            }
            Self::HeadersTooLarge => ErrorText::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Fault::Caller,
                "too_large",
                "The request has more cookies or headers than this site accepts.",
            )
            .hint("Delete the cookies of this site and try again."),
            Self::Malformed(message) => ErrorText::bad_request(message.as_ref()),
            Self::Status(status) => of_status(*status),
            Self::Internal { message, causes } => ErrorText {
                causes: causes.clone(),
                ..ErrorText::internal(message)
            },
        }
    }

    /// As [`Self::error_text`], for a program that prints it: without the hints that are about pages.
    pub fn text_for_aws_client(&self) -> ErrorText {
        let error_text = self.error_text();
        match (self, error_text.fault) {
            (Self::WrongHost(_), _) | (_, Fault::Gateway) => error_text,
            (_, Fault::Caller | Fault::Upstream) => ErrorText {
                hint: None,
                ..error_text
            },
        }
    }

    /// The title of the error page.
    pub fn title(&self) -> &'static str {
        match self {
            Self::CrossSite => "Request could not be verified",
            Self::WrongHost(_) => "Wrong address",
            Self::HeadersTooLarge => "Request too large",
            Self::Malformed(_) => "Invalid request",
            Self::Internal { .. } => "Internal error",
            Self::Status(status) => title_of_status(*status),
        }
    }
}

fn of_status(status: StatusCode) -> ErrorText {
    let of_caller = |code, message: &str| ErrorText::new(status, Fault::Caller, code, message);
    match status {
        StatusCode::NOT_FOUND => of_caller(
            "not_found",
            "The address may be incorrect, or the page may have moved.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => of_caller(
            "method_not_allowed",
            "This address does not support this request method.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => of_caller(
            "too_large",
            "The request is larger than the server accepts.",
        ),
        status if status.is_client_error() => ErrorText {
            status,
            ..ErrorText::bad_request("The request could not be read.")
        },
        _ => ErrorText::internal("The request could not be processed."),
    }
}

fn title_of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Page not found",
        StatusCode::METHOD_NOT_ALLOWED => "Method not allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "Request too large",
        status if status.is_client_error() => "Invalid request",
        _ => "Internal error",
    }
}

impl ResponseError for RequestError {
    fn status_code(&self) -> StatusCode {
        self.error_text().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
