//! All modifications that a user with all permissions can make, and the findings of `verify`.

use rolecall_core::audit::ChainHash;
use rolecalld::audit::Finding;

use super::*;

/// A completed chain of 11 events, and a second chain of 6 events that references it.
struct Fixture {
    database: TestDatabase,
    first: WriterHead,
    second: WriterHead,
}

impl Fixture {
    async fn set(database: TestDatabase) -> Result<Self> {
        let people = |n: usize| {
            (0..n)
                .map(|n| signed_in(&format!("alice-{n}")))
                .collect::<Vec<_>>()
        };
        write(&database, &people(10)).await?;
        write(&database, &people(5)).await?;
        let report = database.verify().await?;
        ensure!(report.is_intact() && report.events == 17, "{report:?}");
        Ok(Self {
            first: head_of(&report, 11)?,
            second: head_of(&report, 6)?,
            database,
        })
    }

    /// Executes the statement, with the writers in place of `<first>` and `<second>`, and returns the findings.
    async fn after(&self, statement: &str) -> Result<Vec<Finding>> {
        self.database.store_sql(&self.spell(statement)).await?;
        let report = self.database.verify().await?;
        ensure!(!report.is_intact(), "not detected: {statement}");
        Ok(report.findings)
    }

    fn spell(&self, statement: &str) -> String {
        statement
            .replace("<first>", &self.first.writer)
            .replace("<second>", &self.second.writer)
    }
}

fn altered(writer: &WriterHead, sequence: i64) -> Finding {
    Finding::Altered {
        writer: writer.writer.clone(),
        sequence,
    }
}

fn contradicted(fixture: &Fixture) -> Finding {
    Finding::Contradicted {
        writer: fixture.first.writer.clone(),
        sequence: 11,
        by: fixture.second.writer.clone(),
    }
}

