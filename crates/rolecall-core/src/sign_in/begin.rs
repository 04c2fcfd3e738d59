//! Signing in: one sign-in, one browser, one provider, once.

use crate::audit::{Actor, AuditEventKind, Refusals, RequestContext};
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

/// What a person wants of a sign-in.
#[derive(Clone, Debug)]
pub struct SignInRequest {
    /// What it shall prove.
    pub demand: AuthnRequirements,
    /// Where it goes on.
    pub return_to: ReturnTo,
}

/// What a browser brought back from a provider: untrusted.
#[derive(Clone, Debug)]
pub struct CallbackParams {
    /// `state`
    pub state: State,
    /// The rest.
    pub callback: Callback,
}

/// The secrets that a browser sent with its request.
#[derive(Clone, Debug, Default)]
pub struct BrowserSecrets {
    /// Binds sign-ins in progress to the browser.
    pub browser: Option<BrowserSecret>,
    /// Of its session, which a completed sign-in replaces.
    pub session: Option<SessionSecret>,
}

/// How a verified sign-in goes on.
pub(super) struct Continuation<'b> {
    pub(super) return_to: ReturnTo,
    /// Whether the provider started it (SAML Profiles 4.1.5).
    pub(super) unsolicited: bool,
    /// The session that the new one replaces.
    pub(super) replaces: Option<&'b SessionSecret>,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct SignInStarted {
    /// What to send the browser to the provider with.
    pub challenge: Challenge,
    /// What the browser shall hold until it is back.
    pub browser: BrowserSecret,
}

/// A sign-in that has succeeded.
#[derive(Debug)]
pub struct SignInCompleted {
    /// What the browser shall hold from now on.
    pub secret: SessionSecret,
    /// The session.
    pub session: Session,
    /// Where it goes on.
    pub return_to: ReturnTo,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No provider of this id is configured.
    #[error("there is no such identity provider")]
    UnknownProvider,
    /// What came back with the browser is no authorization response.
    #[error("what the identity provider sent cannot be read")]
    Unreadable,
    /// No sign-in of this `state` is under way: it took too long, or has ended already.
    #[error("this sign-in has expired or was used already")]
    Expired,
    /// It was begun in another browser, or this one does not keep cookies.
    #[error("this sign-in was begun in another browser")]
    OtherBrowser,
    /// It was begun at another provider.
    #[error("this sign-in was begun at another identity provider")]
    OtherProvider,
    /// What the provider sent has signed somebody in already (SAML Profiles 4.1.4.5).
    #[error("the identity provider's answer was used already")]
    Replayed,
    /// The provider has ended the session that its response is about.
    #[error("the identity provider has ended this session")]
    EndedByProvider,
    /// The provider's side.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Too many sign-ins, or too many refusals, from this address.
    #[error(transparent)]
    RateLimited(#[from] LimitExceeded),
    /// Our own store or audit trail.
    #[error("sign-in is unavailable")]
    Unavailable(#[from] StoreError),
}

impl SignInError {
    /// A stable word for the audit trail and for metrics.
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
    /// Begins a sign-in at `provider`, unless it could not end because the audit trail takes no events. A browser that holds
    /// a secret already keeps it, so that several tabs can sign in at once. A live session gets in where its address has no place
    /// left.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::RateLimited`], [`SignInError::Unavailable`], and
    /// [`SignInError::Provider`], which is audited.
    pub async fn begin_sign_in(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        secrets: BrowserSecrets,
        wish: SignInRequest,
    ) -> Result<SignInStarted, SignInError> {
        let adapter = self
            .provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        self.journal.accepts().await?;
        let begun_from = self
            .admit_sign_in(context, secrets.session.as_ref())
            .await?;
        let begun = self
            .begin_at(adapter.as_ref(), secrets.browser, wish, begun_from.clone())
            .await;
        if let Err(error) = &begun {
            // Nothing was begun, and that is not the visitor's doing.
            self.give_sign_in_back(begun_from.as_ref()).await;
            if let SignInError::Provider(_) = error {
                self.journal
                    .count_refusal(Refusals::SignIn, context, error.code());
            }
        }
        begun
    }

    async fn begin_at(
        &self,
        adapter: &dyn IdentityProvider,
        browser: Option<BrowserSecret>,
        wish: SignInRequest,
        begun_from: Option<AddressSlots>,
    ) -> Result<SignInStarted, SignInError> {
        let SignInRequest { demand, return_to } = wish;
        let entropy = self.entropy.as_ref();
        let state = State::new(random_token(entropy));
        let browser = browser.unwrap_or_else(|| BrowserSecret::new(random_token(entropy)));
        let (challenge, correlation) = adapter.begin(&state, &demand).await?;
        let pending = PendingSignIn {
            provider: adapter.id().clone(),
            browser: browser.digest(),
            correlation,
            return_to,
            begun_from,
        };
        let until = self.clock.now() + limits::SIGN_IN_MAX;
        self.records.insert(state.digest(), &pending, until).await?;
        Ok(SignInStarted { challenge, browser })
    }

    /// Ends a sign-in; `returned` is nothing when it could not be read. The pending record is taken out of the store
    /// before the provider is asked anything, and the sign-in is in the trail before there is a session. The session that
    /// the browser held before is ended.
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
            Err(error) => return self.refuse_stranger(context, error).await,
        };
        let begun_from = pending.begun_from.clone();
        let verified = self.verify_sign_in(provider, browser, pending, callback);
        let signed_in = match verified.await {
            Ok((vouched, return_to)) => {
                let continuation = Continuation {
                    return_to,
                    unsolicited: false,
                    replaces: secrets.session.as_ref(),
                };
                self.vouched_for(context, vouched, continuation).await
            }
            Err(error) => Err(error),
        };
        match signed_in {
            Ok(signed_in) => {
                self.sign_in_completed(begun_from.as_ref()).await;
                Ok(signed_in)
            }
            // The end of its session is in the trail already.
            Err(error @ (SignInError::Unavailable(_) | SignInError::EndedByProvider)) => Err(error),
            Err(error) => self.refuse_sign_in(context, provider, error).await,
        }
    }

