//! Signing in over SAML: a response comes as a form of another site, without our cookies, so it waits here until its own
//! browser asks for the session; and a response that nobody asked for, where the provider may send one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::{BrowserSecret, SamlResponse, SecretDigest, State};
use crate::identity::ProviderId;
use crate::record::rate_limit::RateLimitError;
use crate::record::{Record, StoreError};
use crate::sign_in::begin::Continuation;
use crate::sign_in::held::Room;
use crate::sign_in::{
    BrowserSecrets, Callback, CallbackParams, HeldResponse, Message, OrderedBy, PackedResponse,
    PendingSignIn, ProviderError, RejectReason, ReplayKey, ReturnTo, SamlServiceProvider,
    SignInCompleted, SignInError, SignIns, relay_state,
};

/// A response as another site's page posted it (SAML Bindings 3.5.4): untrusted.
#[derive(Clone, Debug)]
pub struct PostedResponse {
    /// `SAMLResponse`
    pub response: SamlResponse,
    /// `RelayState`
    pub relay_state: Option<String>,
}

/// What became of a response that was posted.
#[derive(Debug)]
pub enum AcceptedResponse {
    /// It answers the sign-in of this state, and is held until the browser comes for its session
    /// ([`SignIns::complete_held_sign_in`]).
    Held(State),
    /// The provider started the sign-in, and it is complete.
    SignedIn(Box<SignInCompleted>),
}

/// A document that has been used: of this kind and digest there is one, until it would be too old.
#[derive(Serialize, Deserialize)]
struct Spent {
    at: DateTime<Utc>,
}

impl Record for Spent {
    const KIND: &'static str = "spent";
}

impl Spent {
    fn key(provider: &ProviderId, once: &ReplayKey) -> SecretDigest {
        SecretDigest::of(
            "rolecall/spent/v1",
            &[provider.as_str().as_bytes(), once.digest.as_bytes()],
        )
    }
}

impl SignIns {
    /// Our SAML metadata for this provider; none where it is no SAML provider.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::Provider`].
    pub fn saml_metadata(&self, provider: &ProviderId) -> Result<String, SignInError> {
        Ok(self.saml(provider)?.metadata()?)
    }

    /// Accepts a response that was posted. Its `RelayState` decides what it is for: with the `state` of a sign-in it is held
    /// for the browser that began it, and without one it is unsolicited, a sign-in that the provider started (SAML Profiles
    /// 4.1.5).
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

