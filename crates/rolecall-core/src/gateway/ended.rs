//! Ends that hold: a request finds its session, and then waits for the store, the audit trail or AWS. Whatever ended the
//! session in between is looked for again before anything is written that outlives the request, and before AWS is asked.
//!
//! There are two kinds of end. A new [`Epoch`] ends everything of a person's that carries an older one; records that are
//! written afterwards with the old one are over from the beginning. A session that is ended by itself leaves an
//! [`EndedSession`], which voids what that session allowed and no client has redeemed yet.

use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use crate::consent::Approval;
use crate::limits;
use crate::port::StoreError;
use crate::secret::SecretDigest;
use crate::session::{EndedSession, Epoch, EpochId, Holder, Session, SessionId};

use super::{Gateway, IssueError, RequestContext};

impl Gateway {
    /// What the person of this session allows; none when the session has ended since it was found.
    pub(super) async fn approval(&self, session: &Session) -> Result<Option<Approval>, StoreError> {
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
    pub(super) async fn has_ended(&self, holder: Holder<'_>) -> Result<bool, StoreError> {
        let person = holder.identity.key();
        let (epoch, ended) = self.ends(person, holder.session).await?;
        Ok(ended || self.is_over(holder, epoch.as_ref()))
    }

    fn is_over(&self, holder: Holder<'_>, epoch: Option<&Epoch>) -> bool {
        self.world.clock.now() >= holder.ends_at
            || epoch.is_some_and(|epoch| epoch.ends(holder.session, holder.epoch))
    }

    /// The last look before AWS is asked, and before anything of what it answered leaves.
    ///
    /// # Errors
    /// [`IssueError::SessionEnded`], [`IssueError::Unavailable`].
    pub(super) async fn still_lives(&self, holder: Holder<'_>) -> Result<(), IssueError> {
        match self.has_ended(holder).await? {
            true => Err(IssueError::SessionEnded),
            false => Ok(()),
        }
    }

    /// The person's present epoch, and whether this session was ended by itself. One trip to the store.
    pub(super) async fn ends(
        &self,
        person: SecretDigest,
        session: SessionId,
    ) -> Result<(Option<Epoch>, bool), StoreError> {
        try_join(self.epoch(person), self.was_ended(session)).await
    }

    /// Whether the session of this name was ended by itself.
    pub(super) async fn was_ended(&self, session: SessionId) -> Result<bool, StoreError> {
        let mark = self.world.records.get::<EndedSession>(session.ended_key());
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
        match self.world.records.insert(key, &mark, until).await {
            Err(StoreError::Exists) => Ok(()),
            marked => marked,
        }
    }

    /// Ends the client session at this key if the browser's session that allowed it was ended meanwhile; whether it was.
    /// Whoever ends a browser's session marks it before they look for clients, and a client session is in its person's
    /// list before this is asked: one of the two always sees the other.
    pub(super) async fn withdraw_if_ended(
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
    pub(super) async fn epoch(&self, person: SecretDigest) -> Result<Option<Epoch>, StoreError> {
        let seen = self.world.records.get(person).await?;
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
            id: EpochId::generate(self.world.entropy.as_ref()),
            except: except.map(|session| session.id),
        };
        // It has to outlive what it ends, even if the clock was set back or the timeout lowered since that began.
        let until = self.world.clock.now() + self.world.lifetimes.absolute * 2;
        let change = |old: Option<Epoch>| match (old, except) {
            (Some(old), Some(session)) if old.ends(session.id, session.epoch) => {
                (old, until, false)
            }
            (Some(_) | None, _) => (begun.clone(), until, true),
        };
        self.world.records.update(person, change).await
    }
}
