//! Errors of pages: what a person reads, and as JSON what a program of the company's own reads.

use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::audit::ReferenceId;
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::LimitExceeded;
use serde_json::json;

use super::explanation::{Explanation, Fault};
use super::request::RequestError;
use crate::web::http::reply;
use crate::web::pages::error::ErrorPage;
use crate::web::pages::layout::Link;

/// An error of a page. Behind a pointer, since every handler's result has room for one.
#[derive(Clone, Debug)]
pub struct PageError(Box<Page>);

#[derive(Clone, Debug)]
struct Page {
    title: String,
    explanation: Explanation,
    action: Option<Link>,
    /// Where the browser goes instead of seeing a page; programs see the error.
    redirect: Option<String>,
}

impl PageError {
    /// An error with a status, a code and its text.
    pub fn new(
        status: StatusCode,
        fault: Fault,
        code: &'static str,
        title: &str,
        message: impl Into<String>,
    ) -> Self {
        Self::explained(title, Explanation::new(status, fault, code, message))
    }

    /// An error with a title of its own.
    pub fn explained(title: &str, explanation: impl Into<Explanation>) -> Self {
        Self(Box::new(Page {
            title: title.to_owned(),
            explanation: explanation.into(),
            action: None,
            redirect: None,
        }))
    }

    /// An error of the gateway itself.
    pub fn internal(message: &'static str) -> Self {
        RequestError::internal(message).into()
    }

    /// A request that cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        RequestError::Malformed(message.into().into()).into()
    }

    /// There is no such page.
    pub fn not_found() -> Self {
        RequestError::Status(StatusCode::NOT_FOUND).into()
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

    /// Nobody is signed in. A browser that reads goes to sign in and comes back to `return_to`; after a form the person
    /// follows a link, because `form-action` holds back redirects to other sites.
    pub fn sign_in_first(return_to: &str, reading: bool) -> Self {
        let to = format!("/sign-in?{}", reply::query(&[("return_to", return_to)]));
        let mut error = Self::explained("Sign in first", Explanation::not_signed_in());
        if reading {
            error.0.explanation.hint = None;
            error.0.redirect = Some(to);
            return error;
        }
        error.action("Sign in", to)
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.explanation.hint = Some(hint.into());
        self
    }

    /// Tells the administrator more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.explanation.detail = Some(detail.into());
        self
    }

    /// Has this title instead.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.0.title);
        self
    }

    /// Offers a way on.
    #[must_use]
    pub fn action(mut self, text: &str, href: impl Into<String>) -> Self {
        self.0.action = Some(Link {
            href: href.into(),
            text: text.to_owned(),
        });
        self
    }

    /// Keeps the chain of causes for the log.
    #[must_use]
    pub fn because(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.0.explanation = self.0.explanation.because(cause);
        self
    }

    /// Keeps what the page does not say, for the log.
    #[must_use]
    pub fn logged(mut self, causes: impl Into<String>) -> Self {
        self.0.explanation.causes = causes.into();
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.explanation.retry_after = Some(seconds);
        self
    }

    /// The words of the page.
    #[cfg(test)]
    pub fn described(&self) -> String {
        let Page {
            title,
            explanation,
            action,
            redirect,
        } = &*self.0;
        let action = action.as_ref().map(|link| (&link.text, &link.href));
        let Explanation {
            message,
            hint,
            detail,
            ..
        } = explanation;
        format!("{title:?} {message:?} {hint:?} {detail:?} {action:?} {redirect:?}")
    }

    /// What there is to say about it.
    pub fn explanation(&self) -> &Explanation {
        &self.0.explanation
    }

    /// The page, or a redirect.
    pub fn page(&self, reference: &ReferenceId) -> HttpResponse {
        let Page {
            title,
            explanation,
            action,
            redirect,
        } = &*self.0;
        if let Some(to) = redirect {
            return reply::see_other(to);
        }
        let page = ErrorPage {
            title: title.clone(),
            message: explanation.message.clone(),
            hint: explanation.hint.clone(),
            detail: explanation.detail.clone(),
            reference: reference.to_string(),
            action: action.clone(),
            has_home: explanation.status != StatusCode::MISDIRECTED_REQUEST,
        };
        reply::page(explanation.status, &page).unwrap_or_else(|_| {
            HttpResponse::InternalServerError().body("Something went wrong here.")
        })
    }

    /// The same for programs.
    pub fn json(&self, reference: &ReferenceId) -> HttpResponse {
        let explanation = &self.0.explanation;
        HttpResponse::build(explanation.status).json(json!({
            "error": explanation.code.as_str(),
            "message": explanation.message,
            "hint": explanation.hint,
            "detail": explanation.detail,
            "reference": reference.as_str(),
        }))
    }
}

impl From<RequestError> for PageError {
    fn from(error: RequestError) -> Self {
        Self::explained(error.title(), error.explanation())
    }
}

impl From<LimitExceeded> for PageError {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::explained("Too many requests", &exceeded)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::explained("Rolecall is not available right now", &error)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.explanation.message)
    }
}

impl StdError for PageError {}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.0.explanation.status
    }

    /// Only the status: the guard knows the reference and renders the rest.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
