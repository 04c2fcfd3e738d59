//! Stores without a server: memory and SQLite.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use rolecalld::store::{MemoryStore, SqliteStore, open};
use sqlx::{Connection as _, SqliteConnection};

use super::conformance::{StoreFixture, conformance};
use super::*;

#[tokio::test]
async fn memory_conforms() -> Result<()> {
    conformance(async || {
        StoreFixture::timeless(async |clock| Ok(Arc::new(MemoryStore::new(clock)) as Arc<_>)).await
    })
    .await
}

#[tokio::test]
async fn sqlite_conforms() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let next = AtomicU32::new(0);
    conformance(async || {
        let prefix = format!("{}:", next.fetch_add(1, Ordering::Relaxed));
        let file = folder.path().join("store.db");
        StoreFixture::timeless(async |clock| {
            Ok(Arc::new(SqliteStore::open(&file, &prefix, clock).await?) as Arc<_>)
        })
        .await
    })
    .await
}

#[tokio::test]
async fn file_survives_restart_and_is_private() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("a store.db");
    let store = SqliteStore::open(&file, "p:", system_clock()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    for name in ["a store.db", "a store.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name))?
            .permissions()
            .mode();
        ensure!(mode & 0o777 == 0o600, "{name}: {mode:o}");
    }
    drop(store);
    let store = SqliteStore::open(&file, "p:", system_clock()).await?;
    ensure!(store.get(key("a")).await?.is_some());
    let neighbour = SqliteStore::open(&file, "q:", system_clock()).await?;
    ensure!(neighbour.take(key("a")).await?.is_none(), "another prefix");
    ensure!(store.take(key("a")).await?.as_deref() == Some(b"one".as_slice()));
    Ok(())
}

#[tokio::test]
async fn expired_records_are_deleted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("store.db");
    let (manual, clock) = manual_clock();
    let store = SqliteStore::open(&file, "", clock.clone()).await?;
    for n in 0..50 {
        let expires_at = clock.now() + TimeDelta::seconds(1);
        store
            .insert(key(&n.to_string()), vec![1], expires_at)
            .await?;
    }
    manual.advance(std::time::Duration::from_secs(2));
    for n in 50..60 {
        let expires_at = clock.now() + TimeDelta::seconds(1);
        store
            .insert(key(&n.to_string()), vec![1], expires_at)
            .await?;
    }
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM records")
        .fetch_one(&mut other)
        .await?;
    ensure!(left == 10, "{left} left");
    Ok(())
}

#[tokio::test]
async fn locked_file_is_unavailable_and_recovers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("store.db");
    let store = SqliteStore::open(&file, "", system_clock()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let begin = Instant::now();
    ensure!(is_unavailable(&store.take(key("a")).await));
    ensure!(begin.elapsed().as_secs() < 3, "{:?}", begin.elapsed());
    ensure!(store.get(key("a")).await?.is_some(), "reading must work");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    ensure!(store.take(key("a")).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn impossible_path_is_rejected_with_a_hint() -> Result<()> {
    let settings = StoreSettings {
        url: "sqlite:/nowhere/at/all.db".parse()?,
        prefix: String::new(),
        operation_max: OPERATION_MAX,
    };
    let Err(error) = open(&settings, system_clock()).await else {
        anyhow::bail!("opened");
    };
    ensure!(error.to_string().contains("/nowhere/at/all.db") && error.hint().contains("folder"));
    Ok(())
}
