//! Ends that hold: a request finds its session, and then waits for the store, the audit trail or AWS. Whatever ended the
//! session in between is looked for again before anything is written that outlives the request, and before AWS is asked.
//!
//! There are two kinds of end. A new [`Epoch`] ends everything of a person's that carries an older one; records that are
//! written afterwards with the old one are over from the beginning. A session that is ended by itself leaves an
//! [`EndedSession`], which voids what that session allowed and no client has redeemed yet.

use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use crate::audit::RequestContext;
use crate::base::limits;
use crate::base::secret::SecretDigest;
use crate::caller::{Caller, EpochId, SessionId};
use crate::record::StoreError;
use crate::session::{Approval, EndedSession, Epoch, Session, Sessions};

impl Sessions {
    /// What the person of this session allows; none when the session has ended since it was found.
    pub(crate) async fn approval(&self, session: &Session) -> Result<Option<Approval>, StoreError> {
        let person = session.identity.key();
        let (epoch, ended) = self.ends(person, session.id).await?;
        if ended || self.is_over(session.into(), epoch.as_ref()) {
            return Ok(None);
        }
        Ok(Some(Approval {
            identity: session.identity.clone(),
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

    /// The person's present epoch, and whether this session was ended by itself. One trip to the store.
    pub(crate) async fn ends(
        &self,
        person: SecretDigest,
        session: SessionId,
    ) -> Result<(Option<Epoch>, bool), StoreError> {
        try_join(self.epoch(person), self.was_ended(session)).await
    }

    /// Whether the session of this name was ended by itself.
    pub(super) async fn was_ended(&self, session: SessionId) -> Result<bool, StoreError> {
        let mark = self.records.get::<EndedSession>(session.ended_key());
        Ok(mark.await?.is_some())
    }

    /// Marks a session as ended. `ends_at`: when it would have ended anyway.
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

    /// Ends the client session at this key if the browser's session that allowed it was ended meanwhile; whether it was.
    /// Whoever ends a browser's session marks it before they look for clients, and a client session is in its person's
    /// list before this is asked: one of the two always sees the other.
    pub(crate) async fn withdraw_if_ended(
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

    /// The present epoch of the person of this key.
    pub(crate) async fn epoch(&self, person: SecretDigest) -> Result<Option<Epoch>, StoreError> {
        let seen = self.records.get(person).await?;
        Ok(seen.map(|seen| seen.record))
    }

    /// Begins an epoch of the person's, which ends every session of theirs but `except`; whether it began. It does not for
    /// an exception that has ended itself, which would become valid again.
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
        // It has to outlive what it ends, even if the clock was set back or the timeout lowered since that began.
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
