//! The one statement that appends: it moves the head of a chain and writes the events behind it, all or nothing, in a
//! single trip to the database. Every trip less is time that all requests behind it wait less.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row as _, Type,
};

use super::row::{self, NAMES, Row};

/// In the order of the placeholders: the new sequence and hash; writer, old sequence and hash.
const SQLITE_HEAD: &str = "UPDATE audit_writers SET sequence = ?, hash = ? WHERE writer = ? AND sequence = ? AND hash = ?";
const POSTGRES_HEAD: &str = "UPDATE audit_writers SET sequence = $1, hash = $2 WHERE writer = $3 AND sequence = $4 AND hash = $5";
const HEAD_PARAMETERS: usize = 5;

/// Where a chain ends, and where it shall end.
pub(super) struct Move<'a> {
    pub(super) writer: &'a str,
    pub(super) from: (i64, String),
    pub(super) to: (i64, String),
}

/// How the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The rows stand.
    Commit,
    /// They were only tried. On PostgreSQL the caller's transaction is to be rolled back.
    Rollback,
}

/// The texts, one for each number of rows, so that their statements stay prepared.
pub(super) struct Appender {
    is_postgres: bool,
    texts: HashMap<(usize, End), Arc<str>>,
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
        head: Move<'_>,
        rows: Vec<Row>,
        end: End,
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
            .entry((expected, end))
            .or_insert_with(|| text(is_postgres, expected, end).into());
        let mut statement = sqlx::query(AssertSqlSafe(Arc::clone(text)))
            .bind(head.to.0)
            .bind(head.to.1)
            .bind(head.writer)
            .bind(head.from.0)
            .bind(head.from.1);
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
fn text(is_postgres: bool, rows: usize, end: End) -> String {
    // SQLite looks numbered placeholders up one by one, in time that grows with their number squared.
    let numbering = is_postgres.then_some(HEAD_PARAMETERS);
    let values = row::values(numbering, rows);
    let end = match end {
        End::Commit => "COMMIT",
        End::Rollback => "ROLLBACK",
    };
    match is_postgres {
        // `IMMEDIATE` takes the write lock first, which another process's lock can only delay; `changes()` speaks of the
        // last statement that wrote.
        false => format!(
            "BEGIN IMMEDIATE; {SQLITE_HEAD}; \
             INSERT INTO audit_events ({NAMES}) SELECT * FROM (VALUES {values}) WHERE changes() = 1; \
             {end}; SELECT changes()"
        ),
        true => format!(
            "WITH moved AS ({POSTGRES_HEAD} RETURNING 1), written AS (\
             INSERT INTO audit_events ({NAMES}) SELECT fresh.* FROM moved, (VALUES {values}) AS fresh RETURNING 1) \
             SELECT count(*) FROM written"
        ),
    }
}
