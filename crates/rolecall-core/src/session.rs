//! Sessions of browsers and clients. They end by inactivity, by age, by the person, or by the provider or an
//! administrator.
//!
//! The record of a session is authoritative; the index per person exists for listing and ending sessions. A new
//! [`Epoch`] ends all earlier sessions of a person, including those that are not in the index.

mod access_token;
mod administer;
mod approval;
mod browser_sessions;
mod client_name;
mod client_rules;
mod client_session;
mod client_sessions;
mod ended;
mod id_token;
mod owner;
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

pub use access_token::AccessTokenError;
pub use approval::Approval;
pub use browser_sessions::ResumedSession;
pub use client_name::ClientName;
pub use client_rules::ClientRules;
pub use client_session::{
    ClientSession, ClientSessionEntry, ClientSessionIndex, ClientTokens, LoginBinding,
    NewClientSession, RefreshResult, TokenHandle,
};
pub(crate) use client_sessions::CODE_REPLAYED;
pub(crate) use id_token::StoredIdToken;
pub(crate) use owner::Owner;
pub use remaining_clients::RemainingClients;

/// The service for sessions: finding, listing and ending them.
pub struct Sessions {
    pub(crate) records: Records,
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) rules: ClientRules,
    /// The configured providers.
    pub(crate) providers: BTreeSet<ProviderId>,
}

impl Sessions {
    /// Lifetimes of sessions.
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Whether this provider is configured. Sessions of removed providers are not valid.
    fn is_configured(&self, provider: &ProviderId) -> bool {
        self.providers.contains(provider)
    }
}

/// Lifetimes of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Maximum time without use.
    pub idle: TimeDelta,
    /// Maximum time since the beginning.
    pub absolute: TimeDelta,
}

/// A session of a browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Public ID of the session.
    pub id: SessionId,
    /// The signed-in person.
    pub identity: Identity,
    /// Beginning of the session.
    pub started_at: DateTime<Utc>,
    /// Last use, with a precision of [`limits::SESSION_TOUCH_INTERVAL`].
    pub last_seen_at: DateTime<Utc>,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
    /// Address and user agent of the sign-in.
    #[serde(rename = "origin")]
    pub client_info: ClientInfo,
    /// Key of the form tokens. It stays the same when the secret is replaced, and when the person signs in again in the same
    /// browser, so that open pages keep working.
    #[serde(with = "crate::base::secret::sealed_text")]
    pub form_key: SecretText,
    /// Time at which the browser got this secret.
    pub secret_since: DateTime<Utc>,
    /// Key of the record under the secret that replaced this one.
    pub superseded_by: Option<SecretDigest>,
    /// Epoch of the person at the beginning of the session.
    pub epoch: Option<EpochId>,
    /// Whether the session began with additional verification that an earlier session of the person requested, on a page of
    /// the gateway.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stepped_up: bool,
}

impl Record for Session {
    const KIND: &'static str = "session";
}

impl Session {
    /// Whether it has not expired at `now`. Does not check the epoch; see [`Epoch::ends`].
    pub fn is_live(&self, now: DateTime<Utc>, lifetimes: &Lifetimes) -> bool {
        now < self.ends_at && now < self.last_seen_at + lifetimes.idle
    }

    /// Expiry of the record, without further use.
    pub fn stored_until(&self, lifetimes: &Lifetimes) -> DateTime<Utc> {
        self.ends_at.min(self.last_seen_at + lifetimes.idle)
    }

    /// Its entry in the index of the person; `key` is the key of its record.
    pub fn entry(&self, key: SecretDigest) -> SessionEntry {
        SessionEntry {
            id: self.id,
            key,
            started_at: self.started_at,
            ends_at: self.ends_at,
            client_info: self.client_info.clone(),
            logout: self.identity.evidence.for_logout(),
        }
    }

    /// Whether the person returns at `now` from additional verification, for the page that requested it.
    pub fn has_just_stepped_up(&self, now: DateTime<Utc>) -> bool {
        self.stepped_up && now < self.started_at + limits::STEP_UP_RECENT
    }

    /// Whether the browser has another secret than at the beginning.
    pub fn was_renewed(&self) -> bool {
        self.secret_since > self.started_at
    }

