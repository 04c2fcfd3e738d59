//! Database outages and locks, and incompatible schemas: no event is lost silently or written twice.

use std::time::{Duration, Instant};

use rolecall_core::record::StoreError;
use rolecalld::database::OpenDatabaseError;

use super::*;

fn is_unavailable(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn short_lock_delays_writes() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    let mut other = database.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let event = signed_in("alice");
    let append = writer.append(&event);
    tokio::pin!(append);
    ensure!(
        tokio::time::timeout(Duration::from_millis(300), &mut append)
            .await
            .is_err(),
        "append returned while the file was locked"
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    append.await?;
    ensure!(database.verify().await?.events == 2);
    Ok(())
}

#[tokio::test]
async fn long_lock_fails_appends_without_gap() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let mut other = database.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let begin = Instant::now();
    let (one, two) = (signed_in("one"), signed_in("two"));
    let (one, two) = tokio::join!(writer.append(&one), writer.append(&two));
    ensure!(is_unavailable(&one) && is_unavailable(&two));
    ensure!(
        begin.elapsed() < Duration::from_secs(6),
        "{:?}",
        begin.elapsed()
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    writer.append(&signed_in("after")).await?;
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.events == 3, "{report:?}");
    Ok(())
}

#[tokio::test]
async fn dropped_connection_recovers_without_gap() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    let mut written = 1;
    for n in 0..20 {
        if n % 5 == 0 {
            database
                .store_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'rolecall'")
                .await?;
        }
        written += u64::from(writer.append(&signed_in("alice")).await.is_ok());
    }
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(
        written >= 16 && report.events >= written,
        "{written} of {report:?}"
    );
    Ok(())
}

/// A server that accepts statements without completing them cancels them before their callers time out.
#[tokio::test]
async fn abandoned_intents_are_closed() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let mut holder = PgConnection::connect(&database.server_url()?).await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE")
        .execute(&mut holder)
        .await?;
    let mut waiting = tokio::task::JoinSet::new();
    // The first intent is in a statement on the server; the others wait here.
    for wave in [1, 30, 30, 30] {
        for _ in 0..wave {
            let writer = Arc::clone(&writer);
            waiting.spawn(async move { writer.append(&intended()).await });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    while let Some(outcome) = waiting.join_next().await {
        ensure!(is_unavailable(&outcome?));
    }
    let begin = Instant::now();
    ensure!(is_unavailable(&writer.append(&intended()).await));
    ensure!(is_unavailable(&writer.ready().await));
    ensure!(
        begin.elapsed() < Duration::from_millis(500),
        "rejected after {:?}",
        begin.elapsed()
    );
    // Abandoned attempts do not accumulate on the server.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let waiting = database
        .server_sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")?;
    ensure!(waiting.parse::<u32>()? <= 2, "{waiting} wait for the lock");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await?;
    let begin = Instant::now();
    while writer.append(&signed_in("after")).await.is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(8), "no recovery");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 0, "{report:?}");
    ensure!(report.events == 3, "an intent is left: {report:?}");
    Ok(())
}

/// The outcome of a credential request is written even if its caller is gone.
#[tokio::test]
async fn outcome_is_written_after_recovery() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    let intent = intended();
    writer.append(&intent).await?;
    let mut other = database.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    ensure!(is_unavailable(
        &writer.append_outcome(&failed(&intent)).await
    ));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    let begin = Instant::now();
    while database.verify().await?.open_intents_count != 0 {
        ensure!(
            begin.elapsed() < Duration::from_secs(5),
            "the intent stays open"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.events == 3, "{report:?}");
    Ok(())
}

/// A replica without network cannot close anything: the server must abort its transaction and release its locks.
#[tokio::test]
async fn server_aborts_transactions_of_silent_writer() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    database
        .store_sql(
            "CREATE TABLE settings (value TEXT); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO settings SELECT concat_ws(' ', current_setting('lock_timeout'), \
             current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')); \
             RETURN NULL; END $$; \
             CREATE TRIGGER note AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION note()",
        )
        .await?;
    writer.append(&signed_in("alice")).await?;
    let settings = database.server_sql("SELECT value FROM settings")?;
    ensure!(settings.trim() == "2s 2s 5s", "{settings}");
    Ok(())
}

#[tokio::test]
async fn unreachable_server_is_reported_quickly() -> Result<()> {
    let mut database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    if let Kind::Postgres(server) = &mut database.0 {
        server.stop()?;
    }
    let begin = Instant::now();
    ensure!(is_unavailable(&writer.append(&signed_in("alice")).await));
    ensure!(is_unavailable(&writer.ready().await));
    ensure!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    ensure!(matches!(
        SqlAudit::open(&database.url()?, &Noon, &ENTROPY).await,
        Err(OpenDatabaseError::Postgres(_))
    ));
    Ok(())
}

/// A writer whose chain was modified does not overwrite the modification.
#[tokio::test]
async fn writer_stops_if_its_chain_was_modified() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    writer.append(&signed_in("alice")).await?;
    database
        .store_sql(
            "DELETE FROM audit_events WHERE sequence = 2; UPDATE audit_writers SET sequence = 1",
        )
        .await?;
    for _ in 0..3 {
        let refused = writer.append(&signed_in("bob")).await;
        ensure!(is_unavailable(&refused));
        ensure!(
            format!("{:#}", anyhow::Error::from(refused.unwrap_err())).contains("audit verify")
        );
    }
    Ok(())
}

async fn incompatible_schema_is_rejected(database: TestDatabase) -> Result<()> {
    database.writer().await?;
    for (statement, hint) in [
        ("UPDATE _sqlx_migrations SET success = false", "backup"),
        (
            "UPDATE _sqlx_migrations SET success = true, checksum = '\\x00'",
            "backup",
        ),
        (
            "UPDATE _sqlx_migrations SET version = version + 9998",
            "newer version of rolecalld",
        ),
    ] {
        database.store_sql(statement).await?;
        let Err(error) = SqlAudit::open(&database.url()?, &Noon, &ENTROPY).await else {
            anyhow::bail!("{statement}: opened");
        };
        ensure!(error.hint().contains(hint), "{statement}: {error:?}");
        let Err(error) = Database::open(&database.url()?).await else {
            anyhow::bail!("{statement}: read");
        };
        ensure!(error.hint().contains(hint), "{statement}: {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn incompatible_schema_is_rejected_on_sqlite() -> Result<()> {
    incompatible_schema_is_rejected(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn incompatible_schema_is_rejected_on_postgres() -> Result<()> {
    incompatible_schema_is_rejected(TestDatabase::postgres().await?).await
}

#[tokio::test]
async fn reading_does_not_create_tables() -> Result<()> {
    let empty = TestDatabase::postgres().await?;
    let opened = Database::open(&empty.url()?).await;
    ensure!(matches!(opened, Err(OpenDatabaseError::Empty)));
    let tables = empty.server_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")?;
    ensure!(tables.trim() == "0", "{tables} tables were made");
    let database = TestDatabase::sqlite()?;
    ensure!(matches!(
        Database::open(&database.url()?).await,
        Err(OpenDatabaseError::Missing(_))
    ));
    Ok(())
}
