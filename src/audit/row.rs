//! An event as a row: its canonical form, and columns that repeat parts of it for searching. The columns can be derived from
//! the canonical form, so `verify` detects when one was changed.

use chrono::{DateTime, Utc};
use rolecall_core::audit::{AuditEvent, ChainHash};
use serde::Deserialize;
use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{Database, Encode, Row as _, Type};

use super::chain::Entry;
use crate::database::sortable;

/// Larger than a page of SQLite, so that a probe takes new pages.
const SAMPLE_BYTES: usize = 16 * 1024;

/// The columns of a row that repeat parts of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) at: String,
    pub(super) event: String,
    pub(super) reference: String,
    pub(super) provider: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) email: Option<String>,
    pub(super) account: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    at: DateTime<Utc>,
    event: String,
    reference: String,
    provider: Option<String>,
    actor: Option<Actor>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Actor {
    provider: String,
    subject: String,
    email: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    account: String,
}

/// An event for probes, as large as the largest that are common.
pub(super) fn sample() -> Entry {
    let columns = Columns {
        at: String::new(),
        event: "sample".to_owned(),
        reference: String::new(),
        provider: None,
        subject: None,
        email: None,
        account: None,
    };
    ("-".repeat(SAMPLE_BYTES), columns)
}

impl Columns {
    /// The columns of an event.
    pub(super) fn of(event: &AuditEvent) -> Self {
        let properties = event.kind.properties();
        let actor = properties.actor;
        let provider = actor.map_or(properties.provider, |actor| Some(&actor.provider));
        Self {
            at: sortable(event.at),
            event: properties.event.to_owned(),
            reference: event.reference.as_str().to_owned(),
            provider: provider.map(str::to_owned),
            subject: actor.map(|actor| actor.subject.clone()),
            email: actor.and_then(|actor| actor.email.clone()),
            account: properties.target.map(|target| target.account.clone()),
        }
    }

    /// The columns of the event with this canonical form.
    pub(super) fn read(canonical: &str) -> Result<Self, serde_json::Error> {
        let event: Event = serde_json::from_str(canonical)?;
        let (provider, subject, email) = match event.actor {
            Some(actor) => (Some(actor.provider), Some(actor.subject), actor.email),
            None => (event.provider, None, None),
        };
        Ok(Self {
            at: sortable(event.at),
            event: event.event,
            reference: event.reference,
            provider,
            subject,
            email,
            account: event.target.map(|target| target.account),
        })
    }
}

/// A row of `audit_events`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) writer: String,
    pub(super) sequence: i64,
    pub(super) columns: Columns,
    pub(super) canonical: String,
    pub(super) hash: String,
}

/// All columns, in the order in which [`Row::read`] and [`bind`] take them.
pub(super) const NAMES: &str =
    "writer, sequence, at, event, reference, provider, subject, email, account, canonical, hash";
pub(super) const COLUMNS: usize = 11;

impl Row {
    /// Whether the hash of the row is the link after `before`.
    pub(super) fn follows(&self, before: &ChainHash) -> bool {
        u64::try_from(self.sequence)
            .is_ok_and(|n| before.next(n, &self.canonical).to_string() == self.hash)
    }

    /// Reads a row of `SELECT` [`NAMES`].
    pub(super) fn read(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            writer: row.try_get(0)?,
            sequence: row.try_get(1)?,
            columns: Columns {
                at: row.try_get(2)?,
                event: row.try_get(3)?,
                reference: row.try_get(4)?,
                provider: row.try_get(5)?,
                subject: row.try_get(6)?,
                email: row.try_get(7)?,
                account: row.try_get(8)?,
            },
            canonical: row.try_get(9)?,
            hash: row.try_get(10)?,
        })
    }
}

/// Binds a row to the next placeholders.
pub(super) fn bind<'q, DB: Database>(
    statement: Query<'q, DB, DB::Arguments>,
    row: Row,
) -> Query<'q, DB, DB::Arguments>
where
    i64: Encode<'q, DB> + Type<DB>,
    String: Encode<'q, DB> + Type<DB>,
    Option<String>: Encode<'q, DB> + Type<DB>,
{
    let columns = row.columns;
    statement
        .bind(row.writer)
        .bind(row.sequence)
        .bind(columns.at)
        .bind(columns.event)
        .bind(columns.reference)
        .bind(columns.provider)
        .bind(columns.subject)
        .bind(columns.email)
        .bind(columns.account)
        .bind(row.canonical)
        .bind(row.hash)
}