    /// Refuses a browser that shows no secret of ours. The sign-in itself goes on in its own browser.
    async fn refuse_without_browser(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        returned: &Option<CallbackParams>,
    ) -> Result<SignInCompleted, SignInError> {
        let Some(returned) = returned else {
            return self.refuse_stranger(context, SignInError::Unreadable).await;
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
                self.refuse_stranger(context, error).await
            }
            (Some(_), None) => self.refuse_stranger(context, error).await,
        }
    }

    /// Spends what vouched for the person, begins their session and ends the one that it replaces. In this order no document
    /// signs in twice, on however many replicas it is shown at once. The caller audits a refusal.
    pub(super) async fn vouched_for(
        &self,
        context: &RequestContext,
        vouched: VerifiedSignIn,
        continuation: Continuation<'_>,
    ) -> Result<SignInCompleted, SignInError> {
        vouched.require_groups()?;
        let VerifiedSignIn {
            mut identity, once, ..
        } = vouched;
        if let Err(why) = self.entitlements.policy().check_claims(&mut identity) {
            let rejected = ProviderError::rejected(RejectReason::Claims, why.to_string());
            return Err(rejected.into());
        }
        match self.consume_once(&identity.provider, once).await {
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

    /// Takes the sign-in of this `state` out of the store; whatever fails before that shows nothing of ours.
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
        let vouched = adapter.complete(pending.correlation, callback).await?;
        Ok((vouched, pending.return_to))
    }

    /// Begins a session. The end of one whose provider has ended it meanwhile is audited as such.
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
            origin: context.origin.clone(),
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
        // In this order a provider's order to end the session finds it, or is found here.
        self.remember_name_id(&session).await?;
        self.sessions
            .index_session(context, &session, entry.clone())
            .await?;
        if self.was_ordered_to_end(&session).await? {
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
