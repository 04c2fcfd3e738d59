//! Errors of pages, as HTML or as JSON.

use std::error::Error as StdError;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use rolecall_core::audit::ReferenceId;
use rolecall_core::entitlements::FactsUnavailable;
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::LimitExceeded;
use serde_json::json;

use super::error_text::{ErrorText, Fault};
use super::request::RequestError;
use crate::web::http::reply;
use crate::web::pages::error::ErrorPage;
use crate::web::pages::layout::PageLink;

/// An error of a page. Boxed, because every handler result contains one.
#[derive(Clone, Debug)]
pub struct PageError(Box<Page>);

#[derive(Clone, Debug)]
struct Page {
    title: String,
    error_text: ErrorText,
    action: Option<PageLink>,
    /// The redirect target for browsers, instead of an error page. JSON clients receive the error.
    redirect: Option<String>,
}

impl PageError {
    /// An error without a hint.
    pub fn new(
        status: StatusCode,
        fault: Fault,
        code: &'static str,
        title: &str,
        message: impl Into<String>,
    ) -> Self {
        Self::with_text(title, ErrorText::new(status, fault, code, message))
    }

    /// An error with this title and text.
    pub fn with_text(title: &str, error_text: impl Into<ErrorText>) -> Self {
        Self(Box::new(Page {
            title: title.to_owned(),
            error_text: error_text.into(),
            action: None,
            redirect: None,
        }))
    }

    /// An error of the gateway itself.
    pub fn internal(message: &'static str) -> Self {
        RequestError::internal(message).into()
    }

    /// An invalid request (400).
    pub fn bad_request(message: impl Into<String>) -> Self {
        RequestError::Malformed(message.into().into()).into()
    }

    /// Page not found.
    pub fn not_found() -> Self {
        RequestError::Status(StatusCode::NOT_FOUND).into()
    }

    /// The ticket of a sign-out was already used or has expired.
    pub fn ticket_expired() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Fault::Caller,
            "expired_sign_out",
            "Page expired",
            "The page was already used, or you signed out too long ago. No programs were signed out.",
        )
        .hint("Sign in again and end the sessions of the programs in My sessions.")
        .action("Sign in", "/sign-in?return_to=%2Fsessions")
    }

    /// No valid session. A browser that reads a page is redirected to sign in and returns to `return_to`. After a form the
    /// page has a link instead, because `form-action` blocks redirects to other sites.
    pub fn sign_in_first(return_to: &str, reading: bool) -> Self {
        let to = format!("/sign-in?{}", reply::query(&[("return_to", return_to)]));
        let mut error = Self::with_text("Sign-in required", ErrorText::not_signed_in());
        if reading {
            error.0.error_text.hint = None;
            error.0.redirect = Some(to);
            return error;
        }
        error.action("Sign in", to)
    }

    /// Sets what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.error_text.hint = Some(hint.into());
        self
    }

    /// Sets the details for the administrator.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.error_text.detail = Some(detail.into());
        self
    }

    /// Adds a sentence to the message.
    #[must_use]
    pub fn append(mut self, sentence: &str) -> Self {
        let message = &mut self.0.error_text.message;
        *message = format!("{message} {sentence}");
        self
    }

    /// Replaces the title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.0.title);
        self
    }

    /// Adds a button that leads to `href`.
    #[must_use]
    pub fn action(mut self, text: &str, href: impl Into<String>) -> Self {
        self.0.action = Some(PageLink {
            href: href.into(),
            text: text.to_owned(),
        });
        self
    }

    /// Sets the chain of causes for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.0.error_text = self.0.error_text.caused_by(cause);
        self
    }

    /// Sets details that only the log contains.
    #[must_use]
    pub fn log_detail(mut self, causes: impl Into<String>) -> Self {
        self.0.error_text.causes = causes.into();
        self
    }

    /// The texts of the page, for tests.
    #[cfg(test)]
    pub fn summary(&self) -> String {
        let Page {
            title,
            error_text,
            action,
            redirect,
        } = &*self.0;
        let action = action.as_ref().map(|link| (&link.text, &link.href));
        let ErrorText {
            message,
            hint,
            detail,
            ..
        } = error_text;
        format!("{title:?} {message:?} {hint:?} {detail:?} {action:?} {redirect:?}")
    }

    /// Its status, code and texts.
    pub fn error_text(&self) -> &ErrorText {
        &self.0.error_text
    }

    /// The HTML page, or a redirect.
    pub fn page(&self, reference: &ReferenceId) -> HttpResponse {
        let Page {
            title,
            error_text,
            action,
            redirect,
        } = &*self.0;
        if let Some(to) = redirect {
            return reply::see_other(to);
        }
        let page = ErrorPage {
            title: title.clone(),
            message: error_text.message.clone(),
            hint: error_text.hint.clone(),
            detail: error_text.detail.clone(),
            reference: reference.to_string(),
            action: action.clone(),
            has_home: error_text.status != StatusCode::MISDIRECTED_REQUEST,
        };
        reply::page(error_text.status, &page)
            .unwrap_or_else(|_| HttpResponse::InternalServerError().body("Internal error."))
    }

    /// The error as JSON.
    pub fn json(&self, reference: &ReferenceId) -> HttpResponse {
        let error_text = &self.0.error_text;
        HttpResponse::build(error_text.status).json(json!({
            "error": error_text.code.as_str(),
            "message": error_text.message,
            "hint": error_text.hint,
            "detail": error_text.detail,
            "reference": reference.as_str(),
        }))
    }
}

impl From<RequestError> for PageError {
    fn from(error: RequestError) -> Self {
        Self::with_text(error.title(), error.error_text())
    }
}

impl From<LimitExceeded> for PageError {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::with_text("Too many requests", &exceeded)
    }
}

impl From<FactsUnavailable> for PageError {
    fn from(error: FactsUnavailable) -> Self {
        Self::with_text("Rolecall is temporarily unavailable", &error)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self::with_text("Rolecall is temporarily unavailable", &error)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.error_text.message)
    }
}

impl StdError for PageError {}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.0.error_text.status
    }

    /// Contains only the status: the guard knows the reference ID and renders the page.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
