//! The port that searches the audit trail.
//!
//! A search reads an index beside the trail, which is filled after the events; the trail alone is proof. In the index, the
//! events that end an issue carry the person and the role of the intent they end, so that both are found together.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::aws::AccountId;
use crate::base::timestamp;
use crate::identity::{EmailAddress, ProviderId, Subject};
use crate::record::StoreError;

use super::Outcome;

/// Events on a page where no number was asked for.
const PAGE_DEFAULT: usize = 50;
/// Events on a page at most.
const PAGE_MAX: usize = 1_000;

/// Whose events are searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonQuery {
    /// Everybody who had this address at the time of the event.
    Email(EmailAddress),
    /// One person.
    Subject(ProviderId, Subject),
}

/// What an event must fit. What is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Whose.
    pub person: Option<PersonQuery>,
    /// At which identity provider.
    pub provider: Option<ProviderId>,
    /// In which AWS account.
    pub account: Option<AccountId>,
    /// The name of the permission set.
    pub role: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// From which client address.
    pub address: Option<IpAddr>,
    /// At this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
    /// Only older events than this one: the last of the page before.
    pub after: Option<EventKey>,
    /// Events on the page; see [`AuditQuery::page_size`].
    pub limit: Option<usize>,
}

impl AuditQuery {
    /// How many events are on a page: 50 where no number was asked for, and 1,000 at most.
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }
}

/// The place of an event in the order of a search: by time, and where two have the same, by writer and sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventKey {
    /// UTC, RFC 3339 with microseconds.
    pub at: String,
    /// The writer.
    pub writer: String,
    /// The number in its writer's chain.
    pub sequence: i64,
}

/// Why a text is no [`EventKey`].
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

/// An event that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundEvent {
    /// Its place.
    #[serde(flatten)]
    pub key: EventKey,
    /// `event` of its canonical form.
    pub name: String,
    /// How it ended, where it is an end.
    pub outcome: Option<Outcome>,
    /// Joins the events of one request.
    pub reference: String,
    /// The person's identity provider.
    pub provider: Option<String>,
    /// What the provider calls the person.
    pub subject: Option<String>,
    /// The person's address.
    pub email: Option<String>,
    /// The AWS account.
    pub account: Option<String>,
    /// The permission set.
    pub role: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// The public id of the session.
    pub session: Option<String>,
    /// The event as it stands in the trail: JSON, unless somebody has changed it. None when it was removed.
    pub canonical: Option<String>,
}

/// A page of a search, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// The events.
    pub events: Vec<FoundEvent>,
    /// Where the next page goes on; none on the last.
    pub next: Option<EventKey>,
}

/// Searches the audit trail.
#[async_trait]
pub trait AuditReader: Send + Sync {
    /// A page of the events that fit, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn search(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// One session's events and those of the client sessions that were allowed in it, oldest first, at most 1,000; `next` is the
    /// last of them when there are more.
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
