//! Refusals: which of them count against an address, and which get an event of their own in the audit trail.
//!
//! A request that shows nothing of ours can be made any number of times, so its refusals are summarised. Messages that were
//! verified in vain cost processor time, so they count apart from everything else; beyond their limit they are answered with
//! it. When they are verified, [`crate::sign_in::turns`] says.

use crate::audit::{AuditEventKind, Refusals, RequestContext};
use crate::identity::ProviderId;
use crate::record::rate_limit::LimitName;
use crate::sign_in::{ProviderError, RejectReason, SignInError, SignIns};

impl SignIns {
    /// Refuses a sign-in that shows no live `state`: it is summarised in the trail, see [`Refusals`].
    pub(crate) async fn refuse_stranger<T>(
        &self,
        context: &RequestContext,
        error: SignInError,
    ) -> Result<T, SignInError> {
        if let SignInError::Unavailable(_) | SignInError::RateLimited(_) = error {
            return Err(error);
        }
        self.journal
            .count_refusal(Refusals::SignIn, context, error.code());
        let Some(limit) = counted(&error) else {
            return Err(error);
        };
        let exceeded = self
            .rates
            .count_refusal(context.origin.address, limit)
            .await;
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
        let exceeded = self
            .rates
            .count_refusal(context.origin.address, LimitName::RefusedSignIns)
            .await;
        let by_provider = matches!(error, SignInError::Provider(ProviderError::Refused { .. }));
        if exceeded.is_some() || !self.journal.allows_event(by_provider) {
            self.journal
                .count_refusal(Refusals::SignIn, context, error.code());
            return Err(error);
        }
        let provider = self
            .provider(provider)
            .map(|known| known.id().as_str().to_owned());
        let refused = AuditEventKind::SignInRefused {
            provider,
            reason: error.code().to_owned(),
        };
        self.journal.append(context, refused).await?;
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
