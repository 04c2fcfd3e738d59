//! Starts and completes sign-ins: each in one browser, at one provider, once.

use crate::audit::{Actor, AuditEventKind, RefusalKind, RequestContext};
use crate::base::limits;
use crate::base::secret::{BrowserSecret, SecretText, SessionSecret, State, random_token};
use crate::caller::SessionId;
use crate::identity::{Identity, ProviderId};
use crate::record::StoreError;
use crate::record::rate_limit::{AddressSlots, LimitExceeded, RateLimitError};
use crate::session::{Owner, Session};
use crate::sign_in::{
    AuthnRequirements, Callback, Challenge, IdentityProvider, PendingSignIn, ProviderError,
    RejectReason, ReturnTo, SignIns, VerifiedSignIn, single_logout,
};

/// Request to sign in.
#[derive(Clone, Debug)]
pub struct SignInRequest {
    /// Requirements for the authentication.
    pub requirements: AuthnRequirements,
    /// Page to which the browser returns.
    pub return_to: ReturnTo,
}

/// Parameters of a provider's callback: untrusted.
#[derive(Clone, Debug)]
pub struct CallbackParams {
    /// `state` or `RelayState`: identifies the sign-in.
    pub state: State,
    /// Response of the provider.
    pub callback: Callback,
}

/// The secrets that a browser sent with its request.
#[derive(Clone, Debug, Default)]
pub struct BrowserSecrets {
    /// Binds sign-ins in progress to the browser.
    pub browser: Option<BrowserSecret>,
    /// Session secret; a completed sign-in replaces this session.
    pub session: Option<SessionSecret>,
}

/// How to complete a verified sign-in.
pub(super) struct Continuation<'b> {
    pub(super) return_to: ReturnTo,
    /// Whether the provider started it (SAML Profiles 4.1.5).
    pub(super) unsolicited: bool,
    /// The session that the new one replaces.
    pub(super) replaces: Option<&'b SessionSecret>,
}

/// A sign-in that has started.
#[derive(Debug)]
pub struct SignInStarted {
    /// Message with which the browser is sent to the provider.
    pub challenge: Challenge,
    /// Secret that the browser stores until the callback.
    pub browser: BrowserSecret,
}

/// A successful sign-in.
#[derive(Debug)]
pub struct SignInCompleted {
    /// New session secret of the browser.
    pub secret: SessionSecret,
    /// The new session.
    pub session: Session,
    /// Page to which the browser returns.
    pub return_to: ReturnTo,
}

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

impl SignIns {
    /// Starts a sign-in at `provider`, unless the audit trail is not writable, so that the sign-in could not complete.
    /// A browser keeps an existing secret, so several tabs can sign in at once. A live session is admitted if its
    /// address has no slot left.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::RateLimited`], [`SignInError::Unavailable`], and
    /// [`SignInError::Provider`], which is audited.
    pub async fn begin_sign_in(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: BrowserSecrets,
        request: SignInRequest,
    ) -> Result<SignInStarted, SignInError> {
        let adapter = self
            .provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        self.journal.accepts().await?;
        let begun_from = self
            .admit_sign_in(context, secrets.session.as_ref())
            .await?;
        let slots = begun_from.clone();
        let begin = self.begin_at(adapter.as_ref(), secrets.browser, request, slots);
        let begun = begin.await;
        if let Err(error) = &begun {
            // No sign-in was started, and the user did not cause that.
            self.release_sign_in(begun_from.as_ref()).await;
            if let SignInError::Provider(_) = error {
                self.journal
                    .count_refusal(RefusalKind::SignIn, context, error.code());
            }
        }
        begun
    }

    async fn begin_at(
        &self,
        adapter: &dyn IdentityProvider,
        browser: Option<BrowserSecret>,
        request: SignInRequest,
        begun_from: Option<AddressSlots>,
    ) -> Result<SignInStarted, SignInError> {
        let entropy = self.entropy.as_ref();
        let state = State::new(random_token(entropy));
        let browser = browser.unwrap_or_else(|| BrowserSecret::new(random_token(entropy)));
        let (challenge, correlation) = adapter.begin(&state, &request.requirements).await?;
        let pending = PendingSignIn {
            provider: adapter.id().clone(),
            browser: browser.digest(),
            correlation,
            return_to: request.return_to,
            begun_from,
        };
        let until = self.clock.now() + limits::SIGN_IN_MAX;
        self.records.insert(state.digest(), &pending, until).await?;
        Ok(SignInStarted { challenge, browser })
    }

    /// Completes a sign-in; `returned` is none if the response could not be parsed. The pending record is removed from
    /// the store before the provider is called, and the sign-in is in the audit trail before a session exists. The
    /// previous session of the browser is ended.
    ///
    /// # Errors
    /// [`SignInError`]; every refusal is audited with its reason.
    pub async fn complete_sign_in(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: &BrowserSecrets,
        returned: Option<CallbackParams>,
    ) -> Result<SignInCompleted, SignInError> {
        let browser = match (&secrets.browser, &returned) {
            (Some(browser), _) => browser,
            (None, returned) => {
                return self
                    .refuse_without_browser(context, provider, returned)
                    .await;
            }
        };
        let (pending, callback) = match self.take_pending(provider, returned).await {
            Ok(taken) => taken,
            Err(error) => return self.refuse_without_state(context, error).await,
        };
        let begun_from = pending.begun_from.clone();
        let verified = self.verify_sign_in(provider, browser, pending, callback);
        let signed_in = match verified.await {
            Ok((verified, return_to)) => {
                let continuation = Continuation {
                    return_to,
                    unsolicited: false,
                    replaces: secrets.session.as_ref(),
                };
                self.finish_verified(context, verified, continuation).await
            }
            Err(error) => Err(error),
        };
        match signed_in {
            Ok(signed_in) => {
                self.sign_in_completed(begun_from.as_ref()).await;
                Ok(signed_in)
            }
            // The audit trail already contains the end of its session.
            Err(error @ (SignInError::Unavailable(_) | SignInError::EndedByProvider)) => Err(error),
            Err(error) => self.refuse_sign_in(context, provider, error).await,
        }
    }

