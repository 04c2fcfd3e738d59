//! Why nothing was issued.

use url::Url;

use crate::access::{AttributeError, Unmet};
use crate::aws::{Advice, ConsoleSignInError, StsRefusal};
use crate::base::Source;
use crate::record::StoreError;
use crate::record::rate_limit::LimitExceeded;

use super::ResponseMismatch;

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Today's policy grants no such role; one that exists and one that does not look alike.
    #[error("this role is not available to you")]
    NotGranted,
    /// The role would be granted if a condition were met.
    #[error("this role needs more than this sign-in")]
    Locked {
        /// What is missing.
        unmet: Vec<Unmet>,
        /// Whom to ask.
        owners: Vec<String>,
    },
    /// A template of the permission set needs a claim that the person does not have.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// AWS is to be convinced by the person's own provider, and that takes a browser: it goes there, and comes back.
    #[error("this role is reached by way of your identity provider, in a browser")]
    AtProvider {
        /// Where to; nowhere for programs, and where the provider has no application for AWS.
        start: Option<Url>,
    },
    /// The session was ended after it had been found: nothing was delivered.
    #[error("your session has ended")]
    SessionEnded,
    /// The provider's response for AWS is about somebody else, or about another role.
    #[error("the identity provider's response for AWS is {}", .0.said())]
    Mismatch(ResponseMismatch),
    /// The gateway could not mint its own token.
    #[error("the gateway cannot sign tokens")]
    Token(#[source] Source),
    /// AWS said no.
    #[error("AWS refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// No STS endpoint answered.
    #[error("AWS STS is unavailable")]
    StsUnavailable(#[source] Source),
    /// STS was asked and no answer arrived: credentials may have been issued that nobody has.
    #[error("AWS STS was asked and did not answer")]
    StsUnanswered {
        /// How many tries it may have answered.
        tries: u32,
        /// What happened.
        #[source]
        source: Source,
    },
    /// AWS's sign-in endpoint.
    #[error(transparent)]
    Console(#[from] ConsoleSignInError),
    /// Too many requests of this person, or too many STS calls for this account.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Our own store or audit trail.
    #[error("credentials cannot be issued now")]
    Unavailable(#[from] StoreError),
}

/// AWS's no, and what to do about it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What somebody can act on.
    pub refusal: StsRefusal,
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// STS's request id.
    pub request_id: Option<String>,
    /// What to do about it.
    pub advice: Advice,
}

impl IssueError {
    /// A stable word for metrics and for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::Locked { .. } => "condition",
            Self::Attributes(_) => "template",
            Self::AtProvider { .. } => "at_provider",
            Self::Mismatch(mismatch) => mismatch.code(),
            Self::SessionEnded => "session_ended",
            Self::Token(_) => "token",
            Self::Refused(refused) => refused.refusal.code(),
            Self::StsUnavailable(_) | Self::StsUnanswered { .. } => "sts_unavailable",
            Self::Console(ConsoleSignInError::Refused { .. }) => "console_refused",
            Self::Console(ConsoleSignInError::Unavailable(_)) => "console_unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}
