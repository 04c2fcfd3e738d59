//! Staying signed in: one browser's or client's state here, ended by idleness, by age, by the person or from outside.
//!
//! The session's record is the authority; the per-person index exists so that "my sessions" can list and end them.
//! A new [`Epoch`] ends everything a person began before it, even a session that fell out of the index.

mod administer;
mod approval;
mod browser_sessions;
mod client_name;
mod client_rules;
mod client_session;
mod client_sessions;
mod ended;
mod remaining_clients;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::audit::Journal;
use crate::base::secret::{SecretDigest, SecretText};
use crate::base::{Clock, Entropy, limits};
use crate::caller::{Caller, ClientInfo, EpochId, SessionId};
use crate::identity::{Evidence, Identity, ProviderId};
use crate::record::{Record, Records};

pub use approval::Approval;
pub(crate) use browser_sessions::Owner;
pub use browser_sessions::ResumedSession;
pub use client_name::ClientName;
pub use client_rules::ClientRules;
pub use client_session::{
    ClientSession, ClientSessionEntry, ClientSessionIndex, ClientTokens, LoginBinding,
    NewClientSession, RefreshResult, TokenHandle,
};
pub(crate) use client_sessions::CODE_REPLAYED;
pub use remaining_clients::RemainingClients;

/// Browser and client sessions: finding, listing and ending them.
pub struct Sessions {
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) rules: ClientRules,
    /// The providers that are configured.
    pub(crate) providers: BTreeSet<ProviderId>,
}

impl Sessions {
    /// How long sessions live.
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Whether this provider is configured. Nobody vouches for the people of one that was taken out.
    fn is_configured(&self, provider: &ProviderId) -> bool {
        self.providers.contains(provider)
    }
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Unused for this long, a session ends.
    pub idle: TimeDelta,
    /// A session ends this long after it began, used or not.
    pub absolute: TimeDelta,
}

/// A browser's signed-in state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its public name.
    pub id: SessionId,
    /// Who.
    pub identity: Identity,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Last use, to within [`limits::SESSION_TOUCH_INTERVAL`].
    pub last_seen_at: DateTime<Utc>,
    /// The end whatever happens.
    pub ends_at: DateTime<Utc>,
    /// Where it began.
    pub origin: ClientInfo,
    /// Makes the tokens in our forms; stays when the secret is replaced, so that open pages keep working.
    #[serde(with = "crate::base::secret::sealed_text")]
    pub form_key: SecretText,
    /// Since when the browser holds this secret.
    pub secret_since: DateTime<Utc>,
    /// Finds the record under the secret that replaced this one.
    pub superseded_by: Option<SecretDigest>,
    /// The person's epoch when it began.
    pub epoch: Option<EpochId>,
}

impl Record for Session {
    const KIND: &'static str = "session";
}

impl Session {
    /// Whether it is still alive at `now`; its person's epoch is another question, see [`Epoch::ends`].
    pub fn is_live(&self, now: DateTime<Utc>, lifetimes: &Lifetimes) -> bool {
        now < self.ends_at && now < self.last_seen_at + lifetimes.idle
    }

    /// Until when the store has to keep it, if it is not used again.
    pub fn stored_until(&self, lifetimes: &Lifetimes) -> DateTime<Utc> {
        self.ends_at.min(self.last_seen_at + lifetimes.idle)
    }

    /// Its line in its person's list; `key` finds its record.
    pub fn entry(&self, key: SecretDigest) -> SessionEntry {
        SessionEntry {
            id: self.id,
            key,
            started_at: self.started_at,
            ends_at: self.ends_at,
            origin: self.origin.clone(),
            logout: self.identity.evidence.for_logout(),
        }
    }

    /// Whether the browser holds another secret than the one that the session began with.
    pub fn was_renewed(&self) -> bool {
        self.secret_since > self.started_at
    }

    /// Whether the browser should get a new secret at `now`.
    pub fn needs_new_secret(&self, now: DateTime<Utc>) -> bool {
        self.superseded_by.is_none() && now >= self.secret_since + limits::SESSION_SECRET_LIFE
    }

    /// Whether its use at `now` should be written back.
    pub fn needs_touch(&self, now: DateTime<Utc>) -> bool {
        self.superseded_by.is_none() && now >= self.last_seen_at + limits::SESSION_TOUCH_INTERVAL
    }
}

