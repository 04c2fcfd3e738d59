//! Reads all recorded people, in pages, so that their number does not matter.

use chrono::{DateTime, Utc};
use rolecall_core::people::{InvalidPerson, RecordedPerson};
use sqlx::Row as _;

use crate::database::{Database, sortable};

/// Records of a page. The largest need a megabyte each.
const PAGE: i64 = 64;
const NEXT: &str = "SELECT provider, subject, record FROM people \
     WHERE (provider, subject) > ($1, $2) AND signed_in_at >= $3 ORDER BY provider, subject LIMIT $4";

/// Reads the people who have signed in since a time, each once, ordered by provider and subject.
pub struct PeopleReader {
    database: Database,
    since: String,
    after: (String, String),
    done: bool,
}

/// Some of the people.
#[derive(Clone, Debug, Default)]
pub struct PeoplePage {
    /// The people, each with the time of the sign-in.
    pub people: Vec<RecordedPerson>,
    /// Records that cannot be read.
    pub unreadable: Vec<UnreadablePerson>,
}

/// A record that cannot be read: of another version, or changed by something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadablePerson {
    /// The identity provider.
    pub provider: String,
    /// The subject at the provider.
    pub subject: String,
    /// Why it cannot be read.
    pub reason: InvalidPerson,
}

impl PeopleReader {
    /// Reads from this database, whose schema must be up to date.
    pub fn new(database: Database, since: DateTime<Utc>) -> Self {
        Self {
            database,
            since: sortable(since),
            after: (String::new(), String::new()),
            done: false,
        }
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn next_page(&mut self) -> Result<Option<PeoplePage>, sqlx::Error> {
        if self.done {
            return Ok(None);
        }
        let (provider, subject) = self.after.clone();
        let rows = sqlx::query(NEXT)
            .bind(provider)
            .bind(subject)
            .bind(self.since.clone())
            .bind(PAGE)
            .fetch_all(&self.database.pool)
            .await?;
        let mut page = PeoplePage::default();
        for row in &rows {
            let (provider, subject): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            match RecordedPerson::parse(&row.try_get::<String, _>(2)?) {
                Ok(person) => page.people.push(person),
                Err(reason) => page.unreadable.push(UnreadablePerson {
                    provider: provider.clone(),
                    subject: subject.clone(),
                    reason,
                }),
            }
            self.after = (provider, subject);
        }
        self.done = rows.is_empty();
        Ok(Some(page).filter(|_| !self.done))
    }
}
