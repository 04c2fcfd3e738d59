//! The search index: no content of the tables keeps an event out of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rolecall_core::audit::{AuditQuery, AuditReader as _};
use rolecalld::audit::{SqlAuditReader, events_behind, fill_index};

use super::*;

/// More than a batch.
const MANY: usize = 300;

async fn events_found(database: &Database) -> Result<usize> {
    let reader = SqlAuditReader::new(database.clone());
    let mut query = AuditQuery {
        limit: Some(100),
        ..AuditQuery::default()
    };
    let mut found = 0;
    loop {
        let page = reader.search(&query).await?;
        found += page.events.len();
        query.after = page.next;
        if query.after.is_none() {
            return Ok(found);
        }
    }
}

async fn many(database: &TestDatabase) -> Result<Arc<SqlAudit>> {
    let writer = database.writer().await?;
    for n in 0..MANY {
        writer.append(&signed_in(&format!("person-{n}"))).await?;
    }
    Ok(writer)
}

/// A replica that writes continuously does not keep the events of others out of the index.
async fn busy_writer_does_not_delay_others(database: TestDatabase) -> Result<()> {
    many(&database).await?.close().await;
    let busy = database.writer().await?;
    let opened = Database::open(&database.url()?).await?;
    let mut batches = 0;
    // The busy writer always has one event that is not indexed; the other one has hundreds.
    while events_behind(&opened).await? > 1 {
        busy.append(&signed_in("busy")).await?;
        fill_index(&opened).await?;
        batches += 1;
        ensure!(
            batches < MANY,
            "the index makes no progress: {batches} batches"
        );
    }
    busy.close().await;
    Ok(())
}

#[tokio::test]
async fn busy_writer_does_not_delay_others_on_sqlite() -> Result<()> {
    busy_writer_does_not_delay_others(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn busy_writer_does_not_delay_others_on_postgres() -> Result<()> {
    busy_writer_does_not_delay_others(TestDatabase::postgres().await?).await
}

/// The index is derived from the events: an administrator can empty its tables while it is being filled.
async fn emptied_index_is_rebuilt(database: TestDatabase) -> Result<()> {
    many(&database).await?.close().await;
    let opened = Database::open(&database.url()?).await?;
    while fill_index(&opened).await?.is_some() {}
    let all = events_found(&opened).await?;
    ensure!(all > MANY, "{all}");
    for emptied in [
        "DELETE FROM audit_index; DELETE FROM audit_indexed",
        "DELETE FROM audit_indexed",
    ] {
        database.store_sql(emptied).await?;
        fill_index(&opened).await?;
        // Once more, while a filler is running.
        database.store_sql(emptied).await?;
        while fill_index(&opened).await?.is_some() {}
        let found = events_found(&opened).await?;
        ensure!(found == all, "after {emptied}: {found} of {all}");
    }
    Ok(())
}

#[tokio::test]
async fn emptied_index_is_rebuilt_on_sqlite() -> Result<()> {
    emptied_index_is_rebuilt(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn emptied_index_is_rebuilt_on_postgres() -> Result<()> {
    emptied_index_is_rebuilt(TestDatabase::postgres().await?).await
}

/// An event inserted far beyond the end of a chain does not hide events appended later.
async fn inserted_event_does_not_hide_later_ones(database: TestDatabase) -> Result<()> {
    write(&database, &[signed_in("alice")]).await?;
    database
        .store_sql(
            "INSERT INTO audit_events (writer, sequence, at, event, provider, subject, email, account, reference, canonical, hash) \
             SELECT writer, 4000000000000, at, event, provider, 'forged', email, account, reference, canonical, hash \
             FROM audit_events WHERE subject = 'alice'",
        )
        .await?;
    let opened = Database::open(&database.url()?).await?;
    while fill_index(&opened).await?.is_some() {}
    write(&database, &[signed_in("bob")]).await?;
    while fill_index(&opened).await?.is_some() {}
    let reader = SqlAuditReader::new(opened);
    let page = reader.search(&AuditQuery::default()).await?;
    let subjects: Vec<_> = page
        .events
        .iter()
        .filter_map(|event| event.subject.as_deref())
        .collect();
    ensure!(
        subjects.contains(&"alice") && subjects.contains(&"bob"),
        "{subjects:?}"
    );
    ensure!(!database.verify().await?.is_intact());
    Ok(())
}

#[tokio::test]
async fn inserted_event_does_not_hide_later_ones_on_sqlite() -> Result<()> {
    inserted_event_does_not_hide_later_ones(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn inserted_event_does_not_hide_later_ones_on_postgres() -> Result<()> {
    inserted_event_does_not_hide_later_ones(TestDatabase::postgres().await?).await
}

/// A lock on the index blocks its filler for a limited time.
#[tokio::test]
async fn lock_on_the_index_times_out() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    write(&database, &[signed_in("alice")]).await?;
    let opened = Database::open(&database.url()?).await?;
    let mut holder = PgConnection::connect(&database.server_url()?).await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE audit_indexed IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut holder)
        .await?;
    let begun = Instant::now();
    let filled = tokio::time::timeout(Duration::from_secs(60), fill_index(&opened)).await;
    let error = filled
        .context("the filler did not time out")?
        .err()
        .context("the filler did not wait")?;
    ensure!(
        error.to_string().contains("lock timeout"),
        "{error} after {:?}",
        begun.elapsed()
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await?;
    holder.close().await?;
    while fill_index(&opened).await?.is_some() {}
    ensure!(events_behind(&opened).await? == 0);
    Ok(())
}
