//! What the guard, the extractors and the framework refuse before a handler runs, on every surface.

use std::borrow::Cow;
use std::error::Error as StdError;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::base::text;

use super::explanation::{Explanation, Fault};

/// A request that no handler answers. Each surface has its own words for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// A page of another site sent it, or the form is too old.
    #[error("the request came from a page of another site")]
    CrossSite,
    /// `Host` is another's; what came instead, for the log.
    #[error("the request is for another host")]
    WrongHost(String),
    /// More headers or cookies than the guard takes.
    #[error("the request has too many headers or cookies")]
    HeadersTooLarge,
    /// It cannot be read: why.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// A status that says enough, such as one of the framework's own.
    #[error("HTTP status {0}")]
    Status(StatusCode),
    /// The gateway's own fault: what happened, and the chain of causes.
    #[error("{message}")]
    Internal {
        /// What happened.
        message: &'static str,
        /// The chain of causes, for the log.
        causes: String,
    },
}

impl RequestError {
    /// The gateway's own fault.
    pub fn internal(message: &'static str) -> Self {
        Self::Internal {
            message,
            causes: String::new(),
        }
    }

    /// Work that did not run to its end.
    pub fn interrupted(cause: &(dyn StdError + 'static)) -> Self {
        Self::Internal {
            message: "the request was interrupted",
            causes: text::chain(cause),
        }
    }

    /// What there is to say about it.
    pub fn explanation(&self) -> Explanation {
        match self {
            Self::CrossSite => Explanation::new(
                StatusCode::FORBIDDEN,
                Fault::Caller,
                "csrf",
                "This form did not come from a page of this portal, or the page was open for too long.",
            )
            .hint("Go back to the portal, reload it, and try once more."),
            Self::WrongHost(came) => {
                let explanation = Explanation::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    Fault::Caller,
                    "wrong_host",
                    "This portal is not served under the address you used.",
                )
                .hint("Use the address that your administrator gave you. If this is the one, tell them the reference below.");
                Explanation {
                    causes: came.clone(),
                    ..explanation
                }
            }
            Self::HeadersTooLarge => Explanation::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Fault::Caller,
                "too_large",
                "Your browser sends more cookies or headers than this site takes.",
            )
            .hint("Remove this site's cookies and try again."),
            Self::Malformed(message) => Explanation::bad_request(message.as_ref()),
            Self::Status(status) => of_status(*status),
            Self::Internal { message, causes } => Explanation {
                causes: causes.clone(),
                ..Explanation::internal(message)
            },
        }
    }

    /// The title of its page.
    pub fn title(&self) -> &'static str {
        match self {
            Self::CrossSite => "Please do that again",
            Self::WrongHost(_) => "Wrong address",
            Self::HeadersTooLarge => "That is too much",
            Self::Malformed(_) => "That request makes no sense",
            Self::Internal { .. } => "Something went wrong here",
            Self::Status(status) => title_of_status(*status),
        }
    }
}

fn of_status(status: StatusCode) -> Explanation {
    let of_caller = |code, message: &str| Explanation::new(status, Fault::Caller, code, message);
    match status {
        StatusCode::NOT_FOUND => of_caller(
            "not_found",
            "The address may be mistyped, or the page has moved.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => of_caller(
            "method_not_allowed",
            "This address does not take this kind of request.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            of_caller("too_large", "The request is larger than this page takes.")
        }
        status if status.is_client_error() => Explanation {
            status,
            ..Explanation::bad_request("The request could not be read.")
        },
        _ => Explanation::internal("The request could not be answered."),
    }
}

fn title_of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is no such page",
        StatusCode::METHOD_NOT_ALLOWED => "That is not possible here",
        StatusCode::PAYLOAD_TOO_LARGE => "That is too much",
        status if status.is_client_error() => "That request makes no sense",
        _ => "Something went wrong here",
    }
}

impl ResponseError for RequestError {
    fn status_code(&self) -> StatusCode {
        self.explanation().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
