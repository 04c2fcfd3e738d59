//! Sign-out: at the gateway first, then at the provider, or on request of the provider.

use std::borrow::Cow;

use crate::audit::{RefusalKind, RequestContext};
use crate::base::limits;
use crate::base::secret::{SessionSecret, State, random_token};
use crate::identity::{Identity, ProviderId};
use crate::record::StoreError;
use crate::record::rate_limit::{LimitExceeded, LimitName};
use crate::session::{RemainingClients, Session};
use crate::sign_in::{
    BrowserDelivery, Challenge, LogoutMessage, Message, PendingSignOut, ProviderError, SignIns,
    relay_state,
};

/// Reason why a logout message of a provider had no effect.
#[derive(Debug, thiserror::Error)]
pub enum SignOutError {
    /// No SAML provider with this id is configured.
    #[error("unknown identity provider")]
    UnknownProvider,
    /// The message is not a single logout message.
    #[error("the identity provider's response is malformed")]
    Unreadable,
    /// No sign-out with this `state` is in progress: it has expired or is complete.
    #[error("this sign-out has expired or is already complete")]
    Expired,
    /// The request was used before.
    #[error("the identity provider's request was already used")]
    Replayed,
    /// Error of the provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Too many refusals from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// The store or the audit trail is unavailable.
    #[error("sign-out is unavailable")]
    Unavailable(#[from] StoreError),
}

impl SignOutError {
    /// Stable code for the audit trail.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::Unreadable => "unreadable",
            Self::Expired => "expired_state",
            Self::Replayed => "replayed",
            Self::Provider(ProviderError::Refused { error, .. }) => error,
            Self::Provider(ProviderError::Rejected { reason, .. }) => reason.code(),
            Self::Provider(ProviderError::Misconfigured(_)) => "provider_misconfigured",
            Self::Provider(ProviderError::Unavailable(_)) => "provider_unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Returns the limit on messages delivered this way: any page can load a frame, so refusals in frames have a separate
/// limit.
fn limit(by: BrowserDelivery) -> LimitName {
    match by {
        BrowserDelivery::Navigation => LimitName::UnverifiedMessages,
        BrowserDelivery::Frame => LimitName::UnverifiedFrames,
    }
}

/// Returns whether a message was verified, which costs processor time, before it was refused.
fn was_verified(error: &SignOutError) -> bool {
    match error {
        SignOutError::UnknownProvider
        | SignOutError::Unreadable
        | SignOutError::Expired
        | SignOutError::RateLimited(_)
        | SignOutError::Unavailable(_)
        | SignOutError::Provider(ProviderError::Misconfigured(_) | ProviderError::Unavailable(_)) => {
            false
        }
        SignOutError::Replayed
        | SignOutError::Provider(ProviderError::Refused { .. } | ProviderError::Rejected { .. }) => {
            true
        }
    }
}

/// A session that has ended at the gateway.
#[derive(Debug)]
pub struct SignedOut {
    /// Message with which the browser ends the session at the provider, if the provider supports it.
    pub upstream: Option<Challenge>,
    /// Clients in which the person is still signed in.
    pub remaining: Option<RemainingClients>,
}

impl SignIns {
    /// Ends this session at the gateway, and no other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the session still exists.
    pub async fn sign_out(
        &self,
        context: &RequestContext,
        session: &Session,
        secret: &SessionSecret,
    ) -> Result<SignedOut, StoreError> {
        let owner = (&session.identity).into();
        let entry = session.entry(secret.digest());
        self.sessions
            .end(context, &owner, &entry, "sign_out")
            .await?;
        let upstream = self.sign_out_upstream(&session.identity).await;
        // The session has ended. Without the store, only the offer to end the others is missing.
        let remaining = self
            .sessions
            .offer_remaining_clients(session)
            .await
            .unwrap_or_default();
        Ok(SignedOut {
            upstream,
            remaining,
        })
    }

    async fn sign_out_upstream(&self, identity: &Identity) -> Option<Challenge> {
        let provider = self.provider(&identity.provider)?;
        let state = State::new(random_token(self.entropy.as_ref()));
        let mut identity = Cow::Borrowed(identity);
        // The token would be in addresses and logs of browsers, proxies and the provider. The session may have begun
        // before an account trusted the provider.
        let policy = self.entitlements.policy();
        if policy.trusts_id_tokens_of(&identity.provider) {
            let identity = identity.to_mut();
            identity.evidence = identity.evidence.clone().without_id_token();
        }
        let (challenge, correlation) = provider.begin_sign_out(&identity, &state).await?;
        if let Some(correlation) = correlation {
            let pending = PendingSignOut {
                provider: identity.provider.clone(),
                correlation,
            };
            let until = self.clock.now() + limits::SIGN_IN_MAX;
            let kept = self.records.insert(state.digest(), &pending, until);
            // The session has ended. Without the stored request, the response could not be distinguished from a forged
            // one.
            kept.await.ok()?;
        }
        Some(challenge)
    }

