//! The port that searches the audit trail.
//!
//! A search reads an index beside the trail, which is updated after the events; only the trail is proof. In the index,
//! the events that complete an issuance contain the person and the role of their intent, so that a search finds both.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::aws::AccountId;
use crate::base::timestamp;
use crate::identity::{EmailAddress, ProviderId, Subject};
use crate::record::StoreError;

use super::Outcome;

/// Events on a page by default.
const PAGE_DEFAULT: usize = 50;
/// Maximum number of events on a page.
const PAGE_MAX: usize = 1_000;

/// Person whose events are searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonQuery {
    /// Everyone with this address at the time of the event.
    Email(EmailAddress),
    /// One person: the ID at this provider.
    Subject(ProviderId, Subject),
}

/// Criteria of a search. A field that is none matches every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only events of this person.
    pub person: Option<PersonQuery>,
    /// Only events of people of this provider.
    pub provider: Option<ProviderId>,
    /// Only events about this AWS account.
    pub account: Option<AccountId>,
    /// Name of the permission set.
    pub role: Option<String>,
    /// Only events with this outcome.
    pub outcome: Option<Outcome>,
    /// Only events with this client address.
    pub address: Option<IpAddr>,
    /// Earliest time, inclusive.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, exclusive.
    pub until: Option<DateTime<Utc>>,
    /// Only events older than this one, the last of the previous page.
    pub after: Option<EventKey>,
    /// Number of events on the page; see [`AuditQuery::page_size`].
    pub limit: Option<usize>,
}

impl AuditQuery {
    /// Returns the number of events on a page: 50 by default, 1,000 at most.
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }
}

/// Position of an event in the order of a search: by time, then by writer and sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventKey {
    /// UTC, RFC 3339 with microseconds.
    pub at: String,
    /// Id of the writer.
    pub writer: String,
    /// Sequence number in the writer's chain.
    pub sequence: i64,
}

/// The text is not an [`EventKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write the `next` of the page before: TIME/WRITER/SEQUENCE")]
pub struct InvalidEventKey;

impl std::fmt::Display for EventKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.at, self.writer, self.sequence)
    }
}

impl std::str::FromStr for EventKey {
    type Err = InvalidEventKey;

    fn from_str(text: &str) -> Result<Self, InvalidEventKey> {
        let mut parts = text.split('/');
        let (Some(at), Some(writer), Some(sequence), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidEventKey);
        };
        timestamp::from_rfc3339(at).ok_or(InvalidEventKey)?;
        Ok(Self {
            at: at.to_owned(),
            writer: writer.to_owned(),
            sequence: sequence.parse().map_err(|_| InvalidEventKey)?,
        })
    }
}

/// Event in the result of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundEvent {
    /// Position in the order of the search.
    #[serde(flatten)]
    pub key: EventKey,
    /// `event` of its canonical form.
    pub name: String,
    /// Outcome; none for an intent.
    pub outcome: Option<Outcome>,
    /// Correlates the events of one request.
    pub reference: String,
    /// Id of the person's identity provider.
    pub provider: Option<String>,
    /// Subject of the person at the provider.
    pub subject: Option<String>,
    /// E-mail address of the person.
    pub email: Option<String>,
    /// AWS account id.
    pub account: Option<String>,
    /// Name of the permission set.
    pub role: Option<String>,
    /// Client address; `None` if unknown.
    pub address: Option<String>,
    /// Public id of the session.
    pub session: Option<String>,
    /// The event in the trail: JSON, unless it was tampered with. None if it was removed.
    pub canonical: Option<String>,
}

/// Page of a search, newest event first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// Events of the page.
    pub events: Vec<FoundEvent>,
    /// Key for the next page; none on the last.
    pub next: Option<EventKey>,
}

/// Searches the audit trail.
#[async_trait]
pub trait AuditReader: Send + Sync {
    /// Returns a page of the matching events, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn search(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// Returns the events of a session and of the client sessions that were allowed in it, oldest first, at most 1,000.
    /// `next` is the last of them if there are more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn session_events(&self, session: &str) -> Result<AuditPage, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_key_round_trips() {
        let key = EventKey {
            at: "2026-03-01T09:00:00.123456Z".to_owned(),
            writer: "0123456789abcdef".to_owned(),
            sequence: 17,
        };
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in [
            "",
            "a/b/1",
            "2026-03-01T09:00:00Z/w",
            "2026-03-01T09:00:00Z/w/x",
            "2026-03-01T09:00:00Z/w/1/2",
        ] {
            assert_eq!(text.parse::<EventKey>(), Err(InvalidEventKey), "{text}");
        }
    }

    #[test]
    fn page_size_is_bounded() {
        let asked = |limit| {
            AuditQuery {
                limit,
                ..AuditQuery::default()
            }
            .page_size()
        };
        assert_eq!(
            [
                asked(None),
                asked(Some(0)),
                asked(Some(7)),
                asked(Some(usize::MAX))
            ],
            [50, 1, 7, 1_000]
        );
    }
}
