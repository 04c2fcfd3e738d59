//! Records are written in batches: the latest of each person, whatever the database and other replicas do.

use std::time::Duration;

use futures_util::future::try_join;
use rolecall_core::base::limits;
use rolecalld::people::{find_people, forget_person};
use tokio::time::Instant;

use super::*;

/// Subjects that differ only in what some comparisons ignore.
const ODD: [&str; 10] = [
    "a",
    "A",
    "á",
    "a\u{301}",
    "ａ",
    "a ",
    "\u{202e}a",
    "😀",
    "'; DROP TABLE people; --",
    "%_\\",
];

async fn latest_sign_in_of_each_person_is_kept(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    let (mut one, mut other) = (
        Recorder::new(&database, KEPT),
        Recorder::new(&database, KEPT),
    );
    let now = one.now();
    let second = TimeDelta::seconds(1);
    for subject in ODD {
        one.record(subject, now, &["first", subject])?;
    }
    // Several in one batch, out of order.
    one.record("a", now + second, &["second"])?;
    one.record("a", now, &["late in the queue"])?;
    ensure!(one.write_all().await? == ODD.len() as u64);
    let people = all(&database).await?;
    ensure!(people.len() == ODD.len(), "{people:?}");
    for subject in &ODD[1..] {
        let wanted = person(subject, now, &["first", subject])?;
        ensure!(people.contains(&wanted), "{subject}");
    }
    ensure!(people.contains(&person("a", now + second, &["second"])?));
    // The other replica is late with an earlier sign-in, and then has a later one.
    other.record("a", now, &["late from the other"])?;
    other.record("A", now + second, &["second from the other"])?;
    other.write_all().await?;
    let people = all(&database).await?;
    ensure!(people.len() == ODD.len());
    ensure!(people.contains(&person("a", now + second, &["second"])?));
    ensure!(people.contains(&person("A", now + second, &["second from the other"])?));
    Ok(())
}