impl<'a> From<&'a Session> for Caller<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            identity: &session.identity,
            session: session.id,
            epoch: session.epoch,
            ends_at: session.ends_at,
            flow: None,
        }
    }
}

impl<'a> From<&'a ClientSession> for Caller<'a> {
    fn from(session: &'a ClientSession) -> Self {
        Self {
            identity: &session.identity,
            session: session.id,
            epoch: session.epoch,
            ends_at: session.ends_at,
            flow: Some(session.flow),
        }
    }
}

/// One line of "my sessions".
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Its public name.
    pub id: SessionId,
    /// Finds its record.
    pub key: SecretDigest,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// The end whatever happens.
    pub ends_at: DateTime<Utc>,
    /// Where it began.
    pub origin: ClientInfo,
    /// What the provider's single logout is held against when the record is gone. None for a provider without it, and in
    /// entries of earlier versions.
    #[serde(default)]
    pub logout: Option<Evidence>,
}

/// A person's sessions, by [`Identity::key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SessionIndex {
    /// Oldest first; ended ones may linger.
    pub entries: Vec<SessionEntry>,
}

impl Record for SessionIndex {
    const KIND: &'static str = "session-index";
}

impl SessionIndex {
    /// Whether one more would push one out.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= limits::SESSIONS_PER_SUBJECT_MAX
    }

    /// Adds a session, drops those that are over, and returns those pushed out by
    /// [`limits::SESSIONS_PER_SUBJECT_MAX`], oldest first.
    pub fn add(&mut self, entry: SessionEntry, now: DateTime<Utc>) -> Vec<SessionEntry> {
        self.entries.retain(|old| old.ends_at > now);
        self.entries.push(entry);
        let surplus = self
            .entries
            .len()
            .saturating_sub(limits::SESSIONS_PER_SUBJECT_MAX);
        self.entries.drain(..surplus).collect()
    }
}

/// A person's present epoch, by [`Identity::key`]: sessions of any other are over, indexed or not. It is a name and
/// not a time, so that no two clocks have to agree on what came first. Without a record no session is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Epoch {
    /// Sessions that begin now carry this.
    pub id: EpochId,
    /// The one older session that lives on: that of the person who ended all others. None when all were ended from outside.
    pub except: Option<SessionId>,
}

impl Epoch {
    /// Whether it ended the session of this name that began in that epoch.
    pub fn ends(&self, session: SessionId, begun_in: Option<EpochId>) -> bool {
        begun_in != Some(self.id) && self.except != Some(session)
    }
}

impl Record for Epoch {
    const KIND: &'static str = "epoch";
}

/// Marks a session that was ended by itself, by [`SessionId::ended_key`], until [`limits::ENDED_MARK_MARGIN`] after it would
/// have ended anyway. A request that
/// had found the session before its end sees the mark before it writes or issues anything: the session's record alone
/// would not tell, since its key changes with the browser's secret.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct EndedSession {}

impl Record for EndedSession {
    const KIND: &'static str = "ended-session";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{AuthTime, Claims, ProviderId, Subject};

    #[test]
    fn session_expires_exactly() {
        let start = DateTime::UNIX_EPOCH;
        let lifetimes = Lifetimes {
            idle: TimeDelta::hours(1),
            absolute: TimeDelta::hours(8),
        };
        let secret = SecretDigest::of("test", &[]);
        let mut session = Session {
            id: SessionId::of(secret),
            identity: Identity {
                provider: ProviderId::parse("okta").unwrap(),
                subject: Subject::parse("alice").unwrap(),
                email: None,
                name: None,
                groups: vec![],
                claims: Claims::default(),
                unread_claims: Default::default(),
                untrusted_email: None,
                mfa: false,
                asserted_at: start,
                auth_time: AuthTime::Stated,
                evidence: Evidence::IdToken {
                    token: SecretText::new(""),
                    sid: None,
                },
            },
            started_at: start,
            last_seen_at: start,
            ends_at: start + lifetimes.absolute,
            origin: ClientInfo::default(),
            form_key: SecretText::new(""),
            secret_since: start,
            superseded_by: None,
            epoch: None,
        };
        let second = TimeDelta::seconds(1);
        for end in [start + lifetimes.idle, start + lifetimes.absolute] {
            session.last_seen_at = end - lifetimes.idle;
            assert!(session.is_live(end - second, &lifetimes), "{end}");
            assert!(!session.is_live(end, &lifetimes), "{end}");
            assert_eq!(session.stored_until(&lifetimes), end);
        }
    }
}