    /// Refuses a browser without a valid secret. The sign-in can still complete in its own browser.
    async fn refuse_without_browser(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        returned: &Option<CallbackParams>,
    ) -> Result<SignInCompleted, SignInError> {
        let Some(returned) = returned else {
            return self
                .refuse_without_state(context, SignInError::Unreadable)
                .await;
        };
        let records = &self.records;
        let pending = records
            .get::<PendingSignIn>(returned.state.digest())
            .await?;
        let error = SignInError::OtherBrowser;
        match (self.provider(provider), pending) {
            (Some(_), Some(_)) => self.refuse_sign_in(context, provider, error).await,
            (None, _) => {
                let error = SignInError::UnknownProvider;
                self.refuse_without_state(context, error).await
            }
            (Some(_), None) => self.refuse_without_state(context, error).await,
        }
    }

    /// Consumes the assertion, starts the session, and ends the session that it replaces. This order prevents a replay,
    /// even if the assertion is presented to several replicas at once. The caller audits a refusal.
    pub(super) async fn finish_verified(
        &self,
        context: &RequestContext,
        verified: VerifiedSignIn,
        continuation: Continuation<'_>,
    ) -> Result<SignInCompleted, SignInError> {
        verified.require_groups()?;
        let (mut identity, replay_key) = (verified.identity, verified.replay_key);
        if let Err(why) = self.entitlements.policy().check_claims(&mut identity) {
            let rejected = ProviderError::rejected(RejectReason::Claims, why.to_string());
            return Err(rejected.into());
        }
        match self.consume_once(&identity.provider, replay_key).await {
            Ok(()) => {}
            Err(StoreError::Exists) => return Err(SignInError::Replayed),
            Err(error) => return Err(error.into()),
        }
        let replaced = continuation.replaces;
        let signed_in = self.begin_session(context, identity, continuation).await?;
        if let Some(replaced) = replaced {
            self.replace_session(context, replaced).await?;
        }
        Ok(signed_in)
    }

    /// Removes the sign-in with this `state` from the store. Errors before that contain no valid gateway data.
    async fn take_pending(
        &self,
        provider: &ProviderId,
        returned: Option<CallbackParams>,
    ) -> Result<(PendingSignIn, Callback), SignInError> {
        self.provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        let CallbackParams { state, callback } = returned.ok_or(SignInError::Unreadable)?;
        let taken = self.records.take(state.digest()).await?;
        Ok((taken.ok_or(SignInError::Expired)?, callback))
    }

    async fn verify_sign_in(
        &self,
        provider: &ProviderId,
        browser: &BrowserSecret,
        pending: PendingSignIn,
        callback: Callback,
    ) -> Result<(VerifiedSignIn, ReturnTo), SignInError> {
        let adapter = self
            .provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        if pending.browser != browser.digest() {
            return Err(SignInError::OtherBrowser);
        }
        if &pending.provider != provider {
            return Err(SignInError::OtherProvider);
        }
        let verified = adapter.complete(pending.correlation, callback).await?;
        Ok((verified, pending.return_to))
    }

    /// Starts a session. If the provider has ended it meanwhile, its end is audited as such.
    async fn begin_session(
        &self,
        context: &RequestContext,
        identity: Identity,
        continuation: Continuation<'_>,
    ) -> Result<SignInCompleted, SignInError> {
        let now = self.clock.now();
        let secret = SessionSecret::generate(self.entropy.as_ref(), identity.key());
        let id = SessionId::of(secret.digest());
        let latest = now + self.lifetimes.absolute;
        let ends_at = identity
            .evidence
            .ends_at()
            .map_or(latest, |end| end.min(latest));
        let session = Session {
            id,
            started_at: now,
            last_seen_at: now,
            ends_at,
            client_info: context.client_info.clone(),
            form_key: SecretText::new(random_token(self.entropy.as_ref())),
            secret_since: now,
            superseded_by: None,
            epoch: self
                .sessions
                .epoch(identity.key())
                .await?
                .map(|epoch| epoch.id),
            identity,
        };
        let signed_in = AuditEventKind::SignedIn {
            actor: Actor::from(&session.identity),
            session: id.to_string(),
            mfa: session.identity.mfa,
            unsolicited: continuation.unsolicited,
        };
        self.journal.append(context, signed_in).await?;
        self.records
            .insert(
                secret.digest(),
                &session,
                session.stored_until(&self.lifetimes),
            )
            .await?;
        let entry = session.entry(secret.digest());
        // In this order a concurrent logout request either finds the session or is found here.
        self.remember_name_id(&session).await?;
        self.sessions
            .index_session(context, &session, entry.clone())
            .await?;
        if self.has_logout_request(&session).await? {
            let owner = Owner::from(&session.identity);
            self.sessions
                .end(context, &owner, &entry, single_logout::REASON)
                .await?;
            return Err(SignInError::EndedByProvider);
        }
        Ok(SignInCompleted {
            secret,
            session,
            return_to: continuation.return_to,
        })
    }
}
