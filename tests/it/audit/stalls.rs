//! A database that partly works: commits that hang, a frozen server, a rejected event.

use std::time::{Duration, Instant};

use rolecalld::database::OpenDatabaseError;
use tokio::time::timeout;

use super::*;
use crate::log::Log;

/// Time limit until the writer notices that the database has recovered: a hanging transaction, and a pause.
const RECOVERY_MAX: Duration = Duration::from_secs(8);

async fn until_written(writer: &SqlAudit) -> Result<()> {
    let begun = Instant::now();
    while let Err(error) = writer.append(&signed_in("after")).await {
        ensure!(begun.elapsed() < RECOVERY_MAX, "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Nothing is lost, duplicated or open. Returns the number of intents that were closed because nobody waited for them.
async fn ends_well(database: &TestDatabase) -> Result<u64> {
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 0, "{report:?}");
    let closed = database.server_sql(
        "SELECT count(*) FROM audit_events WHERE canonical LIKE '%\"reason\":\"audit_timeout\"%'",
    )?;
    Ok(closed.parse()?)
}

/// Rejects intents, sequential and concurrent. Readiness fails during this time.
async fn refuses_for(writer: &Arc<SqlAudit>, time: Duration) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let writer = Arc::clone(writer);
            waiting.spawn(async move { writer.append(&intended()).await });
        }
        while let Some(outcome) = waiting.join_next().await {
            ensure!(outcome?.is_err(), "appended");
        }
        ensure!(writer.ready().await.is_err(), "ready");
        ensure!(writer.local_fault().is_ok(), "the fault is not local");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Makes commits hang: a synchronous standby is missing.
fn let_commits_hang(database: &TestDatabase) -> Result<()> {
    database.server_sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")?;
    database.server_sql("SELECT pg_reload_conf()")?;
    Ok(())
}

fn let_commits_return(database: &TestDatabase) -> Result<()> {
    database.server_sql("ALTER SYSTEM RESET synchronous_standby_names")?;
    database.server_sql("SELECT pg_reload_conf()")?;
    Ok(())
}

/// Readiness tests a commit of its own, with or without events.
#[tokio::test]
async fn hanging_commits_fail_readiness() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.ready().await?;
    let_commits_hang(&database)?;
    // The processes of the server apply settings one after another.
    let begun = Instant::now();
    while writer.ready().await.is_ok() {
        ensure!(begun.elapsed() < RECOVERY_MAX, "ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(writer.ready().await.is_err(), "ready again");
    let_commits_return(&database)?;
    until_written(&writer).await?;
    writer.ready().await?;
    ensure!(database.verify().await?.is_intact());
    Ok(())
}

#[tokio::test]
async fn hanging_commits_are_detected_and_resolved() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let_commits_hang(&database)?;
    // The processes of the server apply settings one after another.
    let begun = Instant::now();
    let mut written = Vec::new();
    loop {
        let intent = intended();
        if writer.append(&intent).await.is_err() {
            break;
        }
        ensure!(begun.elapsed() < RECOVERY_MAX, "commits do not hang");
        written.push(intent);
    }
    refuses_for(&writer, Duration::from_secs(12)).await?;
    let_commits_return(&database)?;
    until_written(&writer).await?;
    for intent in written {
        writer.append_outcome(&failed(&intent)).await?;
    }
    ensure!(ends_well(&database).await? > 0, "none had been written");
    Ok(())
}

/// Events in doubt that were written are no loss, so none is reported at the end.
#[tokio::test]
async fn close_after_hanging_commits_reports_no_loss() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    // The task of the writer runs on this thread.
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let writer = database.writer().await?;
    let_commits_hang(&database)?;
    let begun = Instant::now();
    while writer.append(&signed_in("hung")).await.is_ok() {
        ensure!(begun.elapsed() < RECOVERY_MAX, "commits do not hang");
    }
    // Its own retry is over by then, so that closing resolves the events in doubt.
    let returning = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let_commits_return(&database)
    };
    let ((), returned) = tokio::join!(writer.close(), returning);
    returned?;
    ensure!(database.verify().await?.is_intact());
    let log = log.text();
    ensure!(
        log.contains("the audit trail cannot be written")
            && !log.contains("outcomes of credential requests"),
        "{log}"
    );
    Ok(())
}

