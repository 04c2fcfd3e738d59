//! People as of their last sign-in, and access policies that were in use, on SQLite and PostgreSQL.

mod paging;
mod policies;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::people::{PeopleLog as _, RecordedPerson};
use rolecalld::database::Database;
use rolecalld::people::{PeopleReader, PeopleWriter, SqlPeople, people_log};
use serde_json::json;

use crate::audit::TestDatabase;

const KEPT: TimeDelta = TimeDelta::days(90);

/// A clock that a test sets.
struct SetClock(AtomicI64);

impl SetClock {
    fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap_or_default()
    }
}

/// A replica that records people.
struct Recorder {
    log: SqlPeople,
    writer: PeopleWriter,
    clock: Arc<SetClock>,
}

impl Recorder {
    /// With a clock at noon.
    fn new(database: &Database, kept: TimeDelta) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(1_767_268_800)));
        let (log, writer) = people_log(database.clone(), clock.clone(), kept);
        Self { log, writer, clock }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn record(&self, subject: &str, at: DateTime<Utc>, groups: &[&str]) -> Result<()> {
        self.log.record(person(subject, at, groups)?);
        Ok(())
    }

    /// Writes all waiting records. Returns their number.
    async fn write_all(&mut self) -> Result<u64> {
        let mut recorded = 0;
        loop {
            let (written, outcome) = self.writer.write_batch().await;
            outcome?;
            recorded += written.recorded;
            ensure!(
                written.dropped == 0 && written.too_large == 0,
                "{written:?}"
            );
            if !written.more {
                return Ok(recorded);
            }
        }
    }

    async fn prune_all(&mut self) -> Result<()> {
        while self.writer.prune_if_due().await? {}
        Ok(())
    }
}

fn person(subject: &str, at: DateTime<Utc>, groups: &[&str]) -> Result<RecordedPerson> {
    let text = json!({
        "provider": "okta", "subject": subject, "email": "someone@example.com", "groups": groups, "signed_in_at": at,
    });
    Ok(RecordedPerson::parse(&text.to_string())?)
}

/// A database with the schema of this version.
async fn migrated(database: &TestDatabase) -> Result<Database> {
    database.writer().await?.close().await;
    Ok(Database::open(&database.url()?).await?)
}

/// All people who have signed in since the beginning.
async fn all(database: &Database) -> Result<Vec<RecordedPerson>> {
    let mut reader = PeopleReader::new(database.clone(), DateTime::UNIX_EPOCH);
    let mut people = Vec::new();
    while let Some(page) = reader.next_page().await? {
        ensure!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        people.extend(page.people);
    }
    Ok(people)
}

async fn subjects(database: &Database) -> Result<Vec<String>> {
    let people = all(database).await?;
    Ok(people
        .iter()
        .map(|person| person.subject.as_str().to_owned())
        .collect())
}
