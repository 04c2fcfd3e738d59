//! An event as a row: its canonical form, and the parts of it that are repeated in columns for searching.
//!
//! The columns are read from the canonical form alone, so that `verify` can tell when somebody changed one.

use chrono::{DateTime, SecondsFormat, Utc};
use rolecall_core::audit::ChainHash;
use serde::Deserialize;
use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{Database, Encode, Row as _, Type};

/// What a row holds beside its place in the chain.
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

impl Columns {
    /// The columns that belong to this canonical form.
    pub(super) fn of(canonical: &str) -> Result<Self, serde_json::Error> {
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

/// A time as text that sorts: UTC, RFC 3339, always six digits after the point.
pub(super) fn sortable(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A row in its place.
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
const COLUMNS: usize = 11;

impl Row {
    /// Whether the row is what must follow `before` in its chain.
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

/// Placeholders for this many rows: `($6, …, $16), ($17, …) …` behind that many others, or `(?, …), (?, …) …`.
pub(super) fn values(numbered_after: Option<usize>, rows: usize) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|row| {
            let numbers: Vec<String> = (1..=COLUMNS)
                .map(|column| match numbered_after {
                    Some(before) => format!("${}", before + row * COLUMNS + column),
                    None => "?".to_owned(),
                })
                .collect();
            format!("({})", numbers.join(", "))
        })
        .collect();
    rows.join(", ")
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
