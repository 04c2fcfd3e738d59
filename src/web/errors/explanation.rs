//! What there is to say about an error on every surface, and in the log.

use std::error::Error as StdError;

use actix_web::http::StatusCode;
use rolecall_core::base::text;
use rolecall_core::record::StoreError;
use rolecall_core::record::rate_limit::{LimitExceeded, LimitName};

use super::code::ErrorCode;

/// Whose fault an error is; the level of its log line depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request's: `INFO`.
    Caller,
    /// A refusal of a provider or of AWS: `WARN`.
    Upstream,
    /// The gateway's, or an outage: `ERROR`.
    Ours,
}

/// What there is to say about an error. Each surface adds its own names to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The status of the response.
    pub status: StatusCode,
    /// Whose fault it is.
    pub fault: Fault,
    /// The code.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// For the administrator.
    pub detail: Option<String>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// The rate limit that was reached, for logs and metrics.
    pub limit: Option<LimitName>,
    /// The chain of causes, for the log.
    pub causes: String,
}

impl Explanation {
    /// An explanation without a hint.
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
            Fault::Ours,
            "internal",
            message,
        )
        .hint("Try again. If it stays like this, tell your administrator the reference below.")
    }

    /// A request that cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Fault::Caller,
            "bad_request",
            message,
        )
        .hint("Go back to the portal and start from there.")
    }

    /// Nobody is signed in, and nothing was done.
    pub fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            Fault::Caller,
            "sign_in_first",
            "You are not signed in, or your session has ended.",
        )
        .hint("Nothing was done. Sign in, then try once more.")
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the administrator needs.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the chain of causes.
    #[must_use]
    pub fn because(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.causes = text::chain(cause);
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What happened and what to do next, in one text: AWS's clients print it, and nothing else.
    pub fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<&LimitExceeded> for Explanation {
    fn from(exceeded: &LimitExceeded) -> Self {
        let seconds = exceeded.retry_after_seconds();
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let explanation = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Fault::Caller,
            "rate_limited",
            limit_message(exceeded.limit),
        );
        Self {
            limit: Some(exceeded.limit),
            ..explanation
                .hint(format!("Try again in {seconds} {unit}."))
                .retry_after(seconds)
        }
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

impl From<&StoreError> for Explanation {
    fn from(error: &StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Fault::Ours,
            "unavailable",
            "The sessions or the audit trail cannot be reached, and nothing is issued without them. You stay signed in.",
        )
        .hint("Try again in a moment.")
        .because(error)
        .retry_after(5)
    }
}
