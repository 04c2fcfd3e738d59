//! Signing out: here first, then at the provider; and because the provider says so.

use crate::audit::{Refusals, RequestContext};
use crate::base::limits;
use crate::base::secret::{SessionSecret, State, random_token};
use crate::identity::{Identity, ProviderId};
use crate::record::StoreError;
use crate::record::rate_limit::{LimitExceeded, LimitName};
use crate::session::{RemainingClients, Session};
use crate::sign_in::{
    Challenge, LogoutMessage, Message, OrderedBy, PendingSignOut, ProviderError, SignIns,
    relay_state,
};

/// Why a provider's word on a sign-out had no effect.
#[derive(Debug, thiserror::Error)]
pub enum SignOutError {
    /// No SAML provider of this id is configured.
    #[error("there is no such identity provider")]
    UnknownProvider,
    /// What came is no message of single logout.
    #[error("what the identity provider sent cannot be read")]
    Unreadable,
    /// No sign-out of this `state` is under way: it took too long, or has ended already.
    #[error("this sign-out has expired or was answered already")]
    Expired,
    /// The same order was given before.
    #[error("the identity provider's request was used already")]
    Replayed,
    /// The provider's side.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Too many refusals from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Our own store or audit trail.
    #[error("sign-out is unavailable")]
    Unavailable(#[from] StoreError),
}

impl SignOutError {
    /// A stable word for the audit trail.
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

/// The limit on messages that come this way: any page can load a frame, so refusals there count apart from those of
/// navigations.
fn limit(by: OrderedBy) -> LimitName {
    match by {
        OrderedBy::Navigation => LimitName::UnverifiedMessages,
        OrderedBy::Frame => LimitName::UnverifiedFrames,
    }
}

/// Whether processor time was spent on a message before it was refused.
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

/// A session that has ended here.
#[derive(Debug)]
pub struct SignedOut {
    /// What the browser goes on with to end the session at the provider as well, if there is a way.
    pub upstream: Option<Challenge>,
    /// What the person is still signed in with elsewhere.
    pub remaining: Option<RemainingClients>,
}

impl SignIns {
    /// Ends this session here, and no other.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the session lives on.
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
        // The session here is over: without the store the offer is all that is missing.
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
        let (challenge, correlation) = provider.begin_sign_out(identity, &state).await?;
        if let Some(correlation) = correlation {
            let pending = PendingSignOut {
                provider: identity.provider.clone(),
                correlation,
            };
            let until = self.clock.now() + limits::SIGN_IN_MAX;
            let kept = self.records.insert(state.digest(), &pending, until);
            // The session here is over; without a memory of the request its answer could not be told from a stranger's.
            kept.await.ok()?;
        }
        Some(challenge)
    }

    /// Hears what the provider says to our request to end its session too. The session here has ended long since.
    ///
    /// # Errors
    /// [`SignOutError`], summarised in the trail; [`ProviderError::Refused`] where the session at the provider goes on.
    pub async fn sign_out_answered(
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
                .count_refusal(Refusals::SignOut, context, error.code());
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
        // Only an answer to a request of ours waits among the others, and one is verified for each.
        if records.get::<PendingSignOut>(key).await?.is_none() {
            return Err(SignOutError::Expired);
        }
        let turn = self.turn(context, Message::Answer)?;
        let pending: Option<PendingSignOut> = records.take(key).await?;
        let pending = pending
            .filter(|pending| &pending.provider == provider)
            .ok_or(SignOutError::Expired)?;
        let answered = saml.logout_answered(pending.correlation, message, &turn);
        Ok(answered.await?)
    }

    /// Ends the sessions that the provider orders to end (SAML Profiles 4.4), whichever browser brings the order; returns
    /// what that browser goes back with.
    ///
    /// # Errors
    /// [`SignOutError`]; refusals are summarised in the trail.
    pub async fn sign_out_ordered(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        message: Option<LogoutMessage>,
        by: OrderedBy,
    ) -> Result<Option<Challenge>, SignOutError> {
        let error = match self.obey(context, provider, message, by).await {
            Ok(challenge) => return Ok(challenge),
            Err(error @ (SignOutError::Unavailable(_) | SignOutError::RateLimited(_))) => {
                return Err(error);
            }
            Err(error) => error,
        };
        self.journal
            .count_refusal(Refusals::SignOut, context, error.code());
        if !was_verified(&error) {
            return Err(error);
        }
        let exceeded = self
            .rates
            .count_refusal(context.origin.address, limit(by))
            .await;
        Err(exceeded.map_or(error, SignOutError::RateLimited))
    }

    async fn obey(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        message: Option<LogoutMessage>,
        by: OrderedBy,
    ) -> Result<Option<Challenge>, SignOutError> {
        let saml = self
            .saml(provider)
            .map_err(|_| SignOutError::UnknownProvider)?;
        let message = message.ok_or(SignOutError::Unreadable)?;
        let turn = self.turn(context, Message::Unasked(by))?;
        let order = saml.logout_ordered(message, &turn).await?;
        drop(turn);
        if self.was_spent(provider, &order.once).await? {
            return Err(SignOutError::Replayed);
        }
        self.end_ordered(context, provider, &order).await?;
        // It counts as used when it has been obeyed: a provider that was told of an outage sends it again.
        match self.consume_once(provider, Some(order.once)).await {
            // The same order came twice at once, and both times it was obeyed.
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(saml.logout_done(&order, by).await)
    }

    /// Ends the session that the browser held before a new sign-in.
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