#[cfg(test)]
mod tests {
    use rolecall_core::audit::{
        AccessChanges, Actor, AuditEventKind, ConsentDetails, CredentialDelivery, ReferenceId,
        Target, ViaSession,
    };
    use rolecall_core::caller::Flow;

    use super::*;
    use crate::world::SystemEntropy;

    fn every_kind() -> Vec<AuditEventKind> {
        let text = |text: &str| text.to_owned();
        let actor = Actor {
            provider: text("okta"),
            subject: text("00u1"),
            email: Some(text("alice@example.com")),
        };
        let target = Target {
            account: text("111122223333"),
            permission_set: text("Developer"),
            variant: None,
        };
        let asked = ConsentDetails {
            client: text("botocore"),
            flow: Flow::Device,
            from: None,
            requests: 1,
        };
        let at = DateTime::UNIX_EPOCH;
        let via = ViaSession {
            role: text("arn"),
            access_key_id: text("ASIA"),
            request_id: None,
        };
        vec![
            AuditEventKind::WriterStarted {
                version: text("1"),
                earlier: vec![],
            },
            AuditEventKind::SignedIn {
                actor: actor.clone(),
                session: text("s"),
                mfa: true,
                unsolicited: true,
            },
            AuditEventKind::SignInRefused {
                provider: Some(text("google")),
                reason: text("nonce"),
            },
            AuditEventKind::SignInRefused {
                provider: None,
                reason: text("state"),
            },
            AuditEventKind::SignedOut {
                actor: Actor {
                    email: None,
                    ..actor.clone()
                },
                session: text("s"),
                reason: text("sign_out"),
            },
            AuditEventKind::SignOutRefused {
                provider: Some(text("adfs")),
                reason: text("signature"),
            },
            AuditEventKind::ClientSessionBegun {
                actor: actor.clone(),
                session: text("s"),
                client: text("botocore"),
                flow: Flow::Device,
                allowed_in: text("t"),
            },
            AuditEventKind::ConsentGiven {
                actor: actor.clone(),
                session: text("s"),
                asked: asked.clone(),
            },
            AuditEventKind::ConsentDenied {
                actor: actor.clone(),
                session: text("s"),
                asked,
            },
            AuditEventKind::IssueIntended {
                actor: actor.clone(),
                session: text("s"),
                target: target.clone(),
                role: text("arn:aws:iam::111122223333:role/Developer"),
                assignments: vec![text("payments")],
                duration: 3_600,
                role_session_name: text("alice"),
                source_identity: None,
                tag_keys: vec![],
                omitted_tag_keys: vec![text("cost")],
                delivery: CredentialDelivery::Client,
                token_id: None,
            },
            AuditEventKind::IssueDone {
                access_key_id: text("ASIA"),
                assumed_role: text("arn"),
                expires_at: at,
                region: text("eu-west-1"),
                request_id: None,
                unanswered: 1,
                via: vec![via.clone()],
            },
            AuditEventKind::IssuePosted {
                assertion: text("_1"),
                recipient: text("https://signin.aws.amazon.com/saml"),
                expires_at: at,
            },
            AuditEventKind::IssueFailed {
                reason: text("token"),
                aws_code: None,
                request_id: None,
                unanswered: 2,
                via: vec![via],
            },
            AuditEventKind::IssueUndelivered {},
            AuditEventKind::IssueUnverified {
                reason: text("other_identity"),
                caller: Some(text("arn")),
                on_request: true,
            },
            AuditEventKind::IssueRefused {
                actor,
                target,
                reason: text("not_granted"),
            },
            AuditEventKind::ConfigurationLoaded {
                digest: text("d"),
                policy: Some(text("p")),
                changes: Some(AccessChanges {
                    assignments: 2,
                    denies: 1,
                    roles: 40,
                }),
            },
            AuditEventKind::ConfigurationRefused { mistakes: 1 },
        ]
    }

    #[test]
    fn columns_of_every_event_are_derived_from_its_canonical_form() {
        for (kind, nanoseconds) in every_kind()
            .into_iter()
            .zip([0, 1_000, 120_000_000, 999_999_999].into_iter().cycle())
        {
            let event = AuditEvent {
                at: DateTime::UNIX_EPOCH + chrono::TimeDelta::nanoseconds(nanoseconds),
                reference: ReferenceId::generate(&SystemEntropy),
                address: None,
                user_agent: None,
                kind,
            };
            let canonical = event.canonical().unwrap();
            assert_eq!(
                Columns::read(&canonical).unwrap(),
                Columns::of(&event),
                "{canonical}"
            );
        }
    }
}
