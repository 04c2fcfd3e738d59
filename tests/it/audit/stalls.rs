//! A database that answers some and not others: commits that hang, a server that is frozen, an event that is refused.

use std::time::{Duration, Instant};

use rolecalld::database::OpenDatabaseError;
use tokio::time::timeout;

use super::*;
use crate::log::Log;

/// Until the writer has found out that the database is back: a transaction that hangs, and a pause.
const RECOVERY_MAX: Duration = Duration::from_secs(8);

async fn until_written(writer: &SqlAudit) -> Result<()> {
    let begun = Instant::now();
    while let Err(error) = writer.append(&signed_in("after")).await {
        ensure!(begun.elapsed() < RECOVERY_MAX, "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Nothing is lost, doubled or open. Answers with the intents that were closed because nobody had waited.
async fn ends_well(database: &TestDatabase) -> Result<u64> {
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 0, "{report:?}");
    let closed = database.server_sql(
        "SELECT count(*) FROM audit_events WHERE canonical LIKE '%\"reason\":\"audit_timeout\"%'",
    )?;
    Ok(closed.parse()?)
}

/// Intents that are refused, one after the other and some at once. Until the time is over, nothing says ready.
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
        ensure!(writer.local_fault().is_ok(), "the fault is not ours");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A synchronous standby that is gone: transactions are written, and their commits do not return.
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

/// Readiness asks for a commit of its own, whether or not events come.
#[tokio::test]
async fn commits_that_hang_are_not_ready() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.ready().await?;
    let_commits_hang(&database)?;
    // The server's processes read their settings one after the other.
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
async fn commits_that_hang_are_seen_and_settled() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let_commits_hang(&database)?;
    // The server's processes read their settings one after the other.
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

/// What was in doubt and stands is no loss, so the end says nothing of one.
#[tokio::test]
async fn an_end_after_commits_that_hung_reports_no_loss() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    // The writer's task is on this thread.
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let writer = database.writer().await?;
    let_commits_hang(&database)?;
    let begun = Instant::now();
    while writer.append(&signed_in("hung")).await.is_ok() {
        ensure!(begun.elapsed() < RECOVERY_MAX, "commits do not hang");
    }
    // Its own trial is over by then, so what is in doubt is settled by the end.
    let returning = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let_commits_return(&database)
    };
    let ((), returned) = tokio::join!(writer.close(), returning);
    returned?;
    ensure!(database.verify().await?.is_intact());
    let log = log.text();
    ensure!(
        log.contains("the audit trail cannot be written") && !log.contains("outcomes of issues"),
        "{log}"
    );
    Ok(())
}

/// A start does not wait for ever either.
#[tokio::test]
async fn a_start_while_commits_hang_fails() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    database.writer().await?.close().await;
    let_commits_hang(&database)?;
    let started = timeout(Duration::from_secs(40), async {
        // The server's processes read their settings one after the other.
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

/// A server whose machine stands still, and goes on.
#[tokio::test]
async fn a_frozen_server_is_seen_and_recovers() -> Result<()> {
    let database = TestDatabase::postgres().await?;
    let writer = database.writer().await?;
    writer.append(&signed_in("before")).await?;
    let Kind::Postgres(server) = &database.0 else {
        anyhow::bail!("a server is needed");
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

/// Whoever's event cannot be written is refused, and nobody else.
async fn an_event_that_is_refused_stands_alone(database: TestDatabase, refuse: &str) -> Result<()> {
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
async fn an_event_that_is_refused_stands_alone_on_sqlite() -> Result<()> {
    an_event_that_is_refused_stands_alone(TestDatabase::sqlite()?, REFUSE_ON_SQLITE).await
}

#[tokio::test]
async fn an_event_that_is_refused_stands_alone_on_postgres() -> Result<()> {
    an_event_that_is_refused_stands_alone(TestDatabase::postgres().await?, REFUSE_ON_POSTGRES).await
}

/// An outcome that the database refuses is tried again, not all the time, and holds up no other.
// `psql` waits here for locks that the writer gives back meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_refused_is_tried_again_with_pauses() -> Result<()> {
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
    ensure!((3..=12).contains(&tries), "{tries} tries in three seconds");
    let report = database.verify().await?;
    ensure!(report.open_intents_count == 1, "{report:?}");
    database
        .store_sql("DROP TRIGGER refuse ON audit_events")
        .await?;
    let begun = Instant::now();
    while database.verify().await?.open_intents_count != 0 {
        ensure!(begun.elapsed() < RECOVERY_MAX, "it stays open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(database.verify().await?.is_intact());
    Ok(())
}

/// What fails after it was handed over is written later, and what was not taken is never written: whoever asks can count on it.
#[tokio::test]
async fn what_must_not_be_written_twice_is_written_once() -> Result<()> {
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

/// Outcomes that the database refuses do not take the others with them when the process ends.
// `psql` waits here for locks that the writer gives back meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_at_the_end_holds_up_no_other() -> Result<()> {
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
    // After three failures each event has a transaction of its own.
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
        ensure!(outcome?.is_err(), "written in spite of the lock");
    }
    other.close().await?;
    writer.close().await;
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{:?}", report.findings);
    let open = report.open_intents_count;
    ensure!(open == 4, "{open} intents stay open");
    Ok(())
}

/// More outcomes than share a transaction wait when the process ends.
#[tokio::test]
async fn all_outcomes_are_written_at_the_end() -> Result<()> {
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
    // Those that still wait in the queue are taken out when it is known that nothing can be written.
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
