//! The index that searches read: filled behind the events, a batch at a time, by whoever has time. It is made of the events
//! alone and can be made again.
//!
//! Several processes may fill it at once: a batch is written together with the number up to which its chain is in the index,
//! and only if that number is still the one that was read.

use std::collections::HashMap;
use std::time::Duration;

use rolecall_core::audit::{AuditEvent, AuditEventKind};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use tokio::time::Instant;

use super::row::{self, NAMES, Row};
use crate::database::Database;

/// Events of one batch. SQLite lets nobody else write meanwhile, and appending waits for it.
const BATCH: i64 = 40;
/// Bytes of a value that is searched for. PostgreSQL indexes no longer ones, and no event of ours has them.
const VALUE_BYTES_MAX: usize = 512;
/// A filler that hangs, or whose machine is gone, holds up no other.
const POSTGRES_SETTINGS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'; \
     SET LOCAL idle_in_transaction_session_timeout = '15s'";

const INDEX_NAMES: &str = "at, writer, sequence, event, outcome, reference, provider, subject, email, account, \
     permission_set, address, session, allowed_in";
const COLUMNS: usize = 14;

/// The chain that lacks the most.
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

/// Whom and what an event is about.
#[derive(Clone, Debug, Default)]
struct Concerned {
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
    concerned: Concerned,
    outcome: Option<&'static str>,
    address: Option<String>,
    allowed_in: Option<String>,
    /// It ends the intent of its reference, whose person and role it has.
    ends_intent: bool,
}

/// The shortest rest between two batches. SQLite asks for a lock that is held every 100 ms at last: whoever appends finds it
/// free in between.
const REST_MIN: Duration = Duration::from_millis(150);

/// How many events are not in the index.
///
/// # Errors
/// When the database fails, or has no index yet.
pub async fn events_behind(database: &Database) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(BEHIND).fetch_one(&database.pool).await
}

/// Brings a batch of events into the index, those of the chain that lacks the most. Returns how long to rest before the next
/// batch, which is at least as long as this one took; none when nothing was missing.
///
/// # Errors
/// When the database fails.
pub async fn fill_index(database: &Database) -> Result<Option<Duration>, sqlx::Error> {
    let begun = Instant::now();
    let filled = fill_batch(database).await?;
    Ok(filled.then(|| begun.elapsed().max(REST_MIN)))
}

/// Whether anything was missing.
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
    // Somebody removed what is missing, and changed what cannot be read; `audit verify` says so.
    let reached = match found.last() {
        Some(row) => row.try_get(1)?,
        None => head,
    };
    let rows = found.iter().filter_map(|row| Row::read(row).ok());
    let mut rows: Vec<IndexRow> = rows.map(IndexRow::of).collect();
    complete(&mut rows, database).await?;

    let mut transaction = database.pool.begin().await?;
    if database.is_postgres() {
        sqlx::raw_sql(POSTGRES_SETTINGS)
            .execute(&mut *transaction)
            .await?;
    }
    // Only if the number is still the one that was read: two fillers never write one batch, and none leaves a gap.
    let advancing = match begun {
        0 => sqlx::query(BEGIN_CHAIN).bind(&writer).bind(reached),
        _ => sqlx::query(ADVANCE)
            .bind(&writer)
            .bind(reached)
            .bind(indexed),
    };
    let advanced = advancing.execute(&mut *transaction).await?;
    if advanced.rows_affected() == 0 {
        // Another process was faster.
        transaction.rollback().await?;
        return Ok(true);
    }
    if !rows.is_empty() {
        insert(&rows, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Gives the events that end an intent its person and role.
async fn complete(rows: &mut [IndexRow], database: &Database) -> Result<(), sqlx::Error> {
    let intents: HashMap<String, Concerned> = rows
        .iter()
        .filter(|row| row.row.columns.event == "issue_intended")
        .map(|row| (row.row.columns.reference.clone(), row.concerned.clone()))
        .collect();
    for row in rows.iter_mut().filter(|row| row.ends_intent) {
        let reference = &row.row.columns.reference;
        row.concerned = match intents.get(reference) {
            Some(concerned) => concerned.clone(),
            None => {
                let found = sqlx::query(INTENT).bind(reference);
                let found = found.fetch_optional(&database.pool).await?;
                found
                    .map(|found| Concerned::read(&found))
                    .transpose()?
                    .unwrap_or_default()
            }
        };
    }
    Ok(())
}

async fn insert(rows: &[IndexRow], connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    // What is there already was inserted by hand: `audit verify` finds it.
    let statement = format!(
        "INSERT INTO audit_index ({INDEX_NAMES}) VALUES {} ON CONFLICT DO NOTHING",
        row::values(Some(0), COLUMNS, rows.len())
    );
    let mut statement = sqlx::query(AssertSqlSafe(statement));
    for one in rows {
        let (columns, concerned) = (&one.row.columns, &one.concerned);
        statement = statement
            .bind(columns.at.clone())
            .bind(one.row.writer.clone())
            .bind(one.row.sequence)
            .bind(columns.event.clone())
            .bind(one.outcome.map(str::to_owned))
            .bind(columns.reference.clone())
            .bind(concerned.provider.clone())
            .bind(concerned.subject.clone())
            .bind(concerned.email.clone())
            .bind(concerned.account.clone())
            .bind(concerned.permission_set.clone())
            .bind(one.address.clone())
            .bind(concerned.session.clone())
            .bind(one.allowed_in.clone());
    }
    statement.execute(connection).await?;
    Ok(())
}

/// A value that an index of either database takes; what somebody has changed beyond that is not searched for.
fn searchable(value: &str) -> Option<String> {
    let fits = value.len() <= VALUE_BYTES_MAX && !value.contains('\0');
    fits.then(|| value.to_owned())
}

impl Concerned {
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
    /// An event that cannot be read, of a newer version or changed by somebody, is found by its columns.
    fn of(row: Row) -> Self {
        let event: Option<AuditEvent> = serde_json::from_str(&row.canonical).ok();
        let mut concerned = Concerned {
            provider: row.columns.provider.as_deref().and_then(searchable),
            subject: row.columns.subject.as_deref().and_then(searchable),
            email: row.columns.email.as_deref().and_then(searchable),
            account: row.columns.account.as_deref().and_then(searchable),
            ..Concerned::default()
        };
        let Some(event) = event else {
            return Self {
                row,
                concerned,
                outcome: None,
                address: None,
                allowed_in: None,
                ends_intent: false,
            };
        };
        let kind = &event.kind;
        let (session, allowed_in) = kind.sessions();
        concerned.session = session.and_then(searchable);
        let target = kind.about().target;
        concerned.permission_set = target.and_then(|target| searchable(&target.permission_set));
        Self {
            row,
            concerned,
            outcome: kind.outcome().map(|outcome| outcome.as_str()),
            address: event.address.map(|address| address.to_string()),
            allowed_in: allowed_in.and_then(searchable),
            ends_intent: matches!(
                kind,
                AuditEventKind::IssueDone { .. }
                    | AuditEventKind::IssuePosted { .. }
                    | AuditEventKind::IssueFailed { .. }
                    | AuditEventKind::IssueUndelivered {}
            ),
        }
    }
}
