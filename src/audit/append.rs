//! The statement that appends: it moves the head of a chain and inserts the events behind it, or does neither, in one round trip
//! to the database. All later events wait for each round trip.

use sqlx::{
    AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Row as _, Type,
};

use super::row::{self, NAMES, Row};
use crate::database::values;

/// Its placeholders are the new sequence and hash, and the writer, old sequence, old hash and fence of [`HeadUpdate`].
const MOVE_HEAD: &str = "UPDATE audit_writers SET sequence = $1, hash = $2 WHERE writer = $3 AND sequence = $4 AND hash = $5 AND fence = $6";
const MOVE_HEAD_PLACEHOLDERS: usize = 6;

/// Moves the head of a chain: sequence and hash of its last event.
pub(super) struct HeadUpdate {
    pub(super) writer: String,
    pub(super) from: (i64, String),
    pub(super) to: (i64, String),
    /// The number that the writer's fence must have.
    pub(super) fence: i64,
}

/// Which transaction the statement is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Its own, which it commits.
    Own,
    /// The transaction of the caller, which commits it.
    Callers,
}

/// The statement for SQLite. The rows are at least one.
pub(super) fn sqlite(rows: usize, scope: Scope) -> String {
    // `IMMEDIATE` takes the write lock first, so that a lock of another process only delays the transaction. `changes()` is of the
    // last statement that wrote.
    let (begin, commit) = match scope {
        Scope::Own => ("BEGIN IMMEDIATE; ", "COMMIT; "),
        Scope::Callers => ("", ""),
    };
    let rows = values(MOVE_HEAD_PLACEHOLDERS, row::COLUMNS, rows);
    format!(
        "{begin}{MOVE_HEAD}; \
         INSERT INTO audit_events ({NAMES}) SELECT * FROM (VALUES {rows}) WHERE changes() = 1; \
         {commit}SELECT changes()"
    )
}

/// The statement for PostgreSQL, where it is a transaction of its own unless it is part of another one. The rows are at least one.
pub(super) fn postgres(rows: usize) -> String {
    let rows = values(MOVE_HEAD_PLACEHOLDERS, row::COLUMNS, rows);
    format!(
        "WITH moved AS ({MOVE_HEAD} RETURNING 1), written AS (\
         INSERT INTO audit_events ({NAMES}) SELECT fresh.* FROM moved, (VALUES {rows}) AS fresh RETURNING 1) \
         SELECT count(*) FROM written"
    )
}

/// Runs one of the statements above for these rows. Returns `false`, and writes nothing, if the chain does not end at
/// [`HeadUpdate::from`].
///
/// After an error, and if dropped before its end, the connection may be left within a transaction: close it.
pub(super) async fn append<DB>(
    connection: &mut DB::Connection,
    statement: String,
    head: HeadUpdate,
    rows: Vec<Row>,
) -> Result<bool, sqlx::Error>
where
    DB: Database<Connection: Sized>,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> i64: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> Option<String>: Encode<'q, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let expected = rows.len();
    // The driver keeps statements prepared by their text.
    let mut query = sqlx::query(AssertSqlSafe(statement))
        .bind(head.to.0)
        .bind(head.to.1)
        .bind(head.writer)
        .bind(head.from.0)
        .bind(head.from.1)
        .bind(head.fence);
    for row in rows {
        query = row::bind(query, row);
    }
    // Not `fetch_one`, which stops at the first row of several statements.
    let rows = query.fetch_all(connection).await?;
    let written: i64 = rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
    Ok(usize::try_from(written) == Ok(expected))
}
