//! Errors of issuing.

use url::Url;

use crate::access::{AttributeError, Unmet};
use crate::aws::{Advice, ConsoleSignInError, StsRefusal};
use crate::base::BoxError;
use crate::entitlements::FactsUnavailable;
use crate::record::StoreError;
use crate::record::rate_limit::LimitExceeded;

use super::{CannotDecode, IdTokenError, ResponseMismatch, VerificationFailure};

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The current policy does not grant the role. Denied and unknown roles are indistinguishable.
    #[error("this role is not available to you")]
    NotGranted,
    /// The role would be granted if its conditions were met.
    #[error("the conditions of this role are not met")]
    Locked {
        /// The unmet conditions.
        unmet: Vec<Unmet>,
        /// Owners of the assignments.
        owners: Vec<String>,
    },
    /// The credentials of the role cannot decode authorization messages.
    #[error(transparent)]
    CannotDecode(#[from] CannotDecode),
    /// A template of the permission set needs a claim that the person does not have.
    #[error(transparent)]
    Attributes(#[from] AttributeError),
    /// The role trusts the person's identity provider: the browser must visit it and return with its response.
    #[error("this role requires a visit to your identity provider in a browser")]
    AtProvider {
        /// URL at the provider; `None` for clients, and if the provider has no application for AWS.
        start: Option<Url>,
    },
    /// The role trusts ID tokens of an identity provider, and there is none for it.
    #[error("{0}")]
    IdToken(IdTokenError),
    /// The session has ended. Nothing was delivered.
    #[error("your session has ended")]
    SessionEnded,
    /// The provider's response for AWS is for another person or role.
    #[error("the identity provider's response for AWS is {}", .0.description())]
    Mismatch(ResponseMismatch),
    /// The gateway cannot sign the token or SAML response.
    #[error("the gateway cannot sign tokens")]
    Token(#[source] BoxError),
    /// The gateway has no AWS credentials of its own to sign the request to STS with.
    #[error("the gateway has no AWS credentials")]
    OwnCredentials(#[source] BoxError),
    /// AWS refused the request.
    #[error("AWS refused: {}", .0.code)]
    Refused(Box<Refused>),
    /// No STS endpoint responded.
    #[error("AWS STS is unavailable")]
    StsUnavailable(#[source] BoxError),
    /// STS was called and did not respond: it may have issued credentials that were lost.
    #[error("AWS STS received the request and did not respond")]
    StsUnanswered {
        /// Number of attempts to which STS may have responded.
        attempts: u32,
        /// The error of the last attempt.
        #[source]
        source: BoxError,
    },
    /// `GetCallerIdentity` did not confirm the principal of the new credentials. They were not delivered.
    #[error("AWS did not confirm the credentials ({})", .0.code())]
    Unverified(Box<VerificationFailure>),
    /// AWS's sign-in endpoint failed.
    #[error(transparent)]
    Console(#[from] ConsoleSignInError),
    /// Too many requests of this person, or too many STS calls for this account.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// What the policy depends on is not known.
    #[error(transparent)]
    FactsUnavailable(#[from] FactsUnavailable),
    /// The store or the audit trail is unavailable.
    #[error("credentials cannot be issued now")]
    Unavailable(#[from] StoreError),
}

/// A refusal of AWS, with advice.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The reason, from the error code and the message of AWS.
    pub refusal: StsRefusal,
    /// Error code of AWS.
    pub code: String,
    /// Message of AWS. If the gateway signed the request, without ARNs and access key IDs.
    pub message: String,
    /// Request ID of STS.
    pub request_id: Option<String>,
    /// Explanation and next step.
    pub advice: Advice,
    /// Details for the log, which pages do not show: principals, roles and keys of a signed request, and the complete message of AWS.
    pub log: Option<String>,
}

impl IssueError {
    /// Stable code for metrics and for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::Locked { .. } => "condition",
            Self::CannotDecode(_) => "cannot_decode",
            Self::Attributes(AttributeError::TooLarge { .. }) => "packed_too_large",
            Self::Attributes(_) => "template",
            Self::AtProvider { .. } => "at_provider",
            Self::IdToken(error) => error.code(),
            Self::Mismatch(mismatch) => mismatch.code(),
            Self::SessionEnded => "session_ended",
            Self::Token(_) => "token",
            Self::OwnCredentials(_) => "own_credentials",
            Self::Refused(refused) => refused.refusal.code(),
            Self::StsUnavailable(_) | Self::StsUnanswered { .. } => "sts_unavailable",
            Self::Unverified(_) => "unverified",
            Self::Console(ConsoleSignInError::Refused { .. }) => "console_refused",
            Self::Console(ConsoleSignInError::Unavailable(_)) => "console_unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::FactsUnavailable(_) | Self::Unavailable(_) => "unavailable",
        }
    }
}
