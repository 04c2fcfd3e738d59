//! Finding, listing and ending client sessions. Signing out of the browser does not end them; ending all others, or
//! each individually, does.

use futures_util::future::{try_join, try_join_all};

use crate::audit::{Actor, AuditEventKind, RequestContext};
use crate::base::limits;
use crate::base::secret::{AccessToken, SecretDigest};
use crate::caller::SessionId;
use crate::record::{StoreError, VersionedRecord};
use crate::session::{
    AccessTokenError, ClientSession, ClientSessionEntry, ClientSessionIndex, ClientTokens,
    NewClientSession, Session, Sessions, TokenHandle,
};
use chrono::{DateTime, Utc};

/// Reason of a session end after a replayed authorization code.
pub(crate) const CODE_REPLAYED: &str = "code_replayed";

/// A stored session whose tokens have not been returned yet.
pub(crate) struct PreparedSession {
    /// Key of its record.
    pub(crate) key: SecretDigest,
    allowed_in: SessionId,
    session: ClientSession,
    tokens: ClientTokens,
}

impl Sessions {
    /// Whether a client session that this person approves now would end much earlier than configured, because the
    /// browser session ends.
    pub fn ends_client_session_early(&self, session: &Session) -> bool {
        let left = session.ends_at - self.clock.now();
        left < limits::SESSION_ENDS_SOON.min(self.rules.refresh_token / 2)
    }

    /// When a client session that is approved now would end.
    pub fn client_session_end(&self, session: &Session) -> DateTime<Utc> {
        let longest = self.clock.now() + self.rules.refresh_token;
        session.ends_at.min(longest)
    }

    /// Ends the session of this access token with all its tokens. An invalid token has no effect.
    ///
    /// # Errors
    /// As [`crate::sign_in::SignIns::sign_out`].
    pub async fn end_client_session(
        &self,
        context: &RequestContext,
        token: &AccessToken,
    ) -> Result<(), StoreError> {
        match self.client_session_of_token(token).await {
            Ok((handle, session)) => {
                self.end_client(context, &session, handle.key, "client_sign_out")
                    .await
            }
            Err(AccessTokenError::NotIssuedHere { .. } | AccessTokenError::SessionEnded) => Ok(()),
            Err(AccessTokenError::Unavailable(error)) => Err(error),
        }
    }

