//! The status, code and texts of an error, common to all surfaces and the log.

use std::error::Error as StdError;

use actix_web::http::StatusCode;
use rolecall_core::base::text;
use rolecall_core::entitlements::FactsUnavailable;
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName};

use super::code::ErrorCode;

/// The cause of an error; it selects the level of the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request: `INFO`.
    Caller,
    /// An identity provider or AWS rejected the request: `WARN`.
    Upstream,
    /// The gateway or an outage: `ERROR`.
    Gateway,
}

/// The status, code and texts of an error. Each surface adds its own exception names.
#[derive(Clone, Debug)]
pub struct ErrorText {
    /// The HTTP status of the response.
    pub status: StatusCode,
    /// The cause of the error.
    pub fault: Fault,
    /// The stable code.
    pub code: ErrorCode,
    /// What happened, in one or two sentences.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Details for the administrator.
    pub detail: Option<String>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// The rate limit that was reached, for logs and metrics.
    pub limit: Option<LimitName>,
    /// The chain of causes, for the log.
    pub causes: String,
}

impl ErrorText {
    /// An error without a hint.
    pub fn new(
        status: StatusCode,
        fault: Fault,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            fault,
            code: ErrorCode::new(code),
            message: message.into(),
            hint: None,
            detail: None,
            retry_after: None,
            limit: None,
            causes: String::new(),
        }
    }

    /// An error of the gateway itself.
    pub fn internal(message: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Fault::Gateway,
            "internal",
            message,
        )
        .hint("Try again. If the problem persists, contact your administrator and include the reference ID.")
    }

    /// An invalid request (400).
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Fault::Caller,
            "bad_request",
            message,
        )
        .hint("Return to the portal and try again.")
    }

    /// The request has no valid session (401).
    pub fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            Fault::Caller,
            "sign_in_first",
            "You are not signed in, or your session has ended.",
        )
        .hint("No changes were made. Sign in and try again.")
    }

    /// Sets what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the details for the administrator.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the chain of causes for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.causes = text::chain(cause);
        self
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The message followed by the hint. AWS clients print this text and nothing else.
    pub fn full_text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<&LimitExceeded> for ErrorText {
    fn from(exceeded: &LimitExceeded) -> Self {
        let seconds = exceeded.retry_after_seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let error_text = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Fault::Caller,
            "rate_limited",
            limit_message(exceeded.limit),
        );
        Self {
            limit: Some(exceeded.limit),
            ..error_text
                .hint(format!("Try again in {seconds} {unit}."))
                .retry_after(seconds)
        }
    }
}

fn limit_message(limit: LimitName) -> &'static str {
    match limit {
        LimitName::SignIn => "Too many sign-ins were started from your network and not completed.",
        LimitName::PendingSignIns | LimitName::CompletedSignIns => {
            "Too many sign-ins are in progress on this server. New sign-ins are limited."
        }
        LimitName::PendingDevices => {
            "Too many device authorizations are in progress on this server. New ones are limited."
        }
        LimitName::Failures
        | LimitName::UnverifiedMessages
        | LimitName::UnverifiedFrames
        | LimitName::RefusedSignIns => "Too many requests from your network were rejected.",
        LimitName::WaitingMessages => {
            "Too many identity provider messages from your network are waiting to be processed."
        }
        LimitName::SamlForms => "Too many identity provider messages are being processed.",
        LimitName::SamlResponses => "Too many SAML responses were sent for this sign-in.",
        LimitName::Register => "Too many clients were registered from your network.",
        LimitName::DeviceAuthorization => {
            "Too many device authorizations were started from your network."
        }
        LimitName::Credentials => "You requested credentials too many times.",
        LimitName::StsRate => "Too many credentials were requested for this account.",
        LimitName::UserCodes => "Too many incorrect codes were entered.",
    }
}

impl From<&FactsUnavailable> for ErrorText {
    fn from(error: &FactsUnavailable) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Fault::Gateway,
            "unavailable",
            "Rolecall cannot determine your access at the moment, so it does not issue credentials. Your session continues.",
        )
        .hint("Try again in a moment.")
        .caused_by(error)
        .retry_after(5)
    }
}

impl From<&StoreError> for ErrorText {
    fn from(error: &StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Fault::Gateway,
            "unavailable",
            "Rolecall's session store or audit trail is unavailable. Until it is available again, nobody can sign in and no credentials are issued. Existing sessions are not affected.",
        )
        .hint("Try again in a few seconds.")
        .caused_by(error)
        .retry_after(5)
    }
}
