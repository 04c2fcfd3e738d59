//! Sign-in over SAML: another site posts the response, without the gateway's cookies, so the gateway holds it until the
//! browser fetches its session. Also unsolicited responses, if the provider may send them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{BrowserSecret, SamlResponse, SecretDigest, State};
use crate::identity::ProviderId;
use crate::record::rate_limit::RateLimitError;
use crate::record::{Record, StoreError};
use crate::sign_in::begin::Continuation;
use crate::sign_in::held::HeldSlot;
use crate::sign_in::{
    BrowserDelivery, BrowserSecrets, Callback, CallbackParams, HeldResponse, Message,
    PackedResponse, PendingSignIn, ProviderError, RejectReason, ReplayKey, ReturnTo,
    SamlServiceProvider, SignInCompleted, SignInError, SignIns, relay_state,
};

/// A response as another site's page posted it (SAML Bindings 3.5.4): untrusted.
#[derive(Clone, Debug)]
pub struct PostedResponse {
    /// `SAMLResponse`
    pub response: SamlResponse,
    /// `RelayState`, untrusted.
    pub relay_state: Option<String>,
}

/// Result of accepting a response.
#[derive(Debug)]
pub enum AcceptedResponse {
    /// It belongs to the sign-in with this state, and is held until the browser fetches its session
    /// ([`SignIns::complete_held_sign_in`]).
    Held(State),
    /// The provider started the sign-in, which is complete.
    SignedIn(Box<SignInCompleted>),
}

/// A consumed document: one for each kind and digest, until the document would be too old.
#[derive(Serialize, Deserialize)]
struct ConsumedMessage {
    at: DateTime<Utc>,
}

impl Record for ConsumedMessage {
    const KIND: &'static str = "spent";
}

impl ConsumedMessage {
    fn key(provider: &ProviderId, replay_key: &ReplayKey) -> SecretDigest {
        SecretDigest::of(
            "rolecall/spent/v1",
            &[provider.as_str().as_bytes(), replay_key.digest.as_bytes()],
        )
    }
}

impl SignIns {
    /// Returns the gateway's SAML metadata for this provider; none if it is not a SAML provider.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::Provider`].
    pub fn saml_metadata(&self, provider: &ProviderId) -> Result<String, SignInError> {
        Ok(self.saml(provider)?.metadata()?)
    }

    /// Accepts a posted response. If its `RelayState` is the `state` of a sign-in, the response is held for the browser
    /// that started the sign-in; otherwise it is unsolicited (SAML Profiles 4.1.5).
    ///
    /// # Errors
    /// [`SignInError`]; every refusal is audited with its reason.
    pub async fn accept_response(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: &BrowserSecrets,
        posted: PostedResponse,
    ) -> Result<AcceptedResponse, SignInError> {
        let PostedResponse {
            response,
            relay_state,
        } = posted;
        match relay_state::state(relay_state.as_deref()) {
            Some(state) => {
                self.hold_response(context, provider, &state, response)
                    .await?;
                Ok(AcceptedResponse::Held(state))
            }
            None => {
                let completed =
                    self.complete_unsolicited_sign_in(context, provider, secrets, response);
                Ok(AcceptedResponse::SignedIn(Box::new(completed.await?)))
            }
        }
    }

    /// Holds a response until its browser fetches the session with [`SignIns::complete_held_sign_in`]. It must be the
    /// response to a sign-in in progress, for which one response is held and only a few are verified.
    async fn hold_response(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        state: &State,
        response: SamlResponse,
    ) -> Result<(), SignInError> {
        match self.try_hold(context, provider, state, response).await {
            Ok(()) => Ok(()),
            Err(error @ (SignInError::Unavailable(_) | SignInError::RateLimited(_))) => Err(error),
            Err(error @ (SignInError::Expired | SignInError::UnknownProvider)) => {
                self.refuse_without_state(context, error).await
            }
            Err(error) => {
                let refused = self.refuse_sign_in(context, provider, error).await;
                let pending = self.records.get::<PendingSignIn>(state.digest()).await;
                refused.map_err(|error| match pending {
                    Ok(Some(pending)) => pending.record.explain(error),
                    Ok(None) | Err(_) => error,
                })
            }
        }
    }

