//! The one statement that appends: it moves the head of a chain and writes the events behind it, all or nothing, in a
//! single trip to the database. Every trip less is time that all requests behind it wait less.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row as _, Type,
};

use super::row::{self, NAMES, Row};

/// In the order of the placeholders: the new sequence and hash; writer, old sequence and hash, fence.
const SQLITE_HEAD: &str = "UPDATE audit_writers SET sequence = ?, hash = ? WHERE writer = ? AND sequence = ? AND hash = ? AND fence = ?";
const POSTGRES_HEAD: &str = "UPDATE audit_writers SET sequence = $1, hash = $2 WHERE writer = $3 AND sequence = $4 AND hash = $5 AND fence = $6";
const HEAD_PARAMETERS: usize = 6;

/// Where a chain ends, and where it shall end.
pub(super) struct Move {
    pub(super) writer: String,
    pub(super) from: (i64, String),
    pub(super) to: (i64, String),
    /// The number that the writer's fence must have.
    pub(super) fence: i64,
}

/// Whose transaction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// Its own, which is committed.
    Transaction,
    /// The caller's, who ends it.
    Statement,
}

/// The texts, one for each number of rows, so that their statements stay prepared.
pub(super) struct Appender {
    is_postgres: bool,
    texts: HashMap<(usize, Scope), Arc<str>>,
}

impl Appender {
    pub(super) fn new(is_postgres: bool) -> Self {
        Self {
            is_postgres,
            texts: HashMap::new(),
        }
    }

    /// Moves the head and writes the rows. Says `false`, and writes nothing, when the chain does not end where it should.
    ///
    /// After an error, and when dropped before its end, the connection may be left within a transaction: close it.
    pub(super) async fn append<DB>(
        &mut self,
        connection: &mut DB::Connection,
        head: Move,
        rows: Vec<Row>,
        scope: Scope,
    ) -> Result<bool, sqlx::Error>
    where
        DB: Database<Connection: Sized>,
        DB::Arguments: IntoArguments<DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        for<'q> i64: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
        for<'q> String: Encode<'q, DB> + Type<DB>,
        for<'q> &'q str: Encode<'q, DB> + Type<DB>,
        for<'q> Option<String>: Encode<'q, DB> + Type<DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let (is_postgres, expected) = (self.is_postgres, rows.len());
        let text = self
            .texts
            .entry((expected, scope))
            .or_insert_with(|| text(is_postgres, expected, scope).into());
        let mut statement = sqlx::query(AssertSqlSafe(Arc::clone(text)))
            .bind(head.to.0)
            .bind(head.to.1)
            .bind(head.writer)
            .bind(head.from.0)
            .bind(head.from.1)
            .bind(head.fence);
        for row in rows {
            statement = row::bind(statement, row);
        }
        // Not `fetch_one`, which would leave at the first answer of several statements.
        let answer = statement.fetch_all(connection).await?;
        let written: i64 = answer.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
        Ok(usize::try_from(written) == Ok(expected))
    }
}

/// The statement for this many rows, at least one. It answers with one number: the rows written.
fn text(is_postgres: bool, rows: usize, scope: Scope) -> String {
    // SQLite looks numbered placeholders up one by one, in time that grows with their number squared.
    let numbering = is_postgres.then_some(HEAD_PARAMETERS);
    let values = row::values(numbering, row::COLUMNS, rows);
    if is_postgres {
        // One statement, and a transaction of its own unless it stands in another.
        return format!(
            "WITH moved AS ({POSTGRES_HEAD} RETURNING 1), written AS (\
             INSERT INTO audit_events ({NAMES}) SELECT fresh.* FROM moved, (VALUES {values}) AS fresh RETURNING 1) \
             SELECT count(*) FROM written"
        );
    }
    // `IMMEDIATE` takes the write lock first, which another process's lock can only delay; `changes()` speaks of the last
    // statement that wrote.
    let (begin, commit) = match scope {
        Scope::Transaction => ("BEGIN IMMEDIATE; ", "COMMIT; "),
        Scope::Statement => ("", ""),
    };
    format!(
        "{begin}{SQLITE_HEAD}; \
         INSERT INTO audit_events ({NAMES}) SELECT * FROM (VALUES {values}) WHERE changes() = 1; \
         {commit}SELECT changes()"
    )
}
