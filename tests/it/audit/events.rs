//! Appended events are stored once and in order, with one process, concurrent requests, and several processes.

use std::os::unix::fs::PermissionsExt as _;

use rolecall_core::record::{RecordStore as _, StoreError};
use rolecalld::store::SqliteStore;
use tokio::task::JoinSet;

use super::*;

async fn concurrent_appends_form_one_chain(database: TestDatabase) -> Result<()> {
    let writer = database.writer().await?;
    let mut all = JoinSet::new();
    for n in 0..300 {
        let writer = Arc::clone(&writer);
        all.spawn(async move { writer.append(&signed_in(&format!("person-{n}"))).await });
    }
    while let Some(appended) = all.join_next().await {
        appended??;
    }
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.events == 301, "{report:?}");
    writer.ready().await?;
    writer.close().await;
    let late = writer.append(&signed_in("late")).await;
    ensure!(matches!(late, Err(StoreError::Unavailable(_))));
    ensure!(database.verify().await?.events == 301);
    Ok(())
}

#[tokio::test]
async fn concurrent_appends_form_one_chain_on_sqlite() -> Result<()> {
    concurrent_appends_form_one_chain(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn concurrent_appends_form_one_chain_on_postgres() -> Result<()> {
    concurrent_appends_form_one_chain(TestDatabase::postgres().await?).await
}

async fn concurrent_writers_have_separate_chains(database: TestDatabase) -> Result<()> {
    let (one, other) = (database.writer().await?, database.writer().await?);
    for _ in 0..5 {
        let (event, same_time) = (signed_in("alice"), signed_in("bob"));
        let (a, b) = tokio::join!(one.append(&event), other.append(&same_time));
        a?;
        b?;
    }
    let third = database.writer().await?;
    third.append(&signed_in("carol")).await?;
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.heads.len() == 3, "{report:?}");
    Ok(())
}

#[tokio::test]
async fn concurrent_writers_have_separate_chains_on_sqlite() -> Result<()> {
    concurrent_writers_have_separate_chains(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn concurrent_writers_have_separate_chains_on_postgres() -> Result<()> {
    concurrent_writers_have_separate_chains(TestDatabase::postgres().await?).await
}

#[tokio::test]
async fn close_writes_pending_events() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let writer = Arc::clone(&writer);
        all.spawn(async move { writer.append(&signed_in("alice")).await });
    }
    tokio::task::yield_now().await;
    writer.close().await;
    let mut written = 1;
    while let Some(appended) = all.join_next().await {
        written += u64::from(appended?.is_ok());
    }
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.events == written, "{report:?}");
    Ok(())
}

async fn open_intents_are_reported(database: TestDatabase) -> Result<()> {
    let (ended, open) = (intended(), intended());
    write(&database, &[ended.clone(), open.clone(), failed(&ended)]).await?;
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 1);
    ensure!(report.open_intents[0].reference == open.reference.as_str());
    Ok(())
}

#[tokio::test]
async fn open_intents_are_reported_on_sqlite() -> Result<()> {
    open_intents_are_reported(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn file_is_private_and_can_be_shared_with_the_store() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let Kind::Sqlite { file, .. } = &database.0 else {
        anyhow::bail!("a SQLite file is required");
    };
    let clock = crate::store::system_clock();
    let store = SqliteStore::open(file, "", clock.clone()).await?;
    let writer = database.writer().await?;
    for n in 0..20 {
        let key = crate::store::key(&n.to_string());
        let (event, later) = (signed_in("alice"), crate::store::in_a_minute());
        let (stored, appended) =
            tokio::join!(store.insert(key, vec![n], later), writer.append(&event));
        stored?;
        appended?;
    }
    ensure!(database.verify().await?.is_intact());
    let mode = std::fs::metadata(file)?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    SqliteStore::open(file, "", clock).await?;
    database.writer().await?;
    Ok(())
}
