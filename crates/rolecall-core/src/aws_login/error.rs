//! Errors of the token endpoint of `aws login`.

use crate::issue::{IssueError, VerificationFailure};
use crate::record::StoreError;
use crate::record::rate_limit::LimitExceeded;

use super::dpop::DpopError;

/// Why a token request of `aws login` failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The DPoP proof is invalid.
    #[error(transparent)]
    Proof(#[from] DpopError),
    /// The code is unknown, expired or used.
    #[error("this code has expired or was used before")]
    CodeUsed,
    /// The code was issued for another client, redirect URI or verifier. It is invalidated.
    #[error("this code was issued for another request")]
    OtherRequest,
    /// The session of the refresh token has ended.
    #[error("this session has ended")]
    SessionOver,
    /// The role cannot be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Too many refused requests from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// The store or the audit trail is unavailable.
    #[error("the sign-in cannot be completed now")]
    Unavailable(#[from] StoreError),
}

impl LoginError {
    /// Stable code for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Proof(refusal) => refusal.code(),
            Self::CodeUsed => "code_spent",
            Self::OtherRequest => "other_request",
            Self::SessionOver => "session_over",
            Self::Issue(error) => error.code(),
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Proof(_) | Self::CodeUsed | Self::OtherRequest | Self::SessionOver => false,
            Self::Issue(error) => match error {
                IssueError::Token(_)
                | IssueError::OwnCredentials(_)
                | IssueError::StsUnavailable(_)
                | IssueError::StsUnanswered { .. }
                | IssueError::RateLimited(_)
                | IssueError::FactsUnavailable(_)
                | IssueError::Unavailable(_) => true,
                IssueError::Refused(refused) => refused.refusal.is_transient(),
                IssueError::Unverified(failure) => {
                    matches!(**failure, VerificationFailure::Sts(_))
                }
                IssueError::NotGranted
                | IssueError::Locked { .. }
                | IssueError::CannotDecode(_)
                | IssueError::Attributes(_)
                | IssueError::AtProvider { .. }
                | IssueError::IdToken(_)
                | IssueError::Mismatch(_)
                | IssueError::SessionEnded
                | IssueError::Console(_) => false,
            },
            Self::RateLimited(_) | Self::Unavailable(_) => true,
        }
    }
}