    /// Whether the secret is due for replacement at `now`.
    pub fn needs_new_secret(&self, now: DateTime<Utc>) -> bool {
        self.superseded_by.is_none() && now >= self.secret_since + limits::SESSION_SECRET_LIFE
    }

    /// Whether its use at `now` should be saved.
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

/// An entry in the index of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Public ID of the session.
    pub id: SessionId,
    /// Key of its record.
    pub key: SecretDigest,
    /// Beginning of the session.
    pub started_at: DateTime<Utc>,
    /// End of the session, at the latest.
    pub ends_at: DateTime<Utc>,
    /// Address and user agent of the sign-in.
    #[serde(rename = "origin")]
    pub client_info: ClientInfo,
    /// Evidence that single logout of the provider compares if the record is lost. `None` for a provider without single
    /// logout, and in entries of earlier versions.
    #[serde(default)]
    pub logout: Option<Evidence>,
}

/// The sessions of a person, stored under [`Identity::key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SessionIndex {
    /// Oldest first; may contain ended sessions.
    pub entries: Vec<SessionEntry>,
}

impl Record for SessionIndex {
    const KIND: &'static str = "session-index";
}

impl SessionIndex {
    /// Whether one more session would remove the oldest.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= limits::SESSIONS_PER_SUBJECT_MAX
    }

    /// Adds a session, removes expired ones, and returns those beyond [`limits::SESSIONS_PER_SUBJECT_MAX`], oldest
    /// first.
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

/// The current epoch of a person, stored under [`Identity::key`]. Sessions of any other epoch have ended, whether or
/// not they are in the index. An epoch is an ID and not a time, so clocks need not agree. Without a record, no session
/// has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch of new sessions.
    pub id: EpochId,
    /// The earlier session that has not ended: that of the person who ended all others. `None` if all sessions were
    /// ended.
    pub except: Option<SessionId>,
}

impl Epoch {
    /// Whether it ended the session with this ID that began in that epoch.
    pub fn ends(&self, session: SessionId, begun_in: Option<EpochId>) -> bool {
        begun_in != Some(self.id) && self.except != Some(session)
    }
}

impl Record for Epoch {
    const KIND: &'static str = "epoch";
}

/// Marks an individually ended session, under [`SessionId::ended_key`], until [`limits::ENDED_MARK_MARGIN`] after it
/// would have expired. A request that found the session before its end checks the mark before it writes or issues
/// anything. The record of the session is not enough, because its key changes with the secret.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct EndedSession {}

impl Record for EndedSession {
    const KIND: &'static str = "ended-session";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{AuthTime, Claims, ProviderId, Subject};

    const LIFETIMES: Lifetimes = Lifetimes {
        idle: TimeDelta::hours(1),
        absolute: TimeDelta::hours(8),
    };

    fn session() -> Session {
        let start = DateTime::UNIX_EPOCH;
        Session {
            id: SessionId::of(SecretDigest::of("test", &[])),
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
                unconfirmed_mfa: None,
                asserted_at: start,
                auth_time: AuthTime::Stated,
                evidence: Evidence::IdToken {
                    token: SecretText::new(""),
                    sid: None,
                },
            },
            started_at: start,
            last_seen_at: start,
            ends_at: start + LIFETIMES.absolute,
            client_info: ClientInfo::default(),
            form_key: SecretText::new(""),
            secret_since: start,
            superseded_by: None,
            epoch: None,
            stepped_up: false,
        }
    }

    #[test]
    fn session_expires_exactly() {
        let (mut session, lifetimes) = (session(), LIFETIMES);
        let start = session.started_at;
        let second = TimeDelta::seconds(1);
        for end in [start + lifetimes.idle, start + lifetimes.absolute] {
            session.last_seen_at = end - lifetimes.idle;
            assert!(session.is_live(end - second, &lifetimes), "{end}");
            assert!(!session.is_live(end, &lifetimes), "{end}");
            assert_eq!(session.stored_until(&lifetimes), end);
        }
    }

    #[test]
    fn stored_members_keep_their_names() {
        let session = session();
        let entry = session.entry(SecretDigest::of("test", &[]));
        for stored in [
            serde_json::to_value(&session).unwrap(),
            serde_json::to_value(entry).unwrap(),
        ] {
            assert!(stored["origin"].is_object(), "{stored}");
        }
    }
}