    async fn try_hold(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        state: &State,
        response: SamlResponse,
    ) -> Result<(), SignInError> {
        let saml = self.saml(provider)?;
        let key = state.digest();
        let pending = self.records.get::<PendingSignIn>(key).await?;
        let pending = pending.ok_or(SignInError::Expired)?.record;
        if &pending.provider != provider {
            return Err(SignInError::OtherProvider);
        }
        match self.admit_response(key).await {
            Ok(()) => {}
            Err(RateLimitError::Exceeded(_)) => return Err(SignInError::Replayed),
            Err(RateLimitError::Unavailable(error)) => return Err(error.into()),
        }
        let kept = async {
            let position = self.queue_position(context, Message::Solicited)?;
            let screened = saml
                .verify_and_pack(&pending.correlation, response, &position)
                .await?;
            drop(position);
            Ok(self.keep_screened(key, screened).await?)
        };
        let kept: Result<(), SignInError> = kept.await;
        if let Err(
            SignInError::RateLimited(_)
            | SignInError::Unavailable(_)
            | SignInError::Provider(ProviderError::Unavailable(_)),
        ) = kept
        {
            self.release_response(key).await;
        }
        kept
    }

    /// If a form was sent twice, the browser continues with the response that is already held.
    async fn keep_screened(
        &self,
        key: SecretDigest,
        packed: PackedResponse,
    ) -> Result<(), StoreError> {
        let held = HeldResponse::Packed { packed };
        let kept = match self.reserve_held(key, held.bytes()) {
            Ok(slot) => self.keep_held(slot, &held).await,
            // The other form has reserved the capacity, but may not be stored yet, and may fail.
            Err(StoreError::Exists) => self.insert_held(key, &held).await,
            Err(error) => Err(error),
        };
        match kept {
            Err(StoreError::Exists) => Ok(()),
            kept => kept,
        }
    }