#[tokio::test]
async fn latest_sign_in_of_each_person_is_kept_on_sqlite() -> Result<()> {
    latest_sign_in_of_each_person_is_kept(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn latest_sign_in_of_each_person_is_kept_on_postgres() -> Result<()> {
    latest_sign_in_of_each_person_is_kept(TestDatabase::postgres().await?).await
}

/// A replica whose clock was years ahead does not keep later sign-ins out.
async fn record_of_the_future_is_replaced(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    let now = recorder.now();
    for (subject, ahead, wanted) in [
        ("years", TimeDelta::days(4_000), "now"),
        ("a little", TimeDelta::minutes(1), "ahead"),
    ] {
        recorder.record(subject, now + ahead, &["ahead"])?;
        recorder.write_all().await?;
        recorder.record(subject, now, &["now"])?;
        recorder.write_all().await?;
        let people = all(&database).await?;
        let found = people.iter().find(|one| one.subject.as_str() == subject);
        let groups = found.map(|one| one.groups.clone());
        ensure!(
            groups == Some(vec![wanted.to_owned()]),
            "{subject}: {groups:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn record_of_the_future_is_replaced_on_sqlite() -> Result<()> {
    record_of_the_future_is_replaced(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn record_of_the_future_is_replaced_on_postgres() -> Result<()> {
    record_of_the_future_is_replaced(TestDatabase::postgres().await?).await
}

/// Two replicas write the same people at the same time, each in its own order, and delete old ones.
async fn replicas_write_the_same_people(test: TestDatabase) -> Result<()> {
    const PEOPLE: usize = 300;
    let (one, other) = (migrated(&test).await?, migrated(&test).await?);
    let (mut one, mut other) = (Recorder::new(&one, KEPT), Recorder::new(&other, KEPT));
    let (now, old) = (one.now(), one.now() - KEPT - TimeDelta::days(1));
    for n in 0..PEOPLE {
        one.record(&format!("old {n}"), old, &[])?;
    }
    one.write_all().await?;
    for n in 0..PEOPLE {
        one.record(&format!("{n}"), now, &["one"])?;
        let n = PEOPLE - 1 - n;
        other.record(&format!("{n}"), now + TimeDelta::seconds(1), &["other"])?;
    }
    let run = async |recorder: &mut Recorder| {
        recorder.write_all().await?;
        recorder.prune_all().await
    };
    try_join(run(&mut one), run(&mut other)).await?;
    let people = all(&migrated(&test).await?).await?;
    ensure!(people.len() == PEOPLE, "{}", people.len());
    ensure!(people.iter().all(|person| person.groups == ["other"]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_write_the_same_people_on_sqlite() -> Result<()> {
    replicas_write_the_same_people(TestDatabase::sqlite()?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_write_the_same_people_on_postgres() -> Result<()> {
    replicas_write_the_same_people(TestDatabase::postgres().await?).await
}

async fn old_records_are_deleted(test: TestDatabase) -> Result<()> {
    const OLD: usize = 1_200;
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    let now = recorder.now();
    for n in 0..OLD {
        recorder.record(&format!("old {n}"), now - KEPT - TimeDelta::seconds(1), &[])?;
    }
    recorder.record("just kept", now - KEPT, &[])?;
    recorder.record("new", now, &[])?;
    recorder.write_all().await?;
    recorder.prune_all().await?;
    ensure!(subjects(&database).await? == ["just kept", "new"]);
    // Not due again.
    recorder.clock.advance(TimeDelta::days(1));
    recorder.prune_all().await?;
    ensure!(subjects(&database).await?.len() == 2);
    // The next start; then with recording turned off.
    let mut restarted = Recorder::new(&database, KEPT);
    restarted.clock.advance(TimeDelta::days(1));
    restarted.prune_all().await?;
    ensure!(subjects(&database).await? == ["new"]);
    let mut off = Recorder::new(&database, TimeDelta::zero());
    off.record("not recorded", now, &[])?;
    ensure!(off.write_all().await? == 0);
    off.prune_all().await?;
    ensure!(subjects(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn old_records_are_deleted_on_sqlite() -> Result<()> {
    old_records_are_deleted(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn old_records_are_deleted_on_postgres() -> Result<()> {
    old_records_are_deleted(TestDatabase::postgres().await?).await
}

async fn person_can_be_forgotten(test: TestDatabase) -> Result<()> {
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    for subject in ["a", "A"] {
        recorder.record(subject, recorder.now(), &[])?;
    }
    recorder.write_all().await?;
    let email = rolecall_core::identity::EmailAddress::parse("Someone@example.com")?;
    let found = find_people(&database, &email).await?;
    ensure!(found.len() == 2, "{found:?}");
    let [upper, lower] = found.as_slice() else {
        anyhow::bail!("{found:?}");
    };
    ensure!(upper.subject.as_str() == "A" && lower.subject.as_str() == "a");
    ensure!(forget_person(&database, &upper.provider, &upper.subject).await?);
    ensure!(!forget_person(&database, &upper.provider, &upper.subject).await?);
    ensure!(subjects(&database).await? == ["a"]);
    Ok(())
}

#[tokio::test]
async fn person_can_be_forgotten_on_sqlite() -> Result<()> {
    person_can_be_forgotten(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn person_can_be_forgotten_on_postgres() -> Result<()> {
    person_can_be_forgotten(TestDatabase::postgres().await?).await
}

/// While the database does not respond, recording returns at once, and the records are written afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_survive_an_outage_of_the_database() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    let mut intruder = test.store_connection().await?;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut intruder)
        .await?;
    for n in 0..100 {
        recorder.record(&format!("{n}"), recorder.now(), &[])?;
    }
    let (written, outcome) = recorder.writer.write_batch().await;
    ensure!(
        outcome.is_err() && written.recorded == 0 && written.more,
        "{written:?}"
    );
    let begun = Instant::now();
    for n in 100..200 {
        recorder.record(&format!("{n}"), recorder.now(), &[])?;
    }
    ensure!(begun.elapsed() < Duration::from_millis(500));
    sqlx::raw_sql("ROLLBACK").execute(&mut intruder).await?;
    ensure!(recorder.write_all().await? == 200);
    ensure!(all(&database).await?.len() == 200);
    Ok(())
}

/// The database rejects one record: the others of its batch are written.
#[tokio::test]
async fn rejected_record_does_not_block_others() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    test.store_sql(
        "CREATE TRIGGER poison BEFORE INSERT ON people WHEN NEW.subject = 'poison' BEGIN SELECT RAISE(ABORT, 'poison'); END",
    )
    .await?;
    let mut recorder = Recorder::new(&database, KEPT);
    for subject in ["a", "poison", "z"] {
        recorder.record(subject, recorder.now(), &[])?;
    }
    let (mut failures, mut dropped) = (0, 0);
    loop {
        let (written, outcome) = recorder.writer.write_batch().await;
        failures += u64::from(outcome.is_err());
        dropped += written.dropped;
        if !written.more && outcome.is_ok() {
            break;
        }
        ensure!(failures < 10, "the record is tried forever");
    }
    ensure!(failures >= 3 && dropped == 1, "{failures} {dropped}");
    ensure!(subjects(&database).await? == ["a", "z"]);
    Ok(())
}

/// The database rejects everything: the records that the task has taken count as waiting, and are not more than the queue
/// may contain. Afterwards there is space again.
#[tokio::test]
async fn records_are_bounded_while_the_database_fails() -> Result<()> {
    const ROUNDS: u64 = 4;
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    test.store_sql(
        "CREATE TRIGGER outage BEFORE INSERT ON people BEGIN SELECT RAISE(ABORT, 'outage'); END",
    )
    .await?;
    let large = "x".repeat(limits::CLAIM_VALUE_BYTES_MAX);
    let large = vec![large.as_str(); 900];
    let mut recorder = Recorder::new(&database, KEPT);
    let mut dropped = 0;
    for round in 0..ROUNDS {
        for n in 0..50 {
            recorder.record(&format!("{round} {n}"), recorder.now(), &large)?;
        }
        let (written, outcome) = recorder.writer.write_batch().await;
        ensure!(outcome.is_err() && written.more, "{written:?}");
        dropped += written.dropped;
    }
    // 32 MiB are at most 36 records of 900 KiB.
    ensure!(dropped >= ROUNDS * 50 - 40, "{dropped}");
    test.store_sql("DROP TRIGGER outage").await?;
    ensure!(recorder.write_all().await? == ROUNDS * 50 - dropped);
    for n in 0..30 {
        recorder.record(&format!("later {n}"), recorder.now(), &large)?;
    }
    ensure!(recorder.write_all().await? == 30);
    Ok(())
}

/// Earlier sign-ins of a person who signs in again take no space.
#[tokio::test]
async fn replaced_records_take_no_space() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let large = "x".repeat(limits::CLAIM_VALUE_BYTES_MAX);
    let large = vec![large.as_str(); 900];
    let mut recorder = Recorder::new(&database, KEPT);
    let now = recorder.now();
    for _ in 0..3 {
        // In order, and out of order.
        for seconds in (0..15).chain((0..15).rev()) {
            recorder.record("one", now + TimeDelta::seconds(seconds), &large)?;
        }
        ensure!(recorder.write_all().await? == 1);
    }
    Ok(())
}

/// Nobody writes the queue: its size is bounded, and what does not fit is counted.
#[tokio::test]
async fn queue_is_bounded() -> Result<()> {
    let test = TestDatabase::sqlite()?;
    let database = migrated(&test).await?;
    let mut recorder = Recorder::new(&database, KEPT);
    for n in 0..10_000 {
        recorder.record(&format!("{n}"), recorder.now(), &[])?;
    }
    let (written, outcome) = recorder.writer.write_batch().await;
    outcome?;
    ensure!(written.dropped == 10_000 - 4_096, "{written:?}");
    // By bytes: 100 records of 900 kB each.
    let large = "x".repeat(limits::CLAIM_VALUE_BYTES_MAX);
    let large = vec![large.as_str(); 900];
    let mut recorder = Recorder::new(&database, KEPT);
    for n in 0..100 {
        recorder.record(&format!("{n}"), recorder.now(), &large)?;
    }
    let (written, outcome) = recorder.writer.write_batch().await;
    outcome?;
    ensure!((60..75).contains(&written.dropped), "{written:?}");
    // Each is a batch of its own.
    ensure!(written.recorded == 1 && written.more, "{written:?}");
    Ok(())
}
