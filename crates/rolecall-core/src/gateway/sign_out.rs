//! Signing out: here first, then at the provider; and because the provider says so.

use serde::{Deserialize, Serialize};

use crate::audit::Refusals;
use crate::identity::{Evidence, NameId, ProviderId, Subject, person_key};
use crate::limits;
use crate::port::StoreError;
use crate::rate_limit::LimitExceeded;
use crate::record::{Record, Seen};
use crate::secret::{SessionSecret, State, random_token};
use crate::session::Session;
use crate::sign_in::{Challenge, LogoutMessage, LogoutOrder, PendingSignOut, ProviderError};

use super::{Gateway, RequestContext};

/// Who a provider means by a `NameID` that is not the person's subject here.
#[derive(Serialize, Deserialize)]
struct Named {
    subject: Subject,
}

impl Record for Named {
    const KIND: &'static str = "name-id";
}

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
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::Unreadable => "unreadable",
            Self::Expired => "expired_state",
            Self::Replayed => "replayed",
            Self::Provider(ProviderError::Refused { error, .. }) => error,
            Self::Provider(ProviderError::Rejected { reason, .. }) => reason.code(),
            Self::Provider(ProviderError::Unavailable(_)) => "provider_unavailable",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// How a browser came with a provider's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedBy {
    /// It went there.
    Navigation,
    /// A page loaded it in a frame. Any page can, so a refusal says nothing about the person and is not counted against
    /// their address.
    Frame,
}

impl Gateway {
    /// Ends this session here; returns what the browser goes on with to end it at the provider as well, if there is a
    /// way.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the session lives on.
    pub async fn sign_out(
        &self,
        context: &RequestContext,
        session: &Session,
        secret: &SessionSecret,
    ) -> Result<Option<Challenge>, StoreError> {
        let identity = &session.identity;
        self.end(context, identity, session.id, secret.digest(), "sign_out")
            .await?;
        let Some(provider) = self.provider(&identity.provider) else {
            return Ok(None);
        };
        let state = State::new(random_token(self.world.entropy.as_ref()));
        let Some((challenge, correlation)) = provider.begin_sign_out(identity, &state).await else {
            return Ok(None);
        };
        if let Some(correlation) = correlation {
            let pending = PendingSignOut {
                provider: identity.provider.clone(),
                correlation,
            };
            let until = self.world.clock.now() + limits::SIGN_IN_MAX;
            let kept = self.world.records.insert(state.digest(), &pending, until);
            // The session here is over; without a memory of the request its answer could not be told from a stranger's.
            if kept.await.is_err() {
                return Ok(None);
            }
        }
        Ok(Some(challenge))
    }

    /// Hears what the provider says to our request to end its session too. The session here has ended long since.
    ///
    /// # Errors
    /// [`SignOutError`]; [`ProviderError::Refused`] where the session at the provider goes on.
    pub async fn sign_out_answered(
        &self,
        provider: &ProviderId,
        state: Option<&State>,
        message: LogoutMessage,
    ) -> Result<(), SignOutError> {
        let saml = self
            .saml(provider)
            .map_err(|_| SignOutError::UnknownProvider)?;
        let state = state.ok_or(SignOutError::Expired)?;
        let pending: Option<PendingSignOut> = self.world.records.take(state.digest()).await?;
        let pending = pending
            .filter(|pending| &pending.provider == provider)
            .ok_or(SignOutError::Expired)?;
        Ok(saml.logout_answered(pending.correlation, message).await?)
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
        self.check_failures(context)?;
        let error = match self.obey(context, provider, message).await {
            Ok(challenge) => return Ok(challenge),
            Err(error @ SignOutError::Unavailable(_)) => return Err(error),
            Err(error) => error,
        };
        self.summarise(Refusals::SignOut, context, error.reason());
        match by {
            OrderedBy::Frame => Err(error),
            OrderedBy::Navigation => {
                let exceeded = self.count_failure(context).await;
                Err(exceeded.map_or(error, SignOutError::RateLimited))
            }
        }
    }