async fn every_modification_is_detected(
    databases: impl AsyncFn() -> Result<TestDatabase>,
) -> Result<()> {
    let fresh = async || Fixture::set(databases().await?).await;

    let fixture = fresh().await?;
    let found = fixture.after("UPDATE audit_events SET canonical = replace(canonical, 'alice-3', 'alicf-3') WHERE writer = '<first>' AND sequence = 5").await?;
    ensure!(
        found.contains(&altered(&fixture.first, 5)),
        "one byte: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture.after("UPDATE audit_events SET canonical = replace(canonical, 'alice', 'mallo'), subject = 'mallo-3', email = replace(email, 'alice', 'mallo') WHERE writer = '<first>' AND sequence = 5").await?;
    ensure!(
        found == [altered(&fixture.first, 5)],
        "with its columns: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture
        .after("UPDATE audit_events SET subject = 'bob' WHERE writer = '<first>' AND sequence = 5")
        .await?;
    let relabelled = Finding::Relabelled {
        writer: fixture.first.writer.clone(),
        sequence: 5,
    };
    ensure!(found == [relabelled], "only a column: {found:?}");

    let fixture = fresh().await?;
    let found = fixture.after("UPDATE audit_events SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE writer = '<first>' AND sequence = 5").await?;
    ensure!(
        found == [altered(&fixture.first, 5), altered(&fixture.first, 6)],
        "a hash: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture
        .after("DELETE FROM audit_events WHERE writer = '<first>' AND sequence = 5")
        .await?;
    let missing = Finding::Missing {
        writer: fixture.first.writer.clone(),
        from: 5,
        to: 5,
    };
    ensure!(found == [missing], "deleted: {found:?}");

    let fixture = fresh().await?;
    let found = fixture
        .after("DELETE FROM audit_events WHERE writer = '<first>' AND sequence < 3")
        .await?;
    let missing = Finding::Missing {
        writer: fixture.first.writer.clone(),
        from: 1,
        to: 2,
    };
    ensure!(found == [missing], "the beginning: {found:?}");

    let fixture = fresh().await?;
    let found = fixture.after("UPDATE audit_events SET sequence = -5 WHERE writer = '<first>' AND sequence = 5; UPDATE audit_events SET sequence = 5 WHERE writer = '<first>' AND sequence = 6; UPDATE audit_events SET sequence = 6 WHERE writer = '<first>' AND sequence = -5").await?;
    ensure!(
        found.contains(&altered(&fixture.first, 5)) && found.contains(&altered(&fixture.first, 6)),
        "swapped: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture.after("DELETE FROM audit_events WHERE writer = '<first>' AND sequence = 5; UPDATE audit_events SET sequence = sequence - 100 WHERE writer = '<first>' AND sequence > 5; UPDATE audit_events SET sequence = sequence + 99 WHERE writer = '<first>' AND sequence < 0").await?;
    ensure!(
        found.contains(&altered(&fixture.first, 5)),
        "closed up: {found:?}"
    );

    let fixture = fresh().await?;
    let copy = "writer, SEQ, at, event, reference, provider, subject, email, account, canonical, hash FROM audit_events WHERE writer = '<first>' AND sequence = 11";
    for (place, sequence) in [("12", 12), ("0", 0), ("-1", -1)] {
        let found = fixture
            .after(&format!(
                "INSERT INTO audit_events SELECT {}",
                copy.replace("SEQ", place)
            ))
            .await?;
        let inserted = Finding::Inserted {
            writer: fixture.first.writer.clone(),
            sequence,
        };
        ensure!(found.contains(&inserted), "inserted at {place}: {found:?}");
    }

    let fixture = fresh().await?;
    let found = fixture.after("INSERT INTO audit_events SELECT 'forged', sequence, at, event, reference, provider, subject, email, account, canonical, hash FROM audit_events WHERE writer = '<first>'").await?;
    ensure!(
        found.contains(&Finding::Inserted {
            writer: "forged".to_owned(),
            sequence: 1
        }),
        "a chain: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture
        .after("DELETE FROM audit_events WHERE writer = '<first>' AND sequence > 8")
        .await?;
    let cut = Finding::CutOff {
        writer: fixture.first.writer.clone(),
        last: 8,
        recorded: 11,
    };
    ensure!(found == [cut, contradicted(&fixture)], "cut off: {found:?}");

    let fixture = fresh().await?;
    let found = fixture.after("DELETE FROM audit_events WHERE writer = '<first>' AND sequence > 8; UPDATE audit_writers SET sequence = 8, hash = (SELECT hash FROM audit_events WHERE writer = '<first>' AND sequence = 8) WHERE writer = '<first>'").await?;
    ensure!(
        found == [contradicted(&fixture)],
        "cut off, with its head: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture.after("DELETE FROM audit_events WHERE writer = '<first>'; DELETE FROM audit_writers WHERE writer = '<first>'").await?;
    ensure!(
        found == [contradicted(&fixture)],
        "a whole chain: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture
        .after("DELETE FROM audit_events WHERE writer = '<second>'")
        .await?;
    let cut = Finding::CutOff {
        writer: fixture.second.writer.clone(),
        last: 0,
        recorded: 6,
    };
    ensure!(found == [cut], "the last chain's events: {found:?}");

    let fixture = fresh().await?;
    let found = fixture.after("UPDATE audit_writers SET hash = (SELECT hash FROM audit_events WHERE writer = '<second>' AND sequence = 5) WHERE writer = '<second>'").await?;
    let head = Finding::HeadAltered {
        writer: fixture.second.writer.clone(),
    };
    ensure!(found == [head], "a head: {found:?}");

    let fixture = fresh().await?;
    let found = fixture
        .after("DELETE FROM audit_writers WHERE writer = '<second>'")
        .await?;
    ensure!(
        found.len() == 6 && found.iter().all(|f| matches!(f, Finding::Inserted { .. })),
        "no head: {found:?}"
    );

    let fixture = fresh().await?;
    let found = fixture
        .after("UPDATE audit_events SET canonical = '' WHERE writer = '<first>'")
        .await?;
    ensure!(found.len() == 22, "emptied: {found:?}");
    Ok(())
}

#[tokio::test]
async fn every_modification_is_detected_on_sqlite() -> Result<()> {
    every_modification_is_detected(async || TestDatabase::sqlite()).await
}

#[tokio::test]
async fn every_modification_is_detected_on_postgres() -> Result<()> {
    let server = Arc::new(Postgres::start().await?);
    let next = AtomicU64::new(0);
    every_modification_is_detected(async || {
        let name = format!("fixture{}", next.fetch_add(1, Ordering::Relaxed));
        server.sql(&format!("CREATE DATABASE {name}"))?;
        Ok(TestDatabase(Kind::Shared {
            server: Arc::clone(&server),
            name,
        }))
    })
    .await
}

/// With knowledge of the algorithm one row can be made consistent, but not the next one.
#[tokio::test]
async fn forged_hash_is_detected_at_the_next_event() -> Result<()> {
    let fixture = Fixture::set(TestDatabase::sqlite()?).await?;
    let forged = ChainHash::genesis("anything").to_string();
    let found = fixture
        .after(&format!(
            "UPDATE audit_events SET hash = '{forged}' WHERE writer = '<first>' AND sequence = 5"
        ))
        .await?;
    ensure!(found.contains(&altered(&fixture.first, 6)), "{found:?}");
    Ok(())
}

/// The key of the embedded audit trail is not unique: two events can have the same position.
#[tokio::test]
async fn duplicate_position_is_detected() -> Result<()> {
    let columns = "writer, sequence, at, event, reference, provider, subject, email, account, CANONICAL, hash";
    for canonical in ["canonical", "replace(canonical, 'alice', 'mallo')"] {
        let fixture = Fixture::set(TestDatabase::sqlite()?).await?;
        let found = fixture
            .after(&format!(
                "INSERT INTO audit_events SELECT {} FROM audit_events WHERE writer = '<first>' AND sequence = 5",
                columns.replace("CANONICAL", canonical)
            ))
            .await?;
        ensure!(
            found.contains(&altered(&fixture.first, 5)),
            "{canonical}: {found:?}"
        );
    }
    Ok(())
}
