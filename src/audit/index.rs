//! The search index. It is filled in batches after the events are committed, and can be rebuilt from the events.
//!
//! Several processes may fill it at the same time: a batch is written together with the number up to which its chain is indexed,
//! and only if that number is still the one that was read.

use std::collections::HashMap;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, AuditEventKind};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use tokio::time::Instant;

use super::row::{NAMES, Row};
use crate::database::{Database, values};

/// Events of one batch. In SQLite, a batch holds the write lock, and appends wait for it.
const BATCH: i64 = 40;
/// Bytes of a value that can be searched. PostgreSQL does not index longer values, and no event has them.
const VALUE_BYTES_MAX: usize = 512;

const INDEX_NAMES: &str = "at, writer, sequence, event, outcome, reference, provider, subject, email, account, \
     permission_set, address, session, allowed_in";
const COLUMNS: usize = 14;

/// The chain with the most events that are not indexed.
const NEXT: &str = "SELECT w.writer, w.sequence, COALESCE(i.sequence, 0), CASE WHEN i.writer IS NULL THEN 0 ELSE 1 END FROM audit_writers w \
     LEFT JOIN audit_indexed i ON i.writer = w.writer \
     WHERE w.sequence > COALESCE(i.sequence, 0) ORDER BY w.sequence - COALESCE(i.sequence, 0) DESC, w.writer LIMIT 1";
const BEHIND: &str = "SELECT CAST(COALESCE(SUM(w.sequence - COALESCE(i.sequence, 0)), 0) AS BIGINT) FROM audit_writers w \
     LEFT JOIN audit_indexed i ON i.writer = w.writer WHERE w.sequence > COALESCE(i.sequence, 0)";
const BEGIN_CHAIN: &str =
    "INSERT INTO audit_indexed (writer, sequence) VALUES ($1, $2) ON CONFLICT (writer) DO NOTHING";
const ADVANCE: &str = "UPDATE audit_indexed SET sequence = $2 WHERE writer = $1 AND sequence = $3";
const INTENT: &str = "SELECT provider, subject, email, account, permission_set, session FROM audit_index \
     WHERE reference = $1 AND event = 'issue_intended' LIMIT 1";

/// The person, role and session of an event.
#[derive(Clone, Debug, Default)]
struct Subjects {
    provider: Option<String>,
    subject: Option<String>,
    email: Option<String>,
    account: Option<String>,
    permission_set: Option<String>,
    session: Option<String>,
}

/// A row of the index.
struct IndexRow {
    row: Row,
    subjects: Subjects,
    outcome: Option<&'static str>,
    address: Option<String>,
    allowed_in: Option<String>,
    /// Whether it ends an intent, and so takes person and role from the intent with the same reference.
    ends_intent: bool,
}

/// The shortest pause between two batches. Other processes that append wait for SQLite's lock, which they try every 100 ms at
/// the latest.
const PAUSE_MIN: Duration = Duration::from_millis(150);

/// The number of events that are not indexed.
///
/// # Errors
/// If the database fails, or has no index yet.
pub async fn events_behind(database: &Database) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(BEHIND).fetch_one(&database.pool).await
}

/// Indexes a batch of events of one chain. Returns how long to pause before the next batch, at least as long as this one took;
/// none if all events are indexed.
///
/// # Errors
/// If the database fails.
pub async fn fill_index(database: &Database) -> Result<Option<Duration>, sqlx::Error> {
    let begun = Instant::now();
    let filled = fill_batch(database).await?;
    Ok(filled.then(|| begun.elapsed().max(PAUSE_MIN)))
}

/// Returns whether events were missing in the index.
async fn fill_batch(database: &Database) -> Result<bool, sqlx::Error> {
    let Some(next) = sqlx::query(NEXT).fetch_optional(&database.pool).await? else {
        return Ok(false);
    };
    let (writer, head, indexed): (String, i64, i64) =
        (next.try_get(0)?, next.try_get(1)?, next.try_get(2)?);
    let begun: i64 = next.try_get(3)?;
    let query = format!(
        "SELECT {NAMES} FROM audit_events WHERE writer = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence LIMIT {BATCH}"
    );
    let found = sqlx::query(AssertSqlSafe(query))
        .bind(&writer)
        .bind(indexed)
        .bind(head)
        .fetch_all(&database.pool)
        .await?;
    // Missing and unreadable events were tampered with; `audit verify` reports them.
    let reached = match found.last() {
        Some(row) => row.try_get(1)?,
        None => head,
    };
    let rows = found.iter().filter_map(|row| Row::read(row).ok());
    let mut rows: Vec<IndexRow> = rows.map(IndexRow::of).collect();
    complete(&mut rows, database).await?;

    // Only if the number is still the one that was read, so that no batch is written twice and there is no gap. Otherwise another
    // process was faster.
    let advancing = match begun {
        0 => sqlx::query(BEGIN_CHAIN).bind(&writer).bind(reached),
        _ => sqlx::query(ADVANCE)
            .bind(&writer)
            .bind(reached)
            .bind(indexed),
    };
    let writing = database.transact(async |transaction| {
        let advanced = advancing.execute(&mut *transaction).await?;
        if advanced.rows_affected() > 0 && !rows.is_empty() {
            insert(&rows, transaction).await?;
        }
        Ok(())
    });
    writing.await?;
    Ok(true)
}