/// A start times out as well.
#[tokio::test]
async fn start_fails_while_commits_hang() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    database.writer().await?.close().await;
    let_commits_hang(&database)?;
    let started = timeout(Duration::from_secs(40), async {
        // The processes of the server apply settings one after another.
        loop {
            match database.writer().await {
                Ok(writer) => drop(writer),
                Err(error) => return error,
            }
        }
    });
    let error = started.await?;
    let stalled = error.downcast_ref::<OpenDatabaseError>();
    ensure!(
        matches!(stalled, Some(OpenDatabaseError::Stalled(_))),
        "{error:?}"
    );
    let hint = stalled.map(OpenDatabaseError::hint).unwrap_or_default();
    ensure!(hint.contains("synchronous_standby_names"), "{hint}");
    let_commits_return(&database)?;
    database.writer().await?.close().await;
    ensure!(database.verify().await?.is_intact());
    Ok(())
}

/// A server whose host is suspended and resumed.
#[tokio::test]
async fn frozen_server_is_detected_and_recovers() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let Kind::Postgres(server) = &database.0 else {
        anyhow::bail!("a PostgreSQL server is required");
    };
    server.pause()?;
    refuses_for(&writer, Duration::from_secs(8)).await?;
    server.resume()?;
    until_written(&writer).await?;
    ends_well(&database).await?;
    ensure!(writer.ready().await.is_ok());
    Ok(())
}

const REFUSE_ON_SQLITE: &str = "CREATE TRIGGER refuse BEFORE INSERT ON audit_events \
    WHEN NEW.canonical LIKE '%mallory%' BEGIN SELECT RAISE(ABORT, 'no'); END";
const REFUSE_ON_POSTGRES: &str = "CREATE SEQUENCE tries; \
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    IF NEW.canonical LIKE '%mallory%' THEN PERFORM nextval('tries'); RAISE EXCEPTION 'no'; END IF; \
    RETURN NULL; END $$; \
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON audit_events DEFERRABLE INITIALLY DEFERRED \
    FOR EACH ROW EXECUTE FUNCTION refuse()";

/// Only the event that cannot be written is rejected.
async fn rejected_event_does_not_affect_others(database: TestDatabase, refuse: &str) -> Result<()> {
    let writer = database.writer().await?;
    database.store_sql(refuse).await?;
    for _ in 0..3 {
        let mut waiting = tokio::task::JoinSet::new();
        for name in ["alice", "bob", "mallory", "carol"] {
            let writer = Arc::clone(&writer);
            waiting.spawn(async move { (name, writer.append(&signed_in(name)).await) });
        }
        while let Some(outcome) = waiting.join_next().await {
            let (name, outcome) = outcome?;
            ensure!(
                outcome.is_ok() == (name != "mallory"),
                "{name}: {outcome:?}"
            );
        }
        writer.ready().await?;
    }
    let report = database.verify().await?;
    ensure!(report.is_intact() && report.events == 10, "{report:?}");
    Ok(())
}

#[tokio::test]
async fn rejected_event_does_not_affect_others_on_sqlite() -> Result<()> {
    rejected_event_does_not_affect_others(TestDatabase::sqlite()?, REFUSE_ON_SQLITE).await
}

#[tokio::test]
async fn rejected_event_does_not_affect_others_on_postgres() -> Result<()> {
    rejected_event_does_not_affect_others(TestDatabase::postgres().await?, REFUSE_ON_POSTGRES).await
}

