//! Checks that sessions have not ended. A request finds its session and then waits for the store, the audit trail or
//! AWS; the session may end meanwhile. It is checked again before anything is written that outlives the request, and
//! before AWS is called.
//!
//! A session can end in two ways. A new [`Epoch`] ends everything of a person with an earlier one; records that are
//! written with it afterwards are invalid. An individually ended session leaves an [`EndedSession`], which invalidates
//! its approvals that are not redeemed.

use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::{Caller, EpochId, SessionId};
use crate::identity::Identity;
use crate::record::StoreError;
use crate::session::{Approval, EndedSession, Epoch, Session, Sessions};

/// Only a browser signs out at the provider, so clients do not get the ID token.
fn without_id_token(identity: Identity) -> Identity {
    Identity {
        evidence: identity.evidence.without_id_token(),
        ..identity
    }
}

impl Sessions {
    /// The approval of the person of this session; `None` if the session has ended since it was found.
    pub(crate) async fn approval(&self, session: &Session) -> Result<Option<Approval>, StoreError> {
        let person = session.identity.key();
        let (epoch, ended) = self.ends(person, session.id).await?;
        if ended || self.is_over(session.into(), epoch.as_ref()) {
            return Ok(None);
        }
        Ok(Some(Approval {
            identity: without_id_token(session.identity.clone()),
            session: session.id,
            epoch: epoch.map(|epoch| epoch.id),
            ends_at: self.client_session_end(session),
        }))
    }

    /// Whether the session has ended since it was found.
    pub(crate) async fn has_ended(&self, caller: Caller<'_>) -> Result<bool, StoreError> {
        let person = caller.identity.key();
        let (epoch, ended) = self.ends(person, caller.session).await?;
        Ok(ended || self.is_over(caller, epoch.as_ref()))
    }

    fn is_over(&self, caller: Caller<'_>, epoch: Option<&Epoch>) -> bool {
        self.clock.now() >= caller.ends_at
            || epoch.is_some_and(|epoch| epoch.ends(caller.session, caller.epoch))
    }

    /// The current epoch of the person, and whether this session was ended individually. One round trip to the store.
    pub(crate) async fn ends(
        &self,
        person: SecretDigest,
        session: SessionId,
    ) -> Result<(Option<Epoch>, bool), StoreError> {
        try_join(self.epoch(person), self.was_ended(session)).await
    }

    /// Whether the session with this ID was ended individually.
    pub(super) async fn was_ended(&self, session: SessionId) -> Result<bool, StoreError> {
        let mark = self.records.get::<EndedSession>(session.ended_key());
        Ok(mark.await?.is_some())
    }

    /// Marks a session as ended. `ends_at` is its latest end otherwise.
    pub(super) async fn mark_ended(
        &self,
        session: SessionId,
        ends_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (key, mark) = (session.ended_key(), EndedSession {});
        let until = ends_at + limits::ENDED_MARK_MARGIN;
        match self.records.insert(key, &mark, until).await {
            Err(StoreError::Exists) => Ok(()),
            marked => marked,
        }
    }

    /// Ends the client session at this key if the browser session of its approval has ended. Returns whether it did. A
    /// browser session is marked before its clients are searched, and a client session is in the index before this
    /// check, so one of the two always sees the other.
    pub(crate) async fn end_client_if_session_ended(
        &self,
        context: &RequestContext,
        allowed_in: SessionId,
        key: SecretDigest,
    ) -> Result<bool, StoreError> {
        let ended = self.was_ended(allowed_in).await?;
        if ended {
            self.end_client_at(context, key, "session_ended").await?;
        }
        Ok(ended)
    }

    /// The current epoch of the person with this key.
    pub(crate) async fn epoch(&self, person: SecretDigest) -> Result<Option<Epoch>, StoreError> {
        let seen = self.records.get(person).await?;
        Ok(seen.map(|seen| seen.record))
    }

    /// Begins an epoch of the person, which ends all of their sessions but `except`. Returns whether it began: not if
    /// `except` has ended itself, because it would become valid again.
    pub(super) async fn begin_epoch(
        &self,
        person: SecretDigest,
        except: Option<&Session>,
    ) -> Result<bool, StoreError> {
        if let Some(session) = except
            && self.was_ended(session.id).await?
        {
            return Ok(false);
        }
        let begun = Epoch {
            id: EpochId::generate(self.entropy.as_ref()),
            except: except.map(|session| session.id),
        };
        // It must outlive what it ends, even if the clock is set back or the timeout is reduced.
        let until = self.clock.now() + self.lifetimes.absolute * 2;
        let change = |old: Option<Epoch>| match (old, except) {
            (Some(old), Some(session)) if old.ends(session.id, session.epoch) => {
                (old, until, false)
            }
            (Some(_) | None, _) => (begun.clone(), until, true),
        };
        self.records.update(person, change).await
    }
}