/// Copies person and role from intents to the events that end them.
async fn complete(rows: &mut [IndexRow], database: &Database) -> Result<(), sqlx::Error> {
    let intents: HashMap<String, Subjects> = rows
        .iter()
        .filter(|row| row.row.columns.event == "issue_intended")
        .map(|row| (row.row.columns.reference.clone(), row.subjects.clone()))
        .collect();
    for row in rows.iter_mut().filter(|row| row.ends_intent) {
        let reference = &row.row.columns.reference;
        row.subjects = match intents.get(reference) {
            Some(subjects) => subjects.clone(),
            None => {
                let found = sqlx::query(INTENT).bind(reference);
                let found = found.fetch_optional(&database.pool).await?;
                found
                    .map(|found| Subjects::read(&found))
                    .transpose()?
                    .unwrap_or_default()
            }
        };
    }
    Ok(())
}

async fn insert(rows: &[IndexRow], connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    // A conflict is an event that was inserted manually; `audit verify` reports it.
    let statement = format!(
        "INSERT INTO audit_index ({INDEX_NAMES}) VALUES {} ON CONFLICT DO NOTHING",
        values(0, COLUMNS, rows.len())
    );
    let mut statement = sqlx::query(AssertSqlSafe(statement));
    for one in rows {
        let (columns, subjects) = (&one.row.columns, &one.subjects);
        statement = statement
            .bind(columns.at.clone())
            .bind(one.row.writer.clone())
            .bind(one.row.sequence)
            .bind(columns.event.clone())
            .bind(one.outcome.map(str::to_owned))
            .bind(columns.reference.clone())
            .bind(subjects.provider.clone())
            .bind(subjects.subject.clone())
            .bind(subjects.email.clone())
            .bind(subjects.account.clone())
            .bind(subjects.permission_set.clone())
            .bind(one.address.clone())
            .bind(subjects.session.clone())
            .bind(one.allowed_in.clone());
    }
    statement.execute(connection).await?;
    Ok(())
}

/// The value, if both databases can index it. Other values exist only in events that were tampered with.
fn searchable(value: &str) -> Option<String> {
    let fits = value.len() <= VALUE_BYTES_MAX && !value.contains('\0');
    fits.then(|| value.to_owned())
}

impl Subjects {
    fn read(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            provider: row.try_get(0)?,
            subject: row.try_get(1)?,
            email: row.try_get(2)?,
            account: row.try_get(3)?,
            permission_set: row.try_get(4)?,
            session: row.try_get(5)?,
        })
    }
}

impl IndexRow {
    /// An event that cannot be parsed, of a newer version or tampered with, is indexed by its columns.
    fn of(row: Row) -> Self {
        let event: Option<AuditEvent> = serde_json::from_str(&row.canonical).ok();
        let mut subjects = Subjects {
            provider: row.columns.provider.as_deref().and_then(searchable),
            subject: row.columns.subject.as_deref().and_then(searchable),
            email: row.columns.email.as_deref().and_then(searchable),
            account: row.columns.account.as_deref().and_then(searchable),
            ..Subjects::default()
        };
        let Some(event) = event else {
            return Self {
                row,
                subjects,
                outcome: None,
                address: None,
                allowed_in: None,
                ends_intent: false,
            };
        };
        let kind = &event.kind;
        let (session, allowed_in) = kind.sessions();
        subjects.session = session.and_then(searchable);
        let target = kind.properties().target;
        subjects.permission_set = target.and_then(|target| searchable(&target.permission_set));
        Self {
            row,
            subjects,
            outcome: kind.outcome().map(|outcome| outcome.as_str()),
            address: event.address.map(|address| address.to_string()),
            allowed_in: allowed_in.and_then(searchable),
            ends_intent: matches!(
                kind,
                AuditEventKind::IssueDone { .. }
                    | AuditEventKind::IssuePosted { .. }
                    | AuditEventKind::IssueFailed { .. }
                    | AuditEventKind::IssueUndelivered {}
                    | AuditEventKind::IssueUnverified { .. }
            ),
        }
    }
}
