//! Starts and completes sign-ins: each in one browser, at one provider, once.

use crate::audit::{Actor, AuditEventKind, RefusalKind, RequestContext};
use crate::base::limits;
use crate::base::secret::{BrowserSecret, SecretText, SessionSecret, State, random_token};
use crate::caller::SessionId;
use crate::identity::{Identity, ProviderId};
use crate::people::RecordedPerson;
use crate::record::StoreError;
use crate::record::rate_limit::AddressSlots;
use crate::session::{Owner, Session};
use crate::sign_in::{
    AuthnRequirements, Callback, Challenge, IdentityProvider, PendingSignIn, ProviderError,
    RejectReason, ReturnTo, SessionRequest, SignInError, SignIns, VerifiedSignIn, single_logout,
};

/// Request to sign in.
#[derive(Clone, Debug)]
pub struct SignInRequest {
    /// Requirements for the authentication.
    pub requirements: AuthnRequirements,
    /// Page to which the browser returns.
    pub return_to: ReturnTo,
    /// Whether the link to it is on a page of the gateway, according to the browser.
    pub from_own_page: bool,
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
    /// Whether a session of the person requested additional verification, on a page of the gateway.
    pub(super) stepped_up: bool,
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
    /// Why the ID token could not be stored, if accounts trust it. The session continues, and a role of these accounts requires
    /// another sign-in.
    pub id_token_lost: Option<StoreError>,
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
        mut request: SignInRequest,
    ) -> Result<SignInStarted, SignInError> {
        let adapter = self
            .provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        self.journal.accepts().await?;
        let session = secrets.session.as_ref();
        let begun_from = self.admit_sign_in(context, session).await?;
        let requested_by = self
            .session_request(provider, session, &mut request)
            .await?;
        let bound = (begun_from.clone(), requested_by);
        let begin = self.begin_at(adapter.as_ref(), secrets.browser, request, bound);
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
        (begun_from, requested_by): (Option<AddressSlots>, SessionRequest),
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
            requested_by,
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
        let verified = self.verify_sign_in(provider, browser, &pending, callback);
        let signed_in = match verified.await {
            Ok(verified) => {
                let continuation = Continuation {
                    return_to: pending.return_to.clone(),
                    unsolicited: false,
                    replaces: secrets.session.as_ref(),
                    stepped_up: pending.requested_by.is_own_step_up(),
                };
                self.finish_verified(context, verified, continuation).await
            }
            Err(error) => Err(error),
        };
        let signed_in = match signed_in {
            Ok(signed_in) => {
                self.sign_in_completed(begun_from.as_ref()).await;
                Ok(signed_in)
            }
            // Nobody was refused: an ordinary sign-in follows.
            Err(error @ SignInError::InteractionRequired(_)) => {
                self.release_sign_in(begun_from.as_ref()).await;
                Err(error)
            }
            // The audit trail already contains the end of its session.
            Err(error @ (SignInError::Unavailable(_) | SignInError::EndedByProvider)) => Err(error),
            Err(error) => self.refuse_sign_in(context, provider, error).await,
        };
        signed_in.map_err(|error| pending.explain(error))
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
        let policy = self.entitlements.policy();
        let (mut identity, id_token) = (verified.identity, verified.id_token);
        if let Err(why) = policy.check_claims(&mut identity) {
            let rejected = ProviderError::rejected(RejectReason::Claims, why.to_string());
            return Err(rejected.into());
        }
        match self
            .consume_once(&identity.provider, verified.replay_key)
            .await
        {
            Ok(()) => {}
            Err(StoreError::Exists) => return Err(SignInError::Replayed),
            Err(error) => return Err(error.into()),
        }
        // To an account that trusts the provider directly, the token is a credential: it is kept apart from the session.
        let id_token = id_token.filter(|_| policy.trusts_id_tokens_of(&identity.provider));
        if id_token.is_some() {
            identity.evidence = identity.evidence.without_id_token();
        }
        let replaced = continuation.replaces;
        let mut signed_in = self.begin_session(context, identity, continuation).await?;
        if let Some(token) = id_token {
            // The session is in the audit trail. The browser must receive its secret.
            let kept = self.sessions.keep_id_token(&signed_in.session, token);
            signed_in.id_token_lost = kept.await.err();
        }
        if let Some(replaced) = replaced {
            self.replace_session(context, replaced).await?;
        }
        let Session {
            identity,
            started_at,
            ..
        } = &signed_in.session;
        self.people
            .record(RecordedPerson::new(identity, &policy, *started_at));
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
        pending: &PendingSignIn,
        callback: Callback,
    ) -> Result<VerifiedSignIn, SignInError> {
        let adapter = self
            .provider(provider)
            .ok_or(SignInError::UnknownProvider)?;
        if pending.browser != browser.digest() {
            return Err(SignInError::OtherBrowser);
        }
        if &pending.provider != provider {
            return Err(SignInError::OtherProvider);
        }
        let requested_by = &pending.requested_by;
        let verified = adapter.complete(pending.correlation.clone(), callback);
        match verified.await {
            Ok(verified) => {
                requested_by.check_person(&verified.identity)?;
                Ok(verified)
            }
            Err(error) => Err(requested_by.refused(error, pending.return_to.clone())),
        }
    }

    /// The key of the forms of a new session. It is that of the session that it replaces, if that is one of the same person:
    /// forms on pages that are open in other windows keep working.
    async fn form_key(
        &self,
        identity: &Identity,
        replaced: Option<&SessionSecret>,
    ) -> Result<SecretText, StoreError> {
        let replaced = match replaced {
            Some(secret) => self.sessions.session(secret).await?,
            None => None,
        };
        let replaced = replaced.filter(|session| session.identity.key() == identity.key());
        Ok(match replaced {
            Some(session) => session.form_key,
            None => SecretText::new(random_token(self.entropy.as_ref())),
        })
    }

    /// Starts a session. If the provider has ended it meanwhile, its end is audited as such.
    async fn begin_session(
        &self,
        context: &RequestContext,
        identity: Identity,
        continuation: Continuation<'_>,
    ) -> Result<SignInCompleted, SignInError> {
        let now = self.clock.now();
        let form_key = self.form_key(&identity, continuation.replaces).await?;
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
            form_key,
            secret_since: now,
            superseded_by: None,
            epoch: self
                .sessions
                .epoch(identity.key())
                .await?
                .map(|epoch| epoch.id),
            stepped_up: continuation.stepped_up,
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
            id_token_lost: None,
        })
    }
}
