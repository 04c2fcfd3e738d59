//! Refusals: which of them count against an address, and which get an event of their own in the audit trail.
//!
//! A request that shows nothing of ours can be made any number of times, so its refusals are summarised. Messages that were
//! verified in vain cost processor time, so they count apart from everything else; beyond their limit they are answered with
//! it. When they are verified, [`super::turns`] says.

use crate::audit::{Happened, Refusals};
use crate::identity::ProviderId;
use crate::rate_limit::{LimitExceeded, LimitName, RateLimitError};
use crate::sign_in::{ProviderError, RejectReason};

use super::{Gateway, RequestContext, SignInError};

impl Gateway {
    /// Whether the address has had too many refusals of this kind, as far as this replica knows. Costs no trip to the store.
    pub(super) fn too_many_refusals(
        &self,
        context: &RequestContext,
        limit: LimitName,
    ) -> Option<LimitExceeded> {
        let (rate, address) = (self.world.limits.failures, context.origin.address);
        self.rates.known_exceeded(limit, rate, address)
    }

    /// Counts a refusal against its address; says whether the address has had too many of this kind. Where the store does
    /// not answer nothing is counted: the request is refused anyway.
    pub(super) async fn count_refusal(
        &self,
        context: &RequestContext,
        limit: LimitName,
    ) -> Option<LimitExceeded> {
        let (rate, address) = (self.world.limits.failures, context.origin.address);
        match self.rates.take_for_address(limit, rate, address).await {
            Err(RateLimitError::Exceeded(exceeded)) => Some(exceeded),
            Ok(_) | Err(RateLimitError::Unavailable(_)) => None,
        }
    }

    /// Refuses a sign-in that shows no live `state`: it is summarised in the trail, see [`Refusals`].
    pub(super) async fn refuse_stranger<T>(
        &self,
        context: &RequestContext,
        error: SignInError,
    ) -> Result<T, SignInError> {
        if let SignInError::Unavailable(_) | SignInError::RateLimited(_) = error {
            return Err(error);
        }
        self.summarise(Refusals::SignIn, context, error.reason());
        let Some(limit) = counted(&error) else {
            return Err(error);
        };
        let exceeded = self.count_refusal(context, limit).await;
        Err(exceeded.map_or(error, SignInError::RateLimited))
    }

    /// Refuses a sign-in whose `state` is or was live: with an event of its own, as long as the address has one left and
    /// there are not too many of all addresses; otherwise it is summarised. Beginning a sign-in is free for everybody, so
    /// these could be made without end.
    pub(super) async fn refuse_sign_in<T>(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        error: SignInError,
    ) -> Result<T, SignInError> {
        let exceeded = self.count_refusal(context, LimitName::RefusedSignIns).await;
        let by_provider = matches!(error, SignInError::Provider(ProviderError::Refused { .. }));
        if exceeded.is_some() || !self.refusals.allows_event(by_provider, self.now()) {
            self.summarise(Refusals::SignIn, context, error.reason());
            return Err(error);
        }
        let provider = self
            .provider(provider)
            .map(|known| known.id().as_str().to_owned());
        let refused = Happened::SignInRefused {
            provider,
            reason: error.reason().to_owned(),
        };
        self.append(context, refused).await?;
        Err(error)
    }
}

/// The limit that a refusal without a live `state` counts against. None where it says nothing about the visitor: the
/// provider does not answer, or does not send what nobody here asked for by the visitor's will.
fn counted(error: &SignInError) -> Option<LimitName> {
    match error {
        SignInError::Unavailable(_)
        | SignInError::RateLimited(_)
        | SignInError::Provider(ProviderError::Misconfigured(_) | ProviderError::Unavailable(_))
        | SignInError::Provider(ProviderError::Rejected {
            reason: RejectReason::Unsolicited,
            ..
        }) => None,
        SignInError::UnknownProvider
        | SignInError::Unreadable
        | SignInError::Expired
        | SignInError::OtherBrowser
        | SignInError::OtherProvider => Some(LimitName::Failures),
        SignInError::Replayed
        | SignInError::EndedByProvider
        | SignInError::Provider(ProviderError::Refused { .. } | ProviderError::Rejected { .. }) => {
            Some(LimitName::UnverifiedMessages)
        }
    }
}