    /// The live client sessions of the person, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn client_sessions(
        &self,
        session: &Session,
    ) -> Result<Vec<ClientSession>, StoreError> {
        self.live_clients_of(session.identity.key()).await
    }

    /// The live client sessions of the person with this key, newest first.
    pub(super) async fn live_clients_of(
        &self,
        person: SecretDigest,
    ) -> Result<Vec<ClientSession>, StoreError> {
        let entries = self.client_index(person).await?.entries;
        let handles = entries
            .iter()
            .map(|&ClientSessionEntry { key, .. }| TokenHandle { key, person });
        // Read concurrently, because there can be many.
        let found = try_join_all(handles.map(|handle| self.live_client_session(handle))).await?;
        let live = found.into_iter().rev().flatten();
        Ok(live.map(|seen| seen.record).collect())
    }

    /// Ends the client sessions of a person that `which` selects; the person is given by
    /// [`crate::identity::Identity::key`].
    pub(crate) async fn end_client_sessions(
        &self,
        context: &RequestContext,
        (person, reason): (SecretDigest, &'static str),
        which: impl Fn(&ClientSession) -> bool,
    ) -> Result<(), StoreError> {
        for entry in self.client_index(person).await?.entries {
            let seen: Option<VersionedRecord<ClientSession>> = self.records.get(entry.key).await?;
            if let Some(seen) = seen.filter(|seen| which(&seen.record)) {
                self.end_client(context, &seen.record, entry.key, reason)
                    .await?;
            }
        }
        Ok(())
    }

    /// The session with this handle, unless it has ended.
    pub(crate) async fn live_client_session(
        &self,
        handle: TokenHandle,
    ) -> Result<Option<VersionedRecord<ClientSession>>, StoreError> {
        // One round trip to the store, because this runs for every call of a client.
        let (seen, epoch) = try_join(
            self.records.get::<ClientSession>(handle.key),
            self.epoch(handle.person),
        )
        .await?;
        let lives = |seen: &VersionedRecord<ClientSession>| {
            let session = &seen.record;
            // Sessions of removed providers are not valid.
            let configured = self.is_configured(&session.identity.provider);
            configured && !epoch.is_some_and(|epoch| session.is_ended_by(&epoch))
        };
        Ok(seen.filter(lives))
    }

    /// Stores a new session. `None` if the person has ended their sessions, or the one of the approval, since. Its
    /// tokens must not be returned before [`Sessions::confirm_client_session`].
    pub(crate) async fn prepare_client_session(
        &self,
        new: NewClientSession,
    ) -> Result<Option<PreparedSession>, StoreError> {
        let (now, life) = (self.clock.now(), self.rules.access_token);
        let allowed_in = new.allowed_in;
        let (key, session, tokens) = ClientSession::begin(new, now, life, self.entropy.as_ref());
        let (epoch, ended) = self.ends(session.identity.key(), allowed_in).await?;
        let over = ended || epoch.is_some_and(|epoch| session.is_ended_by(&epoch));
        if over || now >= session.ends_at {
            return Ok(None);
        }
        let until = session.ends_at;
        self.records.insert(key, &session, until).await?;
        Ok(Some(PreparedSession {
            key,
            allowed_in,
            session,
            tokens,
        }))
    }

    /// Audits the beginning of a session and adds it to the index; then returns its tokens. `None`, without a session,
    /// if the browser session of the approval has ended meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: there is no session in this case.
    pub(crate) async fn confirm_client_session(
        &self,
        context: &RequestContext,
        prepared: PreparedSession,
    ) -> Result<Option<ClientTokens>, StoreError> {
        let begun = self.begin_prepared(context, &prepared).await;
        match begun {
            Ok(true) => Ok(Some(prepared.tokens)),
            Ok(false) => Ok(None),
            Err(error) => {
                self.discard_client_session(prepared).await?;
                Err(error)
            }
        }
    }

    /// Returns whether the session has begun; false if the browser session of the approval has ended meanwhile.
    async fn begin_prepared(
        &self,
        context: &RequestContext,
        prepared: &PreparedSession,
    ) -> Result<bool, StoreError> {
        let (key, allowed_in, session) = (prepared.key, prepared.allowed_in, &prepared.session);
        let begun = AuditEventKind::ClientSessionBegun {
            actor: Actor::from(&session.identity),
            session: session.id.to_string(),
            client: session.client_name.to_string(),
            flow: session.flow,
            allowed_in: allowed_in.to_string(),
        };
        self.journal.append(context, begun).await?;
        let entry = ClientSessionEntry {
            id: session.id,
            key,
            ends_at: session.ends_at,
        };
        // The oldest sessions beyond the limit end before they are removed from the index, so that an outage leaves no
        // session that cannot be found.
        let mut foreseen = self.client_index(session.identity.key()).await?;
        for old in foreseen.add(entry.clone(), self.clock.now()) {
            self.end_client_at(context, old.key, "too_many").await?;
        }
        for old in self.index_client_session(session, entry).await? {
            self.end_client_at(context, old.key, "too_many").await?;
        }
        Ok(!self
            .end_client_if_session_ended(context, allowed_in, key)
            .await?)
    }

    /// Removes a prepared session that is not needed. Its tokens were not returned.
    pub(crate) async fn discard_client_session(
        &self,
        prepared: PreparedSession,
    ) -> Result<(), StoreError> {
        self.records.take::<ClientSession>(prepared.key).await?;
        Ok(())
    }

    /// Ends the session at this key, if it exists.
    pub(crate) async fn end_client_at(
        &self,
        context: &RequestContext,
        key: SecretDigest,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let seen: Option<VersionedRecord<ClientSession>> = self.records.get(key).await?;
        match seen {
            Some(seen) => self.end_client(context, &seen.record, key, reason).await,
            None => Ok(()),
        }
    }

    /// Audits the end of a session, marks it as ended and removes its record, in the order of [`Sessions::end`] and for
    /// the same reasons.
    pub(crate) async fn end_client(
        &self,
        context: &RequestContext,
        session: &ClientSession,
        key: SecretDigest,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        let ended = AuditEventKind::SignedOut {
            actor: Actor::from(&session.identity),
            session: session.id.to_string(),
            reason: reason.to_owned(),
        };
        self.journal.append(context, ended).await?;
        // After a replayed code, a running call to AWS may complete: one of many redemptions succeeds.
        if reason != CODE_REPLAYED {
            self.mark_ended(session.id, session.ends_at).await?;
        }
        let taken = self.records.take::<ClientSession>(key).await?;
        if taken.is_none() {
            // Another request ended it at the same time and removes it from the index.
            return Ok(());
        }
        let person = session.identity.key();
        let remove = |old: Option<ClientSessionIndex>| {
            let mut index = old.unwrap_or_default();
            index.entries.retain(|entry| entry.key != key);
            let until = index.entries.iter().map(|entry| entry.ends_at).max();
            (index, until.unwrap_or(session.ends_at), ())
        };
        match self.records.update(person, remove).await {
            // The index is not authoritative: entries without a record are not shown.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn index_client_session(
        &self,
        session: &ClientSession,
        entry: ClientSessionEntry,
    ) -> Result<Vec<ClientSessionEntry>, StoreError> {
        let now = self.clock.now();
        let add = |old: Option<ClientSessionIndex>| {
            let mut index = old.unwrap_or_default();
            let surplus = index.add(entry.clone(), now);
            let until = index.entries.iter().map(|entry| entry.ends_at).max();
            (index, until.unwrap_or(session.ends_at), surplus)
        };
        self.records.update(session.identity.key(), add).await
    }

    async fn client_index(&self, person: SecretDigest) -> Result<ClientSessionIndex, StoreError> {
        let seen: Option<VersionedRecord<ClientSessionIndex>> = self.records.get(person).await?;
        Ok(seen.map(|seen| seen.record).unwrap_or_default())
    }
}
