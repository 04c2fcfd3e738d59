//! Why a role could not be used, for the person and for the administrator. Every refusal of AWS's that somebody can do
//! something about says what.

use std::error::Error as StdError;

use actix_web::http::StatusCode;
use rolecall_core::aws::{ConsoleSignInError, StsRefusal};
use rolecall_core::issue::{IssueError, Refused, ResponseMismatch};

use super::explanation::{Explanation, Fault};
use super::page::PageError;
use crate::web::pages::format;

/// `Retry-After` in an outage.
const OUTAGE_SECONDS: u32 = 5;
/// `Retry-After` when AWS throttles: its buckets fill again within a second.
const THROTTLED_SECONDS: u32 = 1;

impl From<&IssueError> for Explanation {
    fn from(error: &IssueError) -> Self {
        let forbidden =
            |code, message: &str| Self::new(StatusCode::FORBIDDEN, Fault::Caller, code, message);
        match error {
            IssueError::NotGranted => forbidden("not_granted", "Either there is no such role, or it is not assigned to you today.")
                .hint("Ask the owner of the account, or whoever sent you the link, for access."),
            IssueError::Locked { unmet, .. } => forbidden("condition", &format!("The role is yours, but it {}.", format::all_of(unmet)))
                .hint("The portal shows what to do for each role."),
            IssueError::Attributes(error) => forbidden("template", &error.to_string())
                .hint("Ask your administrator: your identity provider does not send what this role needs."),
            IssueError::AtProvider { .. } => Self::new(StatusCode::CONFLICT, Fault::Caller, "at_provider", "AWS wants the word of your identity provider itself for this role, and that takes a browser.")
                .hint("Open the role in the portal. If you are there already: your administrator has not set up AWS at your identity provider yet (saml.aws)."),
            IssueError::Mismatch(mismatch) => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, mismatch.code(), mismatch_text(*mismatch))
                .hint("Sign in here as the same person as at your identity provider; its application for AWS must name this role, with the account's provider."),
            IssueError::SessionEnded => Self::not_signed_in(),
            IssueError::Token(source) => Self::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Ours, "token", "The gateway's own key could not be used, so AWS cannot be convinced.")
                .hint("Tell your administrator the reference below.")
                .because(source.as_ref()),
            IssueError::Refused(refused) => of_refusal(refused),
            IssueError::StsUnavailable(source) | IssueError::StsUnanswered { source, .. } => outage("sts_unavailable", source.as_ref()),
            IssueError::Console(ConsoleSignInError::Unavailable(source)) => outage("console_unavailable", source.as_ref()),
            IssueError::Console(error @ ConsoleSignInError::Refused { .. }) => Self::new(StatusCode::BAD_GATEWAY, Fault::Upstream, "console_refused", "Credentials were issued, but AWS's sign-in endpoint made no console session of them.")
                .hint("Try again, or use credentials instead. A sign-in policy of the account may forbid it from your network.")
                .detail(error.to_string()),
            IssueError::RateLimited(exceeded) => exceeded.into(),
            IssueError::Unavailable(error) => error.into(),
        }
    }
}

impl From<IssueError> for PageError {
    fn from(error: IssueError) -> Self {
        let title = match &error {
            IssueError::SessionEnded => return Self::sign_in_first("/", false),
            IssueError::RateLimited(exceeded) => return (*exceeded).into(),
            IssueError::Unavailable(_) => "Rolecall is not available right now",
            IssueError::NotGranted => "This role is not available to you",
            IssueError::Locked { .. } => "Not from this sign-in",
            IssueError::Attributes(_) => "Something is missing about you",
            IssueError::AtProvider { .. } => {
                return Self::explained("By way of your identity provider", &error)
                    .action("Go to the portal", "/");
            }
            IssueError::Mismatch(_) => "That was for something else",
            IssueError::Token(_) => "Rolecall cannot sign tokens",
            IssueError::Refused(_) => "AWS refused",
            IssueError::StsUnavailable(_) | IssueError::StsUnanswered { .. } => {
                "AWS STS does not answer"
            }
            IssueError::Console(ConsoleSignInError::Unavailable(_)) => {
                "AWS's sign-in page does not answer"
            }
            IssueError::Console(ConsoleSignInError::Refused { .. }) => "AWS refused the console",
        };
        Self::explained(title, &error)
    }
}

fn mismatch_text(mismatch: ResponseMismatch) -> &'static str {
    match mismatch {
        ResponseMismatch::Subject => {
            "Your identity provider sent AWS its word about somebody else than you are here."
        }
        ResponseMismatch::Role => "Your identity provider's word to AWS does not name this role.",
        ResponseMismatch::SourceIdentity => {
            "Your identity provider's word to AWS has another source identity than this role needs."
        }
    }
}

fn of_refusal(refused: &Refused) -> Explanation {
    let request = refused.request_id.as_ref();
    let request = request.map_or_else(String::new, |id| format!(" (AWS request {id})"));
    let (status, retry_after) = if refused.refusal == StsRefusal::Throttled {
        (StatusCode::TOO_MANY_REQUESTS, Some(THROTTLED_SECONDS))
    } else if refused.refusal.is_transient() {
        (StatusCode::SERVICE_UNAVAILABLE, Some(OUTAGE_SECONDS))
    } else {
        (StatusCode::FORBIDDEN, None)
    };
    let (advice, code) = (&refused.advice, refused.refusal.code());
    let explanation = Explanation::new(status, Fault::Upstream, code, &advice.explanation)
        .hint(&advice.hint)
        .detail(format!("{}: {}{request}", refused.code, refused.message));
    Explanation {
        retry_after,
        ..explanation
    }
}

fn outage(code: &'static str, source: &(dyn StdError + 'static)) -> Explanation {
    Explanation::new(
        StatusCode::BAD_GATEWAY,
        Fault::Ours,
        code,
        "Nothing is wrong with your access; the request could not be completed.",
    )
    .hint("Try again in a moment.")
    .retry_after(OUTAGE_SECONDS)
    .because(source)
}
