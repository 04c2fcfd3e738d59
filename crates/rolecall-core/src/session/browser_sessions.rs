//! Finding, listing and ending browser sessions.

use std::collections::HashSet;

use futures_util::future::try_join;

use crate::audit::{Actor, AuditEventKind, RequestContext};
use crate::base::limits;
use crate::base::secret::{SecretDigest, SessionSecret};
use crate::identity::Identity;
use crate::record::{StoreError, VersionedRecord};
use crate::session::{Epoch, Owner, Session, SessionEntry, SessionIndex, Sessions};

/// A session with its renewed secret.
#[derive(Debug)]
pub struct ResumedSession {
    /// The live session.
    pub session: Session,
    /// The new secret, if the session secret was replaced. If the store is read-only, the old secret remains valid.
    pub renewed: Result<Option<SessionSecret>, StoreError>,
}

impl Sessions {
    /// The live session with this secret. Its use is saved, unless the store is read-only.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: an outage, which ends no session.
    pub async fn session(&self, secret: &SessionSecret) -> Result<Option<Session>, StoreError> {
        let Some(person) = secret.person() else {
            return Ok(None);
        };
        let digest = secret.digest();
        // One round trip to the store, because this runs for every request.
        let (seen, epoch) =
            try_join(self.records.get::<Session>(digest), self.epoch(person)).await?;
        let Some(mut seen) = seen else {
            return Ok(None);
        };
        let now = self.clock.now();
        if !self.lives(&seen.record, epoch.as_ref()) {
            return Ok(None);
        }
        if let Some(successor) = seen.record.superseded_by
            && self.records.get::<Session>(successor).await?.is_none()
        {
            return Ok(None);
        }
        // A request that ended it by ID may have known only its first record.
        if seen.record.was_renewed() && self.was_ended(seen.record.id).await? {
            return Ok(None);
        }
        if seen.record.needs_touch(now) {
            seen.record.last_seen_at = now;
            let until = seen.record.stored_until(&self.lifetimes);
            match self
                .records
                .replace(digest, &seen, &seen.record, until)
                .await
            {
                // Another request saved its use or ended it, or the store is read-only: it seems to be idle for longer.
                Ok(())
                | Err(StoreError::Conflict | StoreError::Exists | StoreError::Unavailable(_)) => {}
            }
        }
        Ok(Some(seen.record))
    }

    /// The live session with this secret, as [`Self::session`], with a new secret if the old one is due.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: an outage, which ends no session.
    pub async fn resume(
        &self,
        secret: &SessionSecret,
    ) -> Result<Option<ResumedSession>, StoreError> {
        let Some(session) = self.session(secret).await? else {
            return Ok(None);
        };
        let renewed = match session.needs_new_secret(self.clock.now()) {
            true => self.renew_secret(secret).await,
            false => Ok(None),
        };
        Ok(Some(ResumedSession { session, renewed }))
    }

    /// Replaces the secret of the session; the old one remains valid for a grace period. `None` if another request has
    /// replaced it: its response contains the new secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the old secret remains valid.
    pub async fn renew_secret(
        &self,
        old: &SessionSecret,
    ) -> Result<Option<SessionSecret>, StoreError> {
        let Some(seen) = self.records.get::<Session>(old.digest()).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if !seen.record.needs_new_secret(now) {
            return Ok(None);
        }
        let secret = SessionSecret::generate(self.entropy.as_ref(), seen.record.identity.key());
        let renewed = Session {
            secret_since: now,
            last_seen_at: now,
            ..seen.record.clone()
        };
        let until = renewed.stored_until(&self.lifetimes);
        self.records
            .insert(secret.digest(), &renewed, until)
            .await?;
        let superseded = Session {
            superseded_by: Some(secret.digest()),
            ..seen.record.clone()
        };
        let grace = now + limits::SESSION_SECRET_GRACE;
        match self
            .records
            .replace(old.digest(), &seen, &superseded, grace)
            .await
        {
            Ok(()) => {}
            Err(StoreError::Conflict | StoreError::Exists) => {
                self.records.take::<Session>(secret.digest()).await?;
                return Ok(None);
            }
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
        }
        match self.list_renewed(&renewed, secret.digest()).await {
            Ok(()) => Ok(Some(secret)),
            // A session that is not in the index could not be ended by ID: the browser keeps its old secret.
            Err(error) => {
                self.records.take::<Session>(secret.digest()).await?;
                self.restore_secret(old, &seen.record).await?;
                match error {
                    StoreError::Conflict | StoreError::Exists => Ok(None),
                    StoreError::Unavailable(_) => Err(error),
                }
            }
        }
    }

