//! The index that searches read: nothing that somebody writes into the trail's tables keeps an event out of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rolecall_core::audit::{AuditQuery, AuditReader as _};
use rolecalld::audit::{SqlAuditReader, events_behind, fill_index};

use super::*;

/// More than any batch can hold.
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

/// A replica that writes all the time does not keep the events of another one out of the index.
async fn a_busy_writer_holds_up_no_other(database: TestDatabase) -> Result<()> {
    many(&database).await?.close().await;
    let busy = database.writer().await?;
    let opened = Database::open(&database.url()?).await?;
    let mut batches = 0;
    // The busy writer always has one event that is not indexed; the other one has hundreds.
    while events_behind(&opened).await? > 1 {
        busy.append(&signed_in("busy")).await?;
        fill_index(&opened).await?;
        batches += 1;
        ensure!(batches < MANY, "the index does not get on");
    }
    busy.close().await;
    Ok(())
}

#[tokio::test]
async fn a_busy_writer_holds_up_no_other_on_sqlite() -> Result<()> {
    a_busy_writer_holds_up_no_other(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn a_busy_writer_holds_up_no_other_on_postgres() -> Result<()> {
    a_busy_writer_holds_up_no_other(TestDatabase::postgres().await?).await
}

/// The index is made of the events alone: an administrator may empty its tables, both or one, while it is being filled.
async fn emptied_tables_are_filled_again(database: TestDatabase) -> Result<()> {
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
        // Once more, behind the back of a filler that has begun.
        database.store_sql(emptied).await?;
        while fill_index(&opened).await?.is_some() {}
        let found = events_found(&opened).await?;
        ensure!(found == all, "after {emptied}: {found} of {all}");
    }
    Ok(())
}

#[tokio::test]
async fn emptied_tables_are_filled_again_on_sqlite() -> Result<()> {
    emptied_tables_are_filled_again(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn emptied_tables_are_filled_again_on_postgres() -> Result<()> {
    emptied_tables_are_filled_again(TestDatabase::postgres().await?).await
}

/// An event that somebody inserted far beyond the end of a chain does not hide those that the gateway appends later.
async fn an_inserted_event_hides_no_later_one(database: TestDatabase) -> Result<()> {
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
async fn an_inserted_event_hides_no_later_one_on_sqlite() -> Result<()> {
    an_inserted_event_hides_no_later_one(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn an_inserted_event_hides_no_later_one_on_postgres() -> Result<()> {
    an_inserted_event_hides_no_later_one(TestDatabase::postgres().await?).await
}

/// Who holds a lock on the index holds up its filler for a bounded time.
#[tokio::test]
async fn a_lock_on_the_index_is_waited_for_with_a_bound() -> Result<()> {
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
        .context("the filler waits for ever")?
        .err()
        .context("nothing was waited for")?;
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
