//! All people are read in pages of bounded size, each person once.

use super::*;

const MANY: usize = 100_000;

async fn hundred_thousand_people_are_read_in_pages(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    let (subject, numbers) = match test.url()? {
        rolecalld::database::DatabaseUrl::Sqlite(_) => (
            "printf('%06d', n)",
            format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY}) "
            ),
        ),
        rolecalld::database::DatabaseUrl::Postgres(_) => (
            "lpad(n::text, 6, '0')",
            format!("WITH numbers (n) AS (SELECT generate_series(1, {MANY})) "),
        ),
    };
    let record = format!(
        "'{{\"provider\":\"okta\",\"subject\":\"' || {subject} || '\",\"signed_in_at\":\"2026-01-01T12:00:00Z\"}}'"
    );
    let insert = format!(
        "INSERT INTO people (provider, subject, email, signed_in_at, record) {numbers}\
         SELECT 'okta', {subject}, NULL, CASE WHEN n % 10 = 0 THEN '2025-01-01T00:00:00.000000Z' ELSE '2026-01-01T12:00:00.000000Z' END, \
         {record} FROM numbers"
    );
    test.store_sql(&insert).await?;
    let since = "2025-12-01T00:00:00Z".parse()?;
    let mut reader = PeopleReader::new(database, since);
    let (mut read, mut last) = (0, String::new());
    while let Some(page) = reader.next_page().await? {
        ensure!(page.people.len() <= 64 && page.unreadable.is_empty());
        for person in &page.people {
            ensure!(person.subject.as_str() > last.as_str(), "{last}");
            last = person.subject.as_str().to_owned();
            read += 1;
        }
    }
    ensure!(read == MANY - MANY / 10, "{read}");
    ensure!(reader.next_page().await?.is_none());
    Ok(())
}

#[tokio::test]
async fn hundred_thousand_people_are_read_in_pages_on_sqlite() -> Result<()> {
    hundred_thousand_people_are_read_in_pages(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn hundred_thousand_people_are_read_in_pages_on_postgres() -> Result<()> {
    hundred_thousand_people_are_read_in_pages(TestDatabase::postgres().await?).await
}

/// People sign in while others are read: nobody is missing or read twice.
#[tokio::test]
async fn sign_ins_during_reading_hide_nobody() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    for n in 0..300 {
        recorder.record(&format!("{n:03}"), recorder.now(), &[])?;
    }
    recorder.write_all().await?;
    let mut reader = PeopleReader::new(database, DateTime::UNIX_EPOCH);
    let mut read = Vec::new();
    while let Some(page) = reader.next_page().await? {
        read.extend(page.people.iter().map(|person| person.subject.clone()));
        let later = recorder.now() + TimeDelta::seconds(1);
        for n in [0, 150, 299] {
            recorder.record(&format!("{n:03}"), later, &["again"])?;
        }
        recorder.write_all().await?;
    }
    ensure!(read.len() == 300 && read.is_sorted(), "{}", read.len());
    Ok(())
}

/// A record that something else has changed is reported, and the others are read.
#[tokio::test]
async fn damaged_records_are_reported() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    for subject in ["a", "b", "c", "d"] {
        recorder.record(subject, recorder.now(), &[])?;
    }
    recorder.write_all().await?;
    test.store_sql("UPDATE people SET record = '{' WHERE subject = 'b'")
        .await?;
    test.store_sql(
        "UPDATE people SET record = replace(record, 'someone@', 'some one@') WHERE subject = 'c'",
    )
    .await?;
    let mut reader = PeopleReader::new(database, DateTime::UNIX_EPOCH);
    let page = reader.next_page().await?.unwrap_or_default();
    let read: Vec<&str> = page.people.iter().map(|one| one.subject.as_str()).collect();
    let unreadable: Vec<&str> = page
        .unreadable
        .iter()
        .map(|one| one.subject.as_str())
        .collect();
    ensure!(read == ["a", "d"] && unreadable == ["b", "c"], "{page:?}");
    Ok(())
}
