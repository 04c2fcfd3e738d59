//! Searches the trail with its index, newest first. Pages continue after a key.

use std::fmt::Write as _;

use async_trait::async_trait;
use rolecall_core::audit::{
    AuditPage, AuditQuery, AuditReader, EventKey, FoundEvent, Outcome, PersonQuery,
};
use rolecall_core::record::StoreError;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::database::{Database, sortable};

/// Events of one session that are returned at most.
const SESSION_EVENTS_MAX: usize = 1_000;
/// Events up to which the matches of a condition are counted, to find the most selective one.
const SELECTIVE: i64 = 2_000;

const JOIN: &str = "LEFT JOIN audit_events e ON e.writer = x.writer AND e.sequence = x.sequence";
const ORDER: &str = "ORDER BY at DESC, writer DESC, sequence DESC";
const ORDER_JOINED: &str = "ORDER BY x.at DESC, x.writer DESC, x.sequence DESC";
const FOUND: &str = "x.at, x.writer, x.sequence, x.event, x.outcome, x.reference, x.provider, x.subject, x.email, x.account, \
     x.permission_set, x.address, x.session, e.canonical";

/// Searches the trail.
pub struct SqlAuditReader {
    database: Database,
}

/// A `WHERE` clause and the values of its placeholders.
#[derive(Default)]
struct Conditions {
    text: String,
    bound: Vec<String>,
    /// The conditions that have an index: the name of the index, the condition with placeholders from 1, their values.
    indexed: Vec<(&'static str, String, Vec<String>)>,
}

impl SqlAuditReader {
    /// A reader of this database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn found(&self, query: &AuditQuery) -> Result<AuditPage, sqlx::Error> {
        let conditions = Conditions::of(query);
        let size = query.page_size();
        let index = self.index(&conditions).await?;
        let text = format!(
            "SELECT {FOUND} FROM (SELECT * FROM audit_index {index} {} {ORDER} LIMIT {}) AS x {JOIN} {}",
            conditions.text,
            size + 1,
            ORDER_JOINED,
        );
        Ok(page(self.rows(text, &conditions.bound).await?, size))
    }

    /// The index that SQLite should use. It has no statistics that distinguish a rare value from a frequent one.
    async fn index(&self, conditions: &Conditions) -> Result<String, sqlx::Error> {
        if self.database.is_postgres() || conditions.indexed.len() < 2 {
            return Ok(String::new());
        }
        let mut best: Option<(i64, &str)> = None;
        for (name, condition, bound) in &conditions.indexed {
            let text = format!(
                "SELECT count(*) FROM (SELECT 1 FROM audit_index INDEXED BY {name} WHERE {condition} LIMIT {SELECTIVE})"
            );
            let mut counting = sqlx::query_scalar(AssertSqlSafe(text));
            for value in bound {
                counting = counting.bind(value.clone());
            }
            let count: i64 = counting.fetch_one(&self.database.pool).await?;
            if best.is_none_or(|(least, _)| count < least) {
                best = Some((count, name));
            }
        }
        Ok(best.map_or_else(String::new, |(_, name)| format!("INDEXED BY {name}")))
    }

    async fn events_of(&self, session: &str) -> Result<AuditPage, sqlx::Error> {
        let text = format!(
            "SELECT {FOUND} FROM (SELECT * FROM audit_index WHERE session = $1 UNION \
             SELECT * FROM audit_index WHERE session IN (SELECT session FROM audit_index WHERE allowed_in = $2)) AS x \
             {JOIN} ORDER BY x.at, x.writer, x.sequence LIMIT {}",
            SESSION_EVENTS_MAX + 1
        );
        let bound = [session.to_owned(), session.to_owned()];
        Ok(page(self.rows(text, &bound).await?, SESSION_EVENTS_MAX))
    }

    async fn rows(&self, text: String, bound: &[String]) -> Result<Vec<FoundEvent>, sqlx::Error> {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in bound {
            query = query.bind(value.clone());
        }
        let rows = query.fetch_all(&self.database.pool).await?;
        rows.iter().map(read).collect()
    }
}