    /// Reserves capacity for a response that is held for its browser.
    ///
    /// # Errors
    /// [`StoreError`], see [`crate::sign_in::held::HeldBytes::reserve`].
    pub(crate) fn reserve_held(
        &self,
        key: SecretDigest,
        bytes: usize,
    ) -> Result<HeldSlot<'_>, StoreError> {
        let now = self.clock.now();
        self.held
            .reserve(key, bytes, now, now + limits::HELD_RESPONSE_MAX)
    }

    /// Stores a verified response in its reserved capacity until its browser arrives.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) async fn keep_held<R: Record>(
        &self,
        slot: HeldSlot<'_>,
        held: &R,
    ) -> Result<(), StoreError> {
        let kept = self.insert_held(slot.key(), held).await;
        // If another form was stored without a reservation, this form's reservation covers it.
        if let Ok(()) | Err(StoreError::Exists) = kept {
            slot.keep();
        }
        kept
    }

    async fn insert_held<R: Record>(&self, key: SecretDigest, held: &R) -> Result<(), StoreError> {
        let until = self.clock.now() + limits::HELD_RESPONSE_MAX;
        self.records.insert(key, held, until).await
    }

    /// Removes and returns a response that [`SignIns::keep_held`] stored.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub(crate) async fn take_held<R: Record>(
        &self,
        key: SecretDigest,
    ) -> Result<Option<R>, StoreError> {
        let held = self.records.take(key).await?;
        self.held.release(&key);
        Ok(held)
    }

    /// Completes a sign-in whose response is held: as [`SignIns::complete_sign_in`], with the browser's own cookies. In
    /// another browser the response stays held.
    ///
    /// # Errors
    /// As [`SignIns::complete_sign_in`].
    pub async fn complete_held_sign_in(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: &BrowserSecrets,
        state: State,
    ) -> Result<SignInCompleted, SignInError> {
        let key = state.digest();
        let pending = self.records.get::<PendingSignIn>(key).await?;
        let Some(pending) = pending else {
            return self
                .refuse_without_state(context, SignInError::Expired)
                .await;
        };
        let own = pending.record.browser;
        if secrets.browser.as_ref().map(BrowserSecret::digest) != Some(own) {
            let error = SignInError::OtherBrowser;
            return self.refuse_sign_in(context, provider, error).await;
        }
        let held: Option<HeldResponse> = self.take_held(key).await?;
        let Some(held) = held else {
            return self
                .refuse_without_state(context, SignInError::Expired)
                .await;
        };
        let response = match self.unpacked(provider, &held) {
            Ok(response) => response,
            Err(error) => return self.refuse_sign_in(context, provider, error).await,
        };
        let callback = Callback::Saml(response);
        let returned = CallbackParams { state, callback };
        self.complete_sign_in(context, provider, secrets, Some(returned))
            .await
    }

    /// Completes an unsolicited sign-in (SAML Profiles 4.1.5), if the provider may start one. It is not bound to a
    /// browser and always leads to the portal.
    async fn complete_unsolicited_sign_in(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: &BrowserSecrets,
        response: SamlResponse,
    ) -> Result<SignInCompleted, SignInError> {
        let completed = self.try_unsolicited(context, provider, secrets, response);
        match completed.await {
            Ok(signed_in) => Ok(signed_in),
            // The audit trail already contains the end of its session.
            Err(error @ SignInError::EndedByProvider) => Err(error),
            Err(error) => self.refuse_without_state(context, error).await,
        }
    }

    /// Unpacks the held response.
    pub(crate) fn unpacked(
        &self,
        provider: &ProviderId,
        held: &HeldResponse,
    ) -> Result<SamlResponse, SignInError> {
        match held {
            HeldResponse::Packed { packed } => Ok(self.saml(provider)?.unpack(packed)?),
            HeldResponse::Posted { response } => Ok(SamlResponse::new(response.expose())),
        }
    }

    async fn try_unsolicited(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: &BrowserSecrets,
        response: SamlResponse,
    ) -> Result<SignInCompleted, SignInError> {
        let saml = self.saml(provider)?;
        let position =
            self.queue_position(context, Message::Unsolicited(BrowserDelivery::Navigation))?;
        let verified = saml.complete_unsolicited(response, &position).await?;
        drop(position);
        // Anyone who obtains a response that can be replayed could sign in with it.
        if verified.replay_key.is_none() {
            let again = "an unsolicited response must be usable only once";
            return Err(ProviderError::rejected(RejectReason::Unsolicited, again).into());
        }
        let continuation = Continuation {
            return_to: ReturnTo::portal(),
            unsolicited: true,
            replaces: secrets.session.as_ref(),
            stepped_up: false,
        };
        self.finish_verified(context, verified, continuation).await
    }

    pub(crate) fn saml(
        &self,
        provider: &ProviderId,
    ) -> Result<&dyn SamlServiceProvider, SignInError> {
        self.provider(provider)
            .and_then(|known| known.saml())
            .ok_or(SignInError::UnknownProvider)
    }

    /// Consumes a document before it has any effect.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it was consumed before, [`StoreError::Unavailable`].
    pub(crate) async fn consume_once(
        &self,
        provider: &ProviderId,
        replay_key: Option<ReplayKey>,
    ) -> Result<(), StoreError> {
        let Some(replay_key) = replay_key else {
            return Ok(());
        };
        let at = self.clock.now();
        let key = ConsumedMessage::key(provider, &replay_key);
        // `until` includes the clock skew; documents that are too old by the gateway's clock were rejected before.
        let until = replay_key.until;
        self.records
            .insert(key, &ConsumedMessage { at }, until)
            .await
    }

    /// Returns whether a document was consumed.
    pub(super) async fn was_consumed(
        &self,
        provider: &ProviderId,
        replay_key: &ReplayKey,
    ) -> Result<bool, StoreError> {
        let key = ConsumedMessage::key(provider, replay_key);
        let spent = self.records.get::<ConsumedMessage>(key).await?;
        Ok(spent.is_some())
    }
}
