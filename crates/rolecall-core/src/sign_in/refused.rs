//! Refused sign-ins: which of them count against an address, and which have their own event in the audit trail.
//!
//! A request without valid gateway data can be repeated without limit, so its refusals are summarized. A message that
//! fails verification costs processor time, so it has a separate limit; beyond that limit, the response is 429.
//! [`crate::sign_in::message_queue`] determines when messages are verified.

use crate::audit::{AuditEventKind, RefusalKind, RequestContext};
use crate::identity::ProviderId;
use crate::record::rate_limit::LimitName;
use crate::sign_in::{ProviderError, RejectReason, SignInError, SignIns};

impl SignIns {
    /// Refuses a sign-in without a live `state`: the audit trail contains a summary, see [`RefusalKind`].
    pub(crate) async fn refuse_without_state<T>(
        &self,
        context: &RequestContext,
        error: SignInError,
    ) -> Result<T, SignInError> {
        if let SignInError::Unavailable(_) | SignInError::RateLimited(_) = error {
            return Err(error);
        }
        self.journal
            .count_refusal(RefusalKind::SignIn, context, error.code());
        let Some(limit) = counted(&error) else {
            return Err(error);
        };
        let exceeded = self
            .rates
            .count_refusal(context.client_info.address, limit)
            .await;
        Err(exceeded.map_or(error, SignInError::RateLimited))
    }

    /// Refuses a sign-in whose `state` is or was live: with its own event while the address has one left and the limit
    /// for all addresses is not reached, otherwise in a summary. Anyone can start a sign-in, so these refusals can be
    /// repeated without limit.
    pub(super) async fn refuse_sign_in<T>(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        error: SignInError,
    ) -> Result<T, SignInError> {
        let exceeded = self
            .rates
            .count_refusal(context.client_info.address, LimitName::RefusedSignIns)
            .await;
        let by_provider = matches!(error, SignInError::Provider(ProviderError::Refused { .. }));
        if exceeded.is_some() || !self.journal.allows_event(by_provider) {
            self.journal
                .count_refusal(RefusalKind::SignIn, context, error.code());
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

/// Limit that a refusal without a live `state` counts against. None if the client is not the cause: the provider does
/// not respond, or sends an unsolicited response without the user's action.
fn counted(error: &SignInError) -> Option<LimitName> {
    match error {
        SignInError::Unavailable(_)
        | SignInError::RateLimited(_)
        | SignInError::InteractionRequired(_)
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
        SignInError::StepUp(failed) => counted(&failed.error),
        SignInError::Replayed
        | SignInError::EndedByProvider
        | SignInError::OtherPerson
        | SignInError::Provider(ProviderError::Refused { .. } | ProviderError::Rejected { .. }) => {
            Some(LimitName::UnverifiedMessages)
        }
    }
}