/// An outcome that the database rejects is retried with pauses, and does not delay others. `psql` waits here for locks
/// that the writer releases meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_outcome_is_retried_with_pauses() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    database.store_sql(REFUSE_ON_POSTGRES).await?;
    let intents = [intended(), intended(), intended()];
    for intent in &intents {
        writer.append(intent).await?;
    }
    let [bad, good, later] = intents.each_ref().map(failed);
    let bad = AuditEvent {
        user_agent: Some("mallory".to_owned()),
        ..bad
    };
    ensure!(writer.append_outcome(&bad).await.is_err());
    writer.append_outcome(&good).await?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        writer.ready().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    writer.append_outcome(&later).await?;
    let tries: u64 = database
        .server_sql("SELECT last_value FROM tries")?
        .parse()?;
    ensure!(
        (3..=12).contains(&tries),
        "{tries} attempts in three seconds"
    );
    let report = database.verify().await?;
    ensure!(report.open_intents_count == 1, "{report:?}");
    database
        .store_sql("DROP TRIGGER refuse ON audit_events")
        .await?;
    let begun = Instant::now();
    while database.verify().await?.open_intents_count != 0 {
        ensure!(begun.elapsed() < RECOVERY_MAX, "the intent stays open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(database.verify().await?.is_intact());
    Ok(())
}

/// An event is either written later, if that was announced, or never.
#[tokio::test]
async fn event_is_written_exactly_once() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    let mut other = database.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    writer.append_once(&signed_in("taken")).await?;
    ensure!(writer.append(&signed_in("meanwhile")).await.is_err());
    ensure!(writer.append_once(&signed_in("kept")).await.is_err());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    until_written(&writer).await?;
    let mut subjects: Vec<String> =
        sqlx::query_scalar("SELECT subject FROM audit_events WHERE event = 'signed_in'")
            .fetch_all(&mut other)
            .await?;
    subjects.sort();
    ensure!(subjects == ["after", "taken"], "{subjects:?}");
    ensure!(database.verify().await?.is_intact());
    Ok(())
}

/// Outcomes that the database rejects do not prevent others from being written at the end. `psql` waits here for locks
/// that the writer releases meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn rejected_outcome_does_not_block_close() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    let intents: Vec<_> = (0..8).map(|_| intended()).collect();
    for intent in &intents {
        writer.append(intent).await?;
    }
    database.store_sql(REFUSE_ON_POSTGRES).await?;
    let (bad, good) = intents.split_at(4);
    for intent in bad {
        let refused = AuditEvent {
            user_agent: Some("mallory".to_owned()),
            ..failed(intent)
        };
        ensure!(writer.append_outcome(&refused).await.is_err());
    }
    // After three failures each event is written in its own transaction.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        writer.ready().await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let DatabaseUrl::Postgres(url) = database.url()? else {
        anyhow::bail!("not PostgreSQL");
    };
    let mut other = PgConnection::connect(url.expose()).await?;
    let lock = "BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut other).await?;
    let mut waiting = tokio::task::JoinSet::new();
    for intent in good {
        let (writer, outcome) = (Arc::clone(&writer), failed(intent));
        waiting.spawn(async move { writer.append_outcome(&outcome).await });
    }
    while let Some(outcome) = waiting.join_next().await {
        ensure!(outcome?.is_err(), "written despite the lock");
    }
    other.close().await?;
    writer.close().await;
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{:?}", report.findings);
    let open = report.open_intents_count;
    ensure!(open == 4, "{open} intents stay open");
    Ok(())
}

/// More outcomes than fit in a transaction are pending when the process ends.
#[tokio::test]
async fn close_writes_all_outcomes() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    let writer = database.writer().await?;
    let intents: Vec<_> = (0..1_000).map(|_| intended()).collect();
    let mut waiting = tokio::task::JoinSet::new();
    for intent in intents.clone() {
        let writer = Arc::clone(&writer);
        waiting.spawn(async move { writer.append(&intent).await });
    }
    while let Some(outcome) = waiting.join_next().await {
        outcome??;
    }
    let mut other = database.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await?;
    let mut waiting = tokio::task::JoinSet::new();
    for intent in &intents {
        let (writer, outcome) = (Arc::clone(&writer), failed(intent));
        waiting.spawn(async move { writer.append_outcome(&outcome).await });
    }
    while let Some(outcome) = waiting.join_next().await {
        ensure!(outcome?.is_err());
    }
    // Queued events are removed when it is known that nothing can be written.
    ensure!(writer.append(&signed_in("meanwhile")).await.is_err());
    ensure!(writer.append_once(&signed_in("meanwhile")).await.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    writer.close().await;
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{:?}", report.findings);
    let open = report.open_intents_count;
    ensure!(open == 0, "{open} intents stay open");
    Ok(())
}
