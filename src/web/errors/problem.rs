//! What went wrong, for a person: what happened, what to do next, and a reference. The kind decides how loudly it is
//! logged: the caller's fault quietly, a provider's no as a warning, an outage of ours or AWS's as an error.

use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::base::text;
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName};

use crate::web::http::reply;
use crate::web::pages::layout::Link;

/// Whose problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request's.
    Caller,
    /// Somebody upstream said no.
    Upstream,
    /// Ours or an outage.
    Ours,
}

/// A problem, ready to be shown. Behind a pointer, since every handler's result has room for one.
#[derive(Clone, Debug)]
pub struct Problem(Box<Details>);

/// What there is to say about a problem.
#[derive(Clone, Debug)]
pub struct Details {
    /// The answer's status.
    pub status: StatusCode,
    /// Whose.
    pub fault: Fault,
    /// A stable word for programs and metrics.
    pub code: &'static str,
    /// What AWS's clients call it, where that is not what its status is called; see [`crate::web::errors::dialect`].
    pub exception: Option<&'static str>,
    /// A few words.
    pub title: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// For the administrator.
    pub detail: Option<String>,
    /// The way on.
    pub action: Option<Link>,
    /// Where the browser goes instead of seeing a page; programs see the problem.
    pub redirect: Option<String>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// The rate limit that was reached, for logs and metrics.
    pub limit: Option<&'static str>,
    /// The chain of causes, for the log.
    pub causes: String,
}

impl Problem {
    /// A problem with a status, a word and its text.
    pub fn new(
        status: StatusCode,
        fault: Fault,
        code: &'static str,
        title: &str,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            status,
            fault,
            code,
            exception: None,
            title: title.to_owned(),
            message: message.into(),
            hint: None,
            detail: None,
            action: None,
            redirect: None,
            retry_after: None,
            limit: None,
            causes: String::new(),
        }))
    }

    /// Something of ours that should not happen.
    pub fn internal(message: &str) -> Self {
        let title = "Something went wrong here";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Fault::Ours,
            "internal",
            title,
            message,
        )
        .hint("Try again. If it stays like this, tell your administrator the reference below.")
    }

    /// The ticket of a sign-out that was used, or is too old.
    pub fn ticket_expired() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Fault::Caller,
            "expired_sign_out",
            "This page has expired",
            "It was used already, or you signed out too long ago. No command line has been signed out now.",
        )
        .hint("Sign in again and end their sessions in “My sessions”.")
        .action("Sign in", "/sign-in?return_to=%2Fsessions")
    }

    /// A form that another page sent, or one that has grown old.
    pub fn foreign_form() -> Self {
        let message =
            "This form did not come from a page of this portal, or the page was open for too long.";
        Self::new(
            StatusCode::FORBIDDEN,
            Fault::Caller,
            "csrf",
            "Please do that again",
            message,
        )
        .hint("Go back to the portal, reload it, and try once more.")
    }

    /// A request that cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Fault::Caller,
            "bad_request",
            "That request makes no sense",
            message,
        )
        .hint("Go back to the portal and start from there.")
    }

    /// Nobody is signed in. A browser that reads goes to sign in and comes back to `return_to`; after a form the person
    /// follows a link, because `form-action` holds back redirects to other sites.
    pub fn sign_in_first(return_to: &str, reading: bool) -> Self {
        let to = format!("/sign-in?{}", reply::query(&[("return_to", return_to)]));
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            Fault::Caller,
            "sign_in_first",
            "Sign in first",
            "You are not signed in, or your session has ended.",
        );
        if reading {
            problem.redirect = Some(to);
            return problem;
        }
        problem
            .hint("Nothing was done. Sign in, then try once more.")
            .action("Sign in", to)
    }

    /// No such page.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Fault::Caller,
            "not_found",
            "There is no such page",
            "The address may be mistyped, or the page has moved.",
        )
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells the administrator more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Is called this by AWS's clients, whatever the status is called.
    #[must_use]
    pub fn exception(mut self, name: &'static str) -> Self {
        self.exception = Some(name);
        self
    }

    /// Offers a way on.
    #[must_use]
    pub fn action(mut self, text: &str, href: impl Into<String>) -> Self {
        self.action = Some(Link {
            href: href.into(),
            text: text.to_owned(),
        });
        self
    }

    /// Keeps the chain of causes for the log.
    #[must_use]
    pub fn because(self, cause: impl StdError + 'static) -> Self {
        self.caused_by(&cause)
    }

    /// As [`Problem::because`], for a cause behind a reference.
    #[must_use]
    pub fn caused_by(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.causes = text::chain(cause);
        self
    }

    /// The problem of an answer that the framework made by itself.
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                Fault::Caller,
                "method_not_allowed",
                "That is not possible here",
                "This address does not take this kind of request.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                status,
                Fault::Caller,
                "too_large",
                "That is too much",
                "The request is larger than this page takes.",
            ),
            status if status.is_client_error() => {
                let mut problem = Self::bad_request("The request could not be read.");
                problem.status = status;
                problem
            }
            _ => Self::internal("The request could not be answered."),
        }
    }
}

impl From<LimitExceeded> for Problem {
    fn from(exceeded: LimitExceeded) -> Self {
        let seconds = exceeded.retry_after_seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Fault::Caller,
            "rate_limited",
            "Too many requests",
            limit_message(exceeded.limit),
        )
        .hint(format!("Try again in {seconds} {unit}."));
        problem.retry_after = Some(seconds);
        problem.limit = Some(exceeded.limit.code());
        problem
    }
}

fn limit_message(limit: LimitName) -> &'static str {
    match limit {
        LimitName::SignIn => "Too many sign-ins were started from your network and not completed.",
        LimitName::PendingSignIns | LimitName::CompletedSignIns => {
            "Too many sign-ins were started everywhere and not completed; few more are let in."
        }
        LimitName::PendingDevices => {
            "Too many device authorizations were started everywhere; few more are let in."
        }
        LimitName::Failures
        | LimitName::UnverifiedMessages
        | LimitName::UnverifiedFrames
        | LimitName::RefusedSignIns => "Too many requests from your network were refused.",
        LimitName::WaitingMessages => {
            "Too many messages of identity providers from your network are waiting to be read."
        }
        LimitName::SamlResponses => "Too many responses were sent for one sign-in.",
        LimitName::Register => "Too many clients were registered from your network.",
        LimitName::DeviceAuthorization => {
            "Too many device authorizations were started from your network."
        }
        LimitName::Credentials => "You requested credentials too often.",
        LimitName::StsRate => "Too many credentials are being requested for this account.",
        LimitName::UserCodes => "Too many wrong codes were entered.",
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Fault::Ours,
            "unavailable",
            "Rolecall is not available right now",
            "The sessions or the audit trail cannot be reached, and nothing is issued without them. You stay signed in.",
        )
        .hint("Try again in a moment.")
        .because(error);
        problem.retry_after = Some(5);
        problem
    }
}

impl std::ops::Deref for Problem {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.0
    }
}

impl std::ops::DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Only the status: the outermost layer knows the reference and renders the rest.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status)
    }
}