/// A page of these events. One event more than `size` means that there is a next page.
fn page(mut events: Vec<FoundEvent>, size: usize) -> AuditPage {
    let more = events.len() > size;
    events.truncate(size);
    let next = events.last().filter(|_| more).map(|last| last.key.clone());
    AuditPage { events, next }
}

fn read(row: &AnyRow) -> Result<FoundEvent, sqlx::Error> {
    let outcome: Option<String> = row.try_get(4)?;
    Ok(FoundEvent {
        key: EventKey {
            at: row.try_get(0)?,
            writer: row.try_get(1)?,
            sequence: row.try_get(2)?,
        },
        name: row.try_get(3)?,
        outcome: outcome.and_then(|outcome| outcome.parse::<Outcome>().ok()),
        reference: row.try_get(5)?,
        provider: row.try_get(6)?,
        subject: row.try_get(7)?,
        email: row.try_get(8)?,
        account: row.try_get(9)?,
        role: row.try_get(10)?,
        address: row.try_get(11)?,
        session: row.try_get(12)?,
        canonical: row.try_get(13)?,
    })
}

impl Conditions {
    fn of(query: &AuditQuery) -> Self {
        let mut conditions = Self::default();
        match &query.person {
            Some(PersonQuery::Email(email)) => {
                conditions.equal("audit_index_email", &[("email", email.to_string())]);
            }
            Some(PersonQuery::Subject(provider, subject)) => conditions.equal(
                "audit_index_person",
                &[
                    ("provider", provider.to_string()),
                    ("subject", subject.as_str().to_owned()),
                ],
            ),
            None => {}
        }
        let rest = [
            (
                "audit_index_provider",
                "provider",
                query.provider.as_ref().map(ToString::to_string),
            ),
            (
                "audit_index_account",
                "account",
                query.account.as_ref().map(ToString::to_string),
            ),
            (
                "audit_index_permission_set",
                "permission_set",
                query.role.clone(),
            ),
            (
                "audit_index_outcome",
                "outcome",
                query.outcome.map(|outcome| outcome.as_str().to_owned()),
            ),
            (
                "audit_index_address",
                "address",
                query.address.map(|address| address.to_string()),
            ),
        ];
        for (index, column, value) in rest {
            if let Some(value) = value {
                conditions.equal(index, &[(column, value)]);
            }
        }
        if let Some(since) = query.since {
            conditions.and(
                &format!("at >= ${}", conditions.bound.len() + 1),
                [sortable(since)],
            );
        }
        if let Some(until) = query.until {
            conditions.and(
                &format!("at < ${}", conditions.bound.len() + 1),
                [sortable(until)],
            );
        }
        if let Some(after) = &query.after {
            let first = conditions.bound.len() + 1;
            // The number is bound as text, like the other values.
            let text = format!(
                "(at, writer, sequence) < (${first}, ${}, CAST(${} AS BIGINT))",
                first + 1,
                first + 2
            );
            conditions.and(
                &text,
                [
                    after.at.clone(),
                    after.writer.clone(),
                    after.sequence.to_string(),
                ],
            );
        }
        conditions
    }

    fn equal(&mut self, index: &'static str, columns: &[(&str, String)]) {
        let values: Vec<String> = columns.iter().map(|(_, value)| value.clone()).collect();
        let text = |first: usize| {
            let parts: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(n, (column, _))| format!("{column} = ${}", first + n))
                .collect();
            parts.join(" AND ")
        };
        let condition = text(self.bound.len() + 1);
        self.indexed.push((index, text(1), values.clone()));
        self.and(&condition, values);
    }

    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = String>) {
        let word = if self.text.is_empty() {
            "WHERE"
        } else {
            " AND"
        };
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{word} {condition}");
        self.bound.extend(values);
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

#[async_trait]
impl AuditReader for SqlAuditReader {
    async fn search(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.found(query).await.map_err(unavailable)
    }

    async fn session_events(&self, session: &str) -> Result<AuditPage, StoreError> {
        self.events_of(session).await.map_err(unavailable)
    }
}