    /// Handles the provider's response to the gateway's logout request. The session at the gateway has already ended.
    ///
    /// # Errors
    /// [`SignOutError`], summarized in the trail; [`ProviderError::Refused`] if the session at the provider was not
    /// ended.
    pub async fn handle_logout_response(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        relay_state: Option<&str>,
        message: LogoutMessage,
    ) -> Result<(), SignOutError> {
        let state = relay_state::state(relay_state);
        let answered = self.try_answered(context, provider, state, message).await;
        if let Err(error) = &answered
            && !matches!(
                error,
                SignOutError::Unavailable(_) | SignOutError::RateLimited(_)
            )
        {
            self.journal
                .count_refusal(RefusalKind::SignOut, context, error.code());
        }
        answered
    }

    async fn try_answered(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        state: Option<State>,
        message: LogoutMessage,
    ) -> Result<(), SignOutError> {
        let saml = self
            .saml(provider)
            .map_err(|_| SignOutError::UnknownProvider)?;
        let state = state.ok_or(SignOutError::Expired)?;
        let (key, records) = (state.digest(), &self.records);
        // Only responses to existing requests have priority, and one is verified for each request.
        if records.get::<PendingSignOut>(key).await?.is_none() {
            return Err(SignOutError::Expired);
        }
        let position = self.queue_position(context, Message::Solicited)?;
        let pending: Option<PendingSignOut> = records.take(key).await?;
        let pending = pending
            .filter(|pending| &pending.provider == provider)
            .ok_or(SignOutError::Expired)?;
        let answered = saml.verify_logout_response(pending.correlation, message, &position);
        Ok(answered.await?)
    }

    /// Ends the sessions that the provider requests to end (SAML Profiles 4.4), regardless of the browser that delivers
    /// the request. Returns the message for that browser.
    ///
    /// # Errors
    /// [`SignOutError`]; refusals are summarized in the trail.
    pub async fn handle_logout_request(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        message: Option<LogoutMessage>,
        by: BrowserDelivery,
    ) -> Result<Option<Challenge>, SignOutError> {
        let error = match self
            .process_logout_request(context, provider, message, by)
            .await
        {
            Ok(challenge) => return Ok(challenge),
            Err(error @ (SignOutError::Unavailable(_) | SignOutError::RateLimited(_))) => {
                return Err(error);
            }
            Err(error) => error,
        };
        self.journal
            .count_refusal(RefusalKind::SignOut, context, error.code());
        if !was_verified(&error) {
            return Err(error);
        }
        let exceeded = self
            .rates
            .count_refusal(context.client_info.address, limit(by))
            .await;
        Err(exceeded.map_or(error, SignOutError::RateLimited))
    }

    async fn process_logout_request(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        message: Option<LogoutMessage>,
        by: BrowserDelivery,
    ) -> Result<Option<Challenge>, SignOutError> {
        let saml = self
            .saml(provider)
            .map_err(|_| SignOutError::UnknownProvider)?;
        let message = message.ok_or(SignOutError::Unreadable)?;
        let position = self.queue_position(context, Message::Unsolicited(by))?;
        let request = saml.verify_logout_request(message, &position).await?;
        drop(position);
        if self.was_consumed(provider, &request.replay_key).await? {
            return Err(SignOutError::Replayed);
        }
        self.end_requested_sessions(context, provider, &request)
            .await?;
        // Consumed after it took effect: a provider that received an error sends it again.
        match self.consume_once(provider, Some(request.replay_key)).await {
            // The same request arrived twice at once, and took effect both times.
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(saml.logout_response(&request, by).await)
    }

    /// Ends the session that this browser had before a new sign-in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(super) async fn replace_session(
        &self,
        context: &RequestContext,
        old: &SessionSecret,
    ) -> Result<(), StoreError> {
        match self.sessions.session(old).await? {
            Some(session) => {
                let (owner, entry) = ((&session.identity).into(), session.entry(old.digest()));
                self.sessions.end(context, &owner, &entry, "replaced").await
            }
            None => Ok(()),
        }
    }
}
