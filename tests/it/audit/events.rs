//! What is appended is there, in order, once; by one process, by many requests, by several processes.

use std::os::unix::fs::PermissionsExt as _;

use rolecall_core::record::{RecordStore as _, StoreError};
use rolecalld::store::SqliteStore;
use tokio::task::JoinSet;

use super::*;

async fn many_at_once_make_one_chain(database: TestDatabase) -> Result<()> {
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
async fn many_at_once_make_one_chain_on_sqlite() -> Result<()> {
    many_at_once_make_one_chain(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn many_at_once_make_one_chain_on_postgres() -> Result<()> {
    many_at_once_make_one_chain(TestDatabase::postgres().await?).await
}

async fn writers_at_one_time_keep_their_own_chains(database: TestDatabase) -> Result<()> {
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
async fn writers_at_one_time_keep_their_own_chains_on_sqlite() -> Result<()> {
    writers_at_one_time_keep_their_own_chains(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn writers_at_one_time_keep_their_own_chains_on_postgres() -> Result<()> {
    writers_at_one_time_keep_their_own_chains(TestDatabase::postgres().await?).await
}

#[tokio::test]
async fn closing_writes_what_waits() -> Result<()> {
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

async fn intents_without_outcome_are_named(database: TestDatabase) -> Result<()> {
    let (ended, open) = (intended(), intended());
    write(&database, &[ended.clone(), open.clone(), failed(&ended)]).await?;
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 1);
    ensure!(report.open_intents[0].reference == open.reference.as_str());
    Ok(())
}

#[tokio::test]
async fn intents_without_outcome_are_named_on_sqlite() -> Result<()> {
    intents_without_outcome_are_named(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn the_file_is_nobody_elses_and_may_be_the_stores_too() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let Kind::Sqlite { file, .. } = &database.0 else {
        anyhow::bail!("a file");
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