    /// Updates the index with the new key of the session. A session that is not in the index is added if there is room.
    async fn list_renewed(&self, renewed: &Session, key: SecretDigest) -> Result<(), StoreError> {
        let moved = |index: &mut SessionIndex| {
            let full = index.is_full();
            let mut entries = index.entries.iter_mut();
            match entries.find(|entry| entry.id == renewed.id) {
                Some(entry) => entry.key = key,
                None if !full => index.entries.push(renewed.entry(key)),
                None => {}
            }
            Vec::new()
        };
        self.change_index(renewed, moved).await.map(drop)
    }

    /// Restores the old secret, unless the session has ended meanwhile.
    async fn restore_secret(
        &self,
        old: &SessionSecret,
        session: &Session,
    ) -> Result<(), StoreError> {
        let digest = old.digest();
        let Some(superseded) = self.records.get::<Session>(digest).await? else {
            return Ok(());
        };
        let until = session.stored_until(&self.lifetimes);
        let restored = self.records.replace(digest, &superseded, session, until);
        match restored.await {
            Ok(()) | Err(StoreError::Conflict | StoreError::Exists) => Ok(()),
            Err(error @ StoreError::Unavailable(_)) => Err(error),
        }
    }

    /// The live sessions of the person, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn browser_sessions(&self, session: &Session) -> Result<Vec<Session>, StoreError> {
        let person = &session.identity;
        let listed = self.listed(person, &self.index(person).await?).await?;
        Ok(listed.into_iter().rev().flatten().collect())
    }

    /// Ends one of the person's own sessions, of a browser or a client. An ID of another person's session has no
    /// effect. Returns false, and ends nothing, if the calling session has ended meanwhile.
    ///
    /// # Errors
    /// As [`crate::sign_in::SignIns::sign_out`].
    pub async fn end_session(
        &self,
        context: &RequestContext,
        session: &Session,
        id: &str,
    ) -> Result<bool, StoreError> {
        if self.has_ended(session.into()).await? {
            return Ok(false);
        }
        let person = &session.identity;
        for entry in self.index(person).await?.entries {
            if entry.id.to_string() == id {
                self.end(context, &person.into(), &entry, "ended_by_owner")
                    .await?;
            }
        }
        self.end_client_sessions(context, (person.key(), "ended_by_owner"), |client| {
            client.id.to_string() == id
        })
        .await?;
        Ok(true)
    }

    /// Ends all other sessions of the person, including those of clients and those that are not in the index. Returns
    /// false, and ends nothing, if the calling session has ended meanwhile.
    ///
    /// # Errors
    /// As [`crate::sign_in::SignIns::sign_out`].
    pub async fn end_other_sessions(
        &self,
        context: &RequestContext,
        session: &Session,
    ) -> Result<bool, StoreError> {
        let person = &session.identity;
        if !self.begin_epoch(person.key(), Some(session)).await? {
            return Ok(false);
        }
        for entry in self.index(person).await?.entries {
            if entry.id != session.id {
                self.end(context, &person.into(), &entry, "ended_by_owner")
                    .await?;
            }
        }
        self.end_client_sessions(context, (person.key(), "ended_by_owner"), |_| true)
            .await?;
        Ok(true)
    }

    fn lives(&self, session: &Session, epoch: Option<&Epoch>) -> bool {
        // Sessions of removed providers are not valid.
        self.is_configured(&session.identity.provider)
            && session.is_live(self.clock.now(), &self.lifetimes)
            && !epoch.is_some_and(|epoch| epoch.ends(session.id, session.epoch))
    }

    async fn index(&self, identity: &Identity) -> Result<SessionIndex, StoreError> {
        let entries = self.entries(identity.key()).await?;
        Ok(SessionIndex { entries })
    }

    /// The index entries of a person, by the key of the person; may contain ended sessions.
    pub(crate) async fn entries(
        &self,
        person: SecretDigest,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let seen: Option<VersionedRecord<SessionIndex>> = self.records.get(person).await?;
        Ok(seen.map(|seen| seen.record.entries).unwrap_or_default())
    }

    /// The session of each entry, in order; `None` if it has ended.
    async fn listed(
        &self,
        identity: &Identity,
        index: &SessionIndex,
    ) -> Result<Vec<Option<Session>>, StoreError> {
        let epoch = self.epoch(identity.key()).await?;
        let mut sessions = Vec::new();
        for entry in &index.entries {
            let seen = self.records.get::<Session>(entry.key);
            let (seen, ended) = try_join(seen, self.was_ended(entry.id)).await?;
            let session = seen.map(|seen| seen.record);
            let lives = |session: &Session| !ended && self.lives(session, epoch.as_ref());
            sessions.push(session.filter(lives));
        }
        Ok(sessions)
    }

    /// Audits the end of a session, then marks it as ended and removes its record. A marked session is not audited
    /// again. In this order, no session ends without an event, whatever fails in between. If the entry has no record,
    /// the session may exist under another key, and its approvals may be redeemable: the mark ends both.
    pub(crate) async fn end(
        &self,
        context: &RequestContext,
        owner: &Owner,
        entry: &SessionEntry,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let seen = self.records.get::<Session>(entry.key).await?;
        let over = seen.is_none()
            && (self.clock.now() >= entry.ends_at || self.was_ended(entry.id).await?);
        if over {
            return Ok(());
        }
        let ended = AuditEventKind::SignedOut {
            actor: match seen {
                Some(seen) => Actor::from(&seen.record.identity),
                None => owner.actor.clone(),
            },
            session: entry.id.to_string(),
            reason: reason.to_owned(),
        };
        self.journal.append(context, ended).await?;
        self.mark_ended(entry.id, entry.ends_at).await?;
        self.remove_records(owner, entry).await?;
        // The mark makes them unusable already.
        self.forget_id_tokens(owner.person, Some(entry.id)).await
    }

    /// Removes the records of a session.
    async fn remove_records(&self, owner: &Owner, entry: &SessionEntry) -> Result<(), StoreError> {
        if let Some(taken) = self.records.take::<Session>(entry.key).await? {
            if let Some(successor) = taken.superseded_by {
                self.records.take::<Session>(successor).await?;
            }
            return Ok(());
        }
        // Its secret was replaced meanwhile: the index contains the key of the new record.
        let listed = self.entries(owner.person).await?;
        for listed in listed.iter().filter(|listed| listed.id == entry.id) {
            self.records.take::<Session>(listed.key).await?;
        }
        Ok(())
    }

    /// Adds a session to the index of its person and ends the oldest beyond the limit.
    pub(crate) async fn index_session(
        &self,
        context: &RequestContext,
        session: &Session,
        entry: SessionEntry,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let person = &session.identity;
        let index = self.index(person).await?;
        let mut ended = HashSet::new();
        if index.is_full() {
            // Ended sessions may remain in the index. They must not displace live ones.
            let listed = self.listed(person, &index).await?;
            let gone = index.entries.iter().zip(&listed);
            for (old, _) in gone.filter(|(_, found)| found.is_none()) {
                // The approvals of a session that is not in the index could not be ended by ID.
                self.end(context, &person.into(), old, "too_many").await?;
                ended.insert(old.key);
            }
        }
        // The oldest are removed after they have ended, so an outage leaves no session that cannot be found.
        let mut foreseen = index;
        foreseen.entries.retain(|old| !ended.contains(&old.key));
        for old in foreseen.add(entry.clone(), now) {
            self.end(context, &person.into(), &old, "too_many").await?;
            ended.insert(old.key);
        }
        let add = |index: &mut SessionIndex| {
            index.entries.retain(|old| !ended.contains(&old.key));
            index.add(entry.clone(), now)
        };
        for old in self.change_index(session, add).await? {
            self.end(context, &person.into(), &old, "too_many").await?;
        }
        Ok(())
    }

    /// Changes the index of the session's person. Returns the result of `change`.
    async fn change_index(
        &self,
        session: &Session,
        change: impl Fn(&mut SessionIndex) -> Vec<SessionEntry>,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let change = |old: Option<SessionIndex>| {
            let mut index = old.unwrap_or_default();
            let surplus = change(&mut index);
            let until = index.entries.iter().map(|entry| entry.ends_at).max();
            (index, until.unwrap_or(session.ends_at), surplus)
        };
        self.records.update(session.identity.key(), change).await
    }
}
