//! Why `aws login` got no credentials.

use crate::issue::IssueError;
use crate::record::StoreError;
use crate::record::rate_limit::LimitExceeded;

use super::dpop::DpopError;

/// Why `aws login` got no credentials.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The proof of the client's key does not hold.
    #[error(transparent)]
    Proof(#[from] DpopError),
    /// The code is unknown, too old, or was used.
    #[error("this code has expired or was used before")]
    CodeSpent,
    /// The code was issued for another client, address or verifier; it is spent now.
    #[error("this code was issued for another request")]
    OtherRequest,
    /// The refresh token opens nothing: the session has ended.
    #[error("this session has ended")]
    SessionOver,
    /// The role cannot be had.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Too many refusals from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Our own store or audit trail.
    #[error("the sign-in cannot be completed now")]
    Unavailable(#[from] StoreError),
}

impl LoginError {
    /// A stable word for metrics and for the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Proof(refusal) => refusal.code(),
            Self::CodeSpent => "code_spent",
            Self::OtherRequest => "other_request",
            Self::SessionOver => "session_over",
            Self::Issue(error) => error.code(),
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether the same request may well succeed in a while.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Proof(_) | Self::CodeSpent | Self::OtherRequest | Self::SessionOver => false,
            Self::Issue(error) => match error {
                IssueError::Token(_)
                | IssueError::StsUnavailable(_)
                | IssueError::StsUnanswered { .. }
                | IssueError::RateLimited(_)
                | IssueError::Unavailable(_) => true,
                IssueError::Refused(refused) => refused.refusal.is_transient(),
                IssueError::NotGranted
                | IssueError::Locked { .. }
                | IssueError::Attributes(_)
                | IssueError::AtProvider { .. }
                | IssueError::Mismatch(_)
                | IssueError::SessionEnded
                | IssueError::Console(_) => false,
            },
            Self::RateLimited(_) | Self::Unavailable(_) => true,
        }
    }
}
