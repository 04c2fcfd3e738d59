//! The table `people`.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use rolecall_core::base::limits;
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};
use rolecall_core::people::{InvalidPerson, RecordedPerson};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use crate::database::{Database, sortable, values};

const COLUMNS: usize = 5;
/// Rows that one statement deletes.
const PRUNED_MAX: i64 = 500;
/// People that are listed at most.
const FOUND_MAX: i64 = 100;

/// A record as a row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) provider: String,
    pub(super) subject: String,
    email: Option<String>,
    pub(super) signed_in_at: String,
    record: String,
}

impl Row {
    /// The row of this person.
    ///
    /// # Errors
    /// [`InvalidPerson::TooLong`].
    pub(super) fn of(person: &RecordedPerson) -> Result<Self, InvalidPerson> {
        Ok(Self {
            provider: person.provider.as_str().to_owned(),
            subject: person.subject.as_str().to_owned(),
            email: person.email.as_ref().map(ToString::to_string),
            signed_in_at: sortable(person.signed_in_at),
            record: person.to_line()?,
        })
    }

    /// Bytes in memory, approximately.
    pub(super) fn bytes(&self) -> usize {
        let email = self.email.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.provider.len() + self.subject.len() + email + self.record.len()
    }
}

/// Writes rows of different people, in the order of their keys, so that replicas do not block each other. A later
/// sign-in that is in the table already stays, unless it is later than `future`: then a clock was wrong.
pub(super) async fn upsert(
    rows: &[&Row],
    future: DateTime<Utc>,
    connection: &mut AnyConnection,
) -> Result<(), sqlx::Error> {
    let mut text =
        String::from("INSERT INTO people (provider, subject, email, signed_in_at, record) VALUES ");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{} ON CONFLICT (provider, subject) DO UPDATE SET email = excluded.email, \
         signed_in_at = excluded.signed_in_at, record = excluded.record \
         WHERE excluded.signed_in_at >= people.signed_in_at OR people.signed_in_at > $1",
        values(1, COLUMNS, rows.len())
    );
    let mut statement = sqlx::query(AssertSqlSafe(text)).bind(sortable(future));
    for row in rows {
        statement = statement
            .bind(row.provider.clone())
            .bind(row.subject.clone())
            .bind(row.email.clone())
            .bind(row.signed_in_at.clone())
            .bind(row.record.clone());
    }
    statement.execute(connection).await?;
    Ok(())
}

/// Deletes some of the records of sign-ins before `before`. Returns whether there may be more.
pub(super) async fn prune(database: &Database, before: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    // In PostgreSQL, rows that another replica writes or deletes are left to it.
    let skip = match database.is_postgres() {
        true => " FOR UPDATE SKIP LOCKED",
        false => "",
    };
    let text = format!(
        "DELETE FROM people WHERE (provider, subject) IN (SELECT provider, subject FROM people \
         WHERE signed_in_at < $1 ORDER BY signed_in_at LIMIT {PRUNED_MAX}{skip})"
    );
    let pruned = database.transact(async |connection| {
        let delete = sqlx::query(AssertSqlSafe(text)).bind(sortable(before));
        Ok(delete.execute(connection).await?.rows_affected())
    });
    Ok(pruned.await? >= u64::try_from(PRUNED_MAX).unwrap_or(u64::MAX))
}

/// A recorded person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPerson {
    /// The identity provider.
    pub provider: ProviderId,
    /// The subject at the provider.
    pub subject: Subject,
    /// The time of the sign-in, UTC, RFC 3339.
    pub signed_in_at: String,
}

/// The people who are recorded with this trusted address, at most 100.
///
/// # Errors
/// If the database fails.
pub async fn find_people(
    database: &Database,
    email: &EmailAddress,
) -> Result<Vec<KeptPerson>, sqlx::Error> {
    let text = format!(
        "SELECT provider, subject, signed_in_at FROM people WHERE email = $1 ORDER BY provider, subject LIMIT {FOUND_MAX}"
    );
    let rows = sqlx::query(AssertSqlSafe(text))
        .bind(email.to_string())
        .fetch_all(&database.pool)
        .await?;
    let people = rows.iter().filter_map(|row| {
        let text = |column: usize| row.try_get::<String, _>(column).ok();
        Some(KeptPerson {
            provider: ProviderId::parse(&text(0)?).ok()?,
            subject: Subject::parse(&text(1)?).ok()?,
            signed_in_at: text(2)?,
        })
    });
    Ok(people.collect())
}

/// Deletes the record of a person. Returns whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn forget_person(
    database: &Database,
    provider: &ProviderId,
    subject: &Subject,
) -> Result<bool, sqlx::Error> {
    let deleted = database.transact(async |connection| {
        let delete = sqlx::query("DELETE FROM people WHERE provider = $1 AND subject = $2")
            .bind(provider.as_str().to_owned())
            .bind(subject.as_str().to_owned());
        Ok(delete.execute(connection).await?.rows_affected())
    });
    Ok(deleted.await? > 0)
}

/// When a record of the future counts as written with a wrong clock.
pub(super) fn future(now: DateTime<Utc>) -> DateTime<Utc> {
    now + limits::LEEWAY_MAX
}
