//! The index that searches read: filled behind the events, a batch at a time, by whoever has time. It is made of the events
//! alone and can be made again.
//!
//! Several processes may fill it at once: a batch is written together with the number up to which its chain is in the index,
//! and only if that number is still the one that was read.

use std::collections::HashMap;

use rolecall_core::audit::{AuditEvent, Happened};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::row::{NAMES, Row};
use crate::database::Database;

/// Events of one batch. SQLite lets nobody else write meanwhile.
const BATCH: i64 = 250;
/// Rows of one statement, within the 999 parameters of earlier versions of SQLite.
const ROWS: usize = 50;

pub(super) const INDEX_NAMES: &str = "at, writer, sequence, event, outcome, reference, provider, subject, email, account, \
     permission_set, address, session, allowed_in";
const COLUMNS: usize = 14;

/// The events of a chain that come next.
const NEXT: &str = "SELECT w.writer, w.sequence, COALESCE(i.sequence, 0) FROM audit_writers w \
     LEFT JOIN audit_indexed i ON i.writer = w.writer \
     WHERE w.sequence > COALESCE(i.sequence, 0) ORDER BY w.started_at DESC, w.writer LIMIT 1";
const BEHIND: &str = "SELECT CAST(COALESCE(SUM(w.sequence - COALESCE(i.sequence, 0)), 0) AS BIGINT) FROM audit_writers w \
     LEFT JOIN audit_indexed i ON i.writer = w.writer WHERE w.sequence > COALESCE(i.sequence, 0)";
const ADVANCE: &str = "INSERT INTO audit_indexed (writer, sequence) VALUES ($1, $2) \
     ON CONFLICT (writer) DO UPDATE SET sequence = $2 WHERE audit_indexed.sequence = $3";
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

/// How many events are not in the index.
///
/// # Errors
/// When the database fails, or has no index yet.
pub async fn events_behind(database: &Database) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(BEHIND).fetch_one(&database.pool).await
}

/// Brings a batch of events into the index, those of the youngest chain first; whether there was anything to do.
///
/// # Errors
/// When the database fails.
pub async fn fill_index(database: &Database) -> Result<bool, sqlx::Error> {
    let Some(next) = sqlx::query(NEXT).fetch_optional(&database.pool).await? else {
        return Ok(false);
    };
    let (writer, head, indexed): (String, i64, i64) =
        (next.try_get(0)?, next.try_get(1)?, next.try_get(2)?);
    let query = format!(
        "SELECT {NAMES} FROM audit_events WHERE writer = $1 AND sequence > $2 ORDER BY sequence LIMIT {BATCH}"
    );
    let found = sqlx::query(AssertSqlSafe(query))
        .bind(&writer)
        .bind(indexed)
        .fetch_all(&database.pool)
        .await?;
    let rows = found.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    // Somebody removed what is missing; `audit verify` says so.
    let reached = rows.last().map_or(head, |row| row.sequence);
    let mut rows: Vec<IndexRow> = rows.into_iter().map(IndexRow::of).collect();

    let mut transaction = database.pool.begin().await?;
    let advanced = sqlx::query(ADVANCE)
        .bind(&writer)
        .bind(reached)
        .bind(indexed)
        .execute(&mut *transaction)
        .await?;
    if advanced.rows_affected() == 0 {
        // Another process was faster.
        transaction.rollback().await?;
        return Ok(true);
    }
    complete(&mut rows, &mut transaction).await?;
    for chunk in rows.chunks(ROWS) {
        insert(chunk, &mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Gives the events that end an intent its person and role.
async fn complete(
    rows: &mut [IndexRow],
    connection: &mut AnyConnection,
) -> Result<(), sqlx::Error> {
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
                let found = found.fetch_optional(&mut *connection).await?;
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
    let values: Vec<String> = (0..rows.len())
        .map(|row| {
            let numbers: Vec<String> = (1..=COLUMNS)
                .map(|column| format!("${}", row * COLUMNS + column))
                .collect();
            format!("({})", numbers.join(", "))
        })
        .collect();
    // What is there already was inserted by hand: `audit verify` finds it.
    let statement = format!(
        "INSERT INTO audit_index ({INDEX_NAMES}) VALUES {} ON CONFLICT DO NOTHING",
        values.join(", ")
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
            provider: row.columns.provider.clone(),
            subject: row.columns.subject.clone(),
            email: row.columns.email.clone(),
            account: row.columns.account.clone(),
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
        let happened = &event.happened;
        let (session, allowed_in) = happened.sessions();
        concerned.session = session.map(str::to_owned);
        let target = happened.about().target;
        concerned.permission_set = target.map(|target| target.permission_set.clone());
        Self {
            row,
            concerned,
            outcome: happened.outcome().map(|outcome| outcome.as_str()),
            address: event.address.map(|address| address.to_string()),
            allowed_in: allowed_in.map(str::to_owned),
            ends_intent: matches!(
                happened,
                Happened::IssueDone { .. }
                    | Happened::IssuePosted { .. }
                    | Happened::IssueFailed { .. }
                    | Happened::IssueUndelivered {}
            ),
        }
    }
}