    /// Keeps a response until its browser fetches the session with [`SignIns::complete_held_sign_in`]. It must be the answer
    /// to a sign-in under way, which holds one; few are verified for each.
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
                self.refuse_stranger(context, error).await
            }
            Err(error) => self.refuse_sign_in(context, provider, error).await,
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
            let turn = self.turn(context, Message::Answer)?;
            let screened = saml.screen(&pending.correlation, response, &turn).await?;
            drop(turn);
            Ok(self.keep_screened(key, screened).await?)
        };
        let kept: Result<(), SignInError> = kept.await;
        if let Err(
            SignInError::RateLimited(_)
            | SignInError::Unavailable(_)
            | SignInError::Provider(ProviderError::Unavailable(_)),
        ) = kept
        {
            self.give_response_back(key).await;
        }
        kept
    }

    /// A form that was sent twice is as good as one: its browser goes on with what is held.
    async fn keep_screened(
        &self,
        key: SecretDigest,
        packed: PackedResponse,
    ) -> Result<(), StoreError> {
        let held = HeldResponse::Packed { packed };
        let kept = match self.reserve_held(key, held.bytes()) {
            Ok(room) => self.keep_held(room, &held).await,
            // The other form has the room, but it may not be stored yet, and may fail.
            Err(StoreError::Exists) => self.insert_held(key, &held).await,
            Err(error) => Err(error),
        };
        match kept {
            Err(StoreError::Exists) => Ok(()),
            kept => kept,
        }
    }

    /// Takes room for a response that waits for its browser.
    ///
    /// # Errors
    /// [`StoreError`], see [`crate::sign_in::held::HeldBytes::reserve`].
    pub(crate) fn reserve_held(
        &self,
        key: SecretDigest,
        bytes: usize,
    ) -> Result<Room<'_>, StoreError> {
        let now = self.clock.now();
        self.held
            .reserve(key, bytes, now, now + limits::HELD_RESPONSE_MAX)
    }

    /// Keeps a verified response until its browser comes, in the room that was taken for it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) async fn keep_held<R: Record>(
        &self,
        room: Room<'_>,
        held: &R,
    ) -> Result<(), StoreError> {
        let kept = self.insert_held(room.key(), held).await;
        // Where another form was stored without room, this one's is for it.
        if let Ok(()) | Err(StoreError::Exists) = kept {
            room.keep();
        }
        kept
    }

    async fn insert_held<R: Record>(&self, key: SecretDigest, held: &R) -> Result<(), StoreError> {
        let until = self.clock.now() + limits::HELD_RESPONSE_MAX;
        self.records.insert(key, held, until).await
    }

    /// Takes a response out that [`SignIns::keep_held`] kept.
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

    /// Ends a sign-in whose response is held: as [`SignIns::complete_sign_in`], with the browser's own cookies. In another
    /// browser the response stays where it is.
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
            return self.refuse_stranger(context, SignInError::Expired).await;
        };
        let own = pending.record.browser;
        if secrets.browser.as_ref().map(BrowserSecret::digest) != Some(own) {
            let error = SignInError::OtherBrowser;
            return self.refuse_sign_in(context, provider, error).await;
        }
        let held: Option<HeldResponse> = self.take_held(key).await?;
        let Some(held) = held else {
            return self.refuse_stranger(context, SignInError::Expired).await;
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

    /// Ends a sign-in that the provider began (SAML Profiles 4.1.5), where it may. Such a sign-in is bound to no browser;
    /// it goes to the portal, whatever it says.
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
            // The end of its session is in the trail already.
            Err(error @ SignInError::EndedByProvider) => Err(error),
            Err(error) => self.refuse_stranger(context, error).await,
        }
    }

    /// The response that is held.
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
        let turn = self.turn(context, Message::Unasked(OrderedBy::Navigation))?;
        let vouched = saml.complete_unsolicited(response, &turn).await?;
        drop(turn);
        // What could be shown again and again must not sign in whoever shows it.
        if vouched.once.is_none() {
            let again = "a response that nobody asked for must count once";
            return Err(ProviderError::rejected(RejectReason::Unsolicited, again).into());
        }
        let continuation = Continuation {
            return_to: ReturnTo::portal(),
            unsolicited: true,
            replaces: secrets.session.as_ref(),
        };
        self.vouched_for(context, vouched, continuation).await
    }

    pub(crate) fn saml(
        &self,
        provider: &ProviderId,
    ) -> Result<&dyn SamlServiceProvider, SignInError> {
        self.provider(provider)
            .and_then(|known| known.saml())
            .ok_or(SignInError::UnknownProvider)
    }

    /// Uses up a document, before anything comes of it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where that has happened before, [`StoreError::Unavailable`].
    pub(crate) async fn consume_once(
        &self,
        provider: &ProviderId,
        once: Option<ReplayKey>,
    ) -> Result<(), StoreError> {
        let Some(once) = once else {
            return Ok(());
        };
        let at = self.clock.now();
        let key = Spent::key(provider, &once);
        // A verifier's leeway is in `until`; what is too old by our own clock is refused before it comes here.
        let until = once.until;
        self.records.insert(key, &Spent { at }, until).await
    }

    /// Whether a document has been used up.
    pub(super) async fn was_spent(
        &self,
        provider: &ProviderId,
        once: &ReplayKey,
    ) -> Result<bool, StoreError> {
        let key = Spent::key(provider, once);
        let spent = self.records.get::<Spent>(key).await?;
        Ok(spent.is_some())
    }
}
