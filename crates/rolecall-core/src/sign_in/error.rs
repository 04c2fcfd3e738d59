//! Why a sign-in failed.

use crate::record::StoreError;
use crate::record::rate_limit::{LimitExceeded, RateLimitError};
use crate::sign_in::{ProviderError, ReturnTo, StepUpFailed, single_logout};

/// Reason why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No provider with this id is configured.
    #[error("unknown identity provider")]
    UnknownProvider,
    /// The parameters of the callback are not a valid response.
    #[error("the identity provider's response is malformed")]
    Unreadable,
    /// No sign-in with this `state` is in progress: it has expired or is complete.
    #[error("this sign-in has expired or is already complete")]
    Expired,
    /// The sign-in was started in another browser, or this browser does not store cookies.
    #[error("this sign-in was started in another browser")]
    OtherBrowser,
    /// The sign-in was started at another provider.
    #[error("this sign-in was started at another identity provider")]
    OtherProvider,
    /// The response was used before (SAML Profiles 4.1.4.5).
    #[error("the identity provider's response was already used")]
    Replayed,
    /// The provider has ended the session that the response belongs to.
    #[error("the identity provider has ended this session")]
    EndedByProvider,
    /// The provider cannot sign the person in silently: an ordinary sign-in must follow, which returns here.
    #[error("the identity provider requires a sign-in")]
    InteractionRequired(ReturnTo),
    /// A silent sign-in or additional verification asserted another person than that of the session.
    #[error("another person is signed in at the identity provider")]
    OtherPerson,
    /// Additional verification failed.
    #[error(transparent)]
    StepUp(Box<StepUpFailed>),
    /// Error of the provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Too many sign-ins or too many refusals from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// The store or the audit trail is unavailable.
    #[error("sign-in is unavailable")]
    Unavailable(#[from] StoreError),
}

impl SignInError {
    /// Stable code for the audit trail and for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::Unreadable => "unreadable",
            Self::Expired => "expired_state",
            Self::OtherBrowser => "other_browser",
            Self::OtherProvider => "other_provider",
            Self::Replayed => "replayed",
            Self::EndedByProvider => single_logout::REASON,
            Self::InteractionRequired(_) => "interaction_required",
            Self::OtherPerson => "other_person",
            Self::StepUp(failed) => failed.error.code(),
            Self::Provider(ProviderError::Refused { error, .. }) => error,
            Self::Provider(ProviderError::Rejected { reason, .. }) => reason.code(),
            Self::Provider(ProviderError::Misconfigured(_)) => "provider_misconfigured",
            Self::Provider(ProviderError::Unavailable(_)) => "provider_unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<RateLimitError> for SignInError {
    fn from(error: RateLimitError) -> Self {
        match error {
            RateLimitError::Exceeded(exceeded) => Self::RateLimited(exceeded),
            RateLimitError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}
