//! Why a role could not be used, for the person and for the administrator. Every refusal of AWS's that somebody can do
//! something about says what.

use actix_web::http::StatusCode;
use rolecall_core::aws::{ConsoleSignInError, StsRefusal};
use rolecall_core::issue::{IssueError, Mismatch};

use super::problem::{Fault, Problem};
use crate::web::pages::format;

/// `Retry-After` in an outage.
const OUTAGE_SECONDS: u32 = 5;
/// `Retry-After` when AWS throttles: its buckets fill again within a second.
const THROTTLED_SECONDS: u32 = 1;

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::NotGranted => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "not_granted", "This role is not available to you", "Either there is no such role, or it is not assigned to you today.")
                .hint("Ask the owner of the account, or whoever sent you the link, for access."),
            IssueError::Locked { unmet, .. } => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "condition", "Not from this sign-in", format!("The role is yours, but it {}.", format::all_of(&unmet)))
                .hint("The portal shows what to do for each role."),
            IssueError::Attributes(error) => Self::new(StatusCode::FORBIDDEN, Fault::Caller, "template", "Something is missing about you", error.to_string())
                .hint("Ask your administrator: your identity provider does not send what this role needs."),
            IssueError::AtProvider { .. } => Self::new(StatusCode::CONFLICT, Fault::Caller, "at_provider", "By way of your identity provider", "AWS wants the word of your identity provider itself for this role, and that takes a browser.")
                .hint("Open the role in the portal. If you are there already: your administrator has not set up AWS at your identity provider yet (saml.aws).")
                .action("Go to the portal", "/"),
            IssueError::Mismatch(mismatch) => Self::new(StatusCode::FORBIDDEN, Fault::Upstream, mismatch.code(), "That was for something else", mismatch_text(mismatch))
                .hint("Sign in here as the same person as at your identity provider; its application for AWS must name this role, with the account's provider."),
            IssueError::SessionEnded => Self::sign_in_first("/", false),
            IssueError::Token(source) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Fault::Ours, "token", "Rolecall cannot sign tokens", "The gateway's own key could not be used, so AWS cannot be convinced.")
                    .hint("Tell your administrator the reference below.")
                    .caused_by(source.as_ref())
            }
            IssueError::Refused(refused) => {
                let request = refused.request_id.as_ref().map(|id| format!(" (AWS request {id})")).unwrap_or_default();
                let (status, retry_after) = if refused.refusal == StsRefusal::Throttled {
                    (StatusCode::TOO_MANY_REQUESTS, Some(THROTTLED_SECONDS))
                } else if refused.refusal.is_transient() {
                    (StatusCode::SERVICE_UNAVAILABLE, Some(OUTAGE_SECONDS))
                } else {
                    (StatusCode::FORBIDDEN, None)
                };
                let mut problem = Self::new(status, Fault::Upstream, refused.refusal.code(), "AWS refused", refused.advice.explanation)
                    .hint(refused.advice.hint)
                    .detail(format!("{}: {}{request}", refused.code, refused.message));
                problem.retry_after = retry_after;
                problem
            }
            IssueError::StsUnavailable(source) | IssueError::StsUnanswered { source, .. } => outage("AWS STS does not answer", "sts_unavailable", source.as_ref()),
            IssueError::Console(ConsoleSignInError::Unavailable(source)) => outage("AWS's sign-in page does not answer", "console_unavailable", source.as_ref()),
            IssueError::Console(error @ ConsoleSignInError::Refused { .. }) => Self::new(StatusCode::BAD_GATEWAY, Fault::Upstream, "console_refused", "AWS refused the console", "Credentials were issued, but AWS's sign-in endpoint made no console session of them.")
                .hint("Try again, or use credentials instead. A sign-in policy of the account may forbid it from your network.")
                .detail(error.to_string()),
            IssueError::RateLimited(exceeded) => Self::from(exceeded),
            IssueError::Unavailable(error) => Self::from(error),
        }
    }
}

fn mismatch_text(mismatch: Mismatch) -> &'static str {
    match mismatch {
        Mismatch::Subject => {
            "Your identity provider sent AWS its word about somebody else than you are here."
        }
        Mismatch::Role => "Your identity provider's word to AWS does not name this role.",
        Mismatch::SourceIdentity => {
            "Your identity provider's word to AWS has another source identity than this role needs."
        }
    }
}

fn outage(
    title: &str,
    code: &'static str,
    source: &(dyn std::error::Error + Send + Sync + 'static),
) -> Problem {
    let mut problem = Problem::new(
        StatusCode::BAD_GATEWAY,
        Fault::Ours,
        code,
        title,
        "Nothing is wrong with your access; the request could not be completed.",
    )
    .hint("Try again in a moment.");
    problem.retry_after = Some(OUTAGE_SECONDS);
    problem.caused_by(source)
}