    async fn obey(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        message: Option<LogoutMessage>,
    ) -> Result<Option<Challenge>, SignOutError> {
        let saml = self
            .saml(provider)
            .map_err(|_| SignOutError::UnknownProvider)?;
        let message = message.ok_or(SignOutError::Unreadable)?;
        let order = saml.logout_ordered(message).await?;
        match self.spend(provider, Some(order.once)).await {
            Err(StoreError::Exists) => return Err(SignOutError::Replayed),
            spent => spent?,
        }
        self.end_ordered(context, provider, &order).await?;
        Ok(saml.logout_done(&order).await)
    }

    async fn end_ordered(
        &self,
        context: &RequestContext,
        provider: &ProviderId,
        order: &LogoutOrder,
    ) -> Result<(), StoreError> {
        for subject in self.subjects_of(provider, &order.name_id).await? {
            let person = person_key(provider, &subject);
            for entry in self.entries(person).await? {
                let seen: Option<Seen<Session>> = self.world.records.get(entry.key).await?;
                let Some(session) = seen.map(|seen| seen.record) else {
                    continue;
                };
                if means(order, &session.identity.evidence) {
                    let reason = "ended_by_provider";
                    self.end(context, &session.identity, entry.id, entry.key, reason)
                        .await?;
                }
            }
            // What a person allowed a client stands on the same word of the provider's.
            let told = (person, "ended_by_provider");
            self.end_client_sessions(context, told, |client| {
                means(order, &client.identity.evidence)
            })
            .await?;
        }
        Ok(())
    }

    /// Who the provider may mean: whoever signed in under this name, and whoever is called so here.
    async fn subjects_of(
        &self,
        provider: &ProviderId,
        name: &NameId,
    ) -> Result<Vec<Subject>, StoreError> {
        let named: Option<Seen<Named>> = self.world.records.get(name.key(provider)).await?;
        let mut subjects: Vec<Subject> =
            named.map(|seen| seen.record.subject).into_iter().collect();
        subjects.extend(Subject::parse(&name.value));
        subjects.dedup();
        Ok(subjects)
    }

    /// Remembers under which name a person signed in, where it is not their subject.
    pub(super) async fn remember_name_id(&self, session: &Session) -> Result<(), StoreError> {
        let identity = &session.identity;
        let Evidence::SamlAssertion {
            name_id: Some(name_id),
            ..
        } = &identity.evidence
        else {
            return Ok(());
        };
        if name_id.value == identity.subject.as_str() {
            return Ok(());
        }
        let subject = &identity.subject;
        let named = |_: Option<Named>| {
            let subject = subject.clone();
            (Named { subject }, session.ends_at, ())
        };
        let key = name_id.key(&identity.provider);
        self.world.records.update(key, named).await
    }

    /// Ends the session this browser held before a new sign-in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn replace_session(
        &self,
        context: &RequestContext,
        old: &SessionSecret,
    ) -> Result<(), StoreError> {
        match self.session(old).await? {
            Some(session) => {
                self.end(
                    context,
                    &session.identity,
                    session.id,
                    old.digest(),
                    "replaced",
                )
                .await
            }
            None => Ok(()),
        }
    }
}

/// Whether the order is about a session of this evidence: its name, and its index where some are named.
fn means(order: &LogoutOrder, evidence: &Evidence) -> bool {
    match evidence {
        Evidence::SamlAssertion {
            name_id,
            session_index,
            ..
        } => {
            let named = |index: &String| order.session_indexes.contains(index);
            name_id
                .as_ref()
                .is_some_and(|name_id| order.name_id.means(name_id))
                && (order.session_indexes.is_empty() || session_index.as_ref().is_some_and(named))
        }
        Evidence::IdToken { .. } => false,
    }
}
