//! Searches in an audit trail of one million events: a page of 50 events, with SQLite and PostgreSQL.

use std::time::Instant;

use anyhow::Context as _;
use rolecall_core::audit::{AuditQuery, AuditReader as _, EventKey, Outcome, PersonQuery};
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};
use rolecall_testkit::postgres::Postgres;
use rolecalld::audit::{SqlAudit, SqlAuditReader};
use rolecalld::database::{Database, DatabaseUrl};
use rolecalld::world::{SystemClock, SystemEntropy};
use sqlx::{Connection as _, SqliteConnection};

use crate::Effort;
use crate::figures::{Figures, Unit, milliseconds};
use crate::report::Row;

const MILLISECONDS_MAX: f64 = 50.0;

/// 5,000 users, 200 accounts, 20 permission sets and 97 addresses. One event in 1,000 has failed; one in 100 was refused.
const INDEXED: &str = "'w', n, 'issue_done', \
     CASE WHEN n % 1000 = 0 THEN 'failed' WHEN n % 100 = 0 THEN 'refused' ELSE 'success' END, 'R' || n, 'okta', \
     's' || (n % 5000), 'p' || (n % 5000) || '@example.com', CAST(100000000000 + (n * 7) % 200 AS TEXT), 'set' || (n % 20), \
     '192.0.2.' || (n % 97), 'S' || (n / 40), NULL";
const EVENT: &str =
    "'issue_done', 'R' || n, 'okta', 's' || (n % 5000), NULL, NULL, '{\"n\":' || n || '}', 'h'";
const SQLITE_AT: &str = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + n * 10, 'unixepoch')";
const POSTGRES_AT: &str = "to_char(to_timestamp(1767225600 + n * 10) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\".000000Z\"')";

/// The slowest query of each round, in milliseconds.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trail.db");
    let sqlite = DatabaseUrl::Sqlite(path.clone());
    create(&sqlite).await?;
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {})",
        effort.events
    );
    for statement in [
        format!(
            "{numbers} INSERT INTO audit_events SELECT 'w', n, {SQLITE_AT}, {EVENT} FROM numbers"
        ),
        format!("{numbers} INSERT INTO audit_index SELECT {SQLITE_AT}, {INDEXED} FROM numbers"),
    ] {
        let statement = sqlx::AssertSqlSafe(statement);
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    connection.close().await?;
    let server = Postgres::start().await?;
    let postgres: DatabaseUrl = server.url().parse()?;
    create(&postgres).await?;
    let numbers = format!("FROM generate_series(1, {}) AS numbers(n)", effort.events);
    for statement in [
        format!("INSERT INTO audit_events SELECT 'w', n, {POSTGRES_AT}, {EVENT} {numbers}"),
        format!("INSERT INTO audit_index SELECT {POSTGRES_AT}, {INDEXED} {numbers}"),
        "ANALYZE".to_owned(),
    ] {
        server.sql(&statement)?;
    }
    Ok(vec![
        search(&sqlite, "SQLite", effort).await?,
        search(&postgres, "PostgreSQL", effort).await?,
    ])
}

async fn create(url: &DatabaseUrl) -> anyhow::Result<()> {
    SqlAudit::open(url, &SystemClock, &SystemEntropy)
        .await?
        .close()
        .await;
    Ok(())
}

async fn search(url: &DatabaseUrl, name: &str, effort: Effort) -> anyhow::Result<Row> {
    let reader = SqlAuditReader::new(Database::open(url).await?);
    let queries = queries(effort.events)?;
    let mut worst = Vec::new();
    for _ in 0..effort.rounds {
        let mut slowest: f64 = 0.0;
        for query in &queries {
            let started = Instant::now();
            let page = reader.search(query).await?;
            slowest = slowest.max(milliseconds(started.elapsed()));
            anyhow::ensure!(!page.events.is_empty(), "no event matches {query:?}");
        }
        worst.push(slowest);
    }
    Ok(Row::plain(
        format!(
            "audit search, slowest of {} queries, {} events, {name}",
            queries.len(),
            effort.events
        ),
        Figures::new(Unit::Milliseconds, worst),
    )
    .at_most(MILLISECONDS_MAX))
}

fn queries(events: u64) -> anyhow::Result<Vec<AuditQuery>> {
    let all = AuditQuery::default();
    let email = EmailAddress::parse("p1000@example.com")?;
    let account = "100000000000".parse()?;
    let subject = PersonQuery::Subject(ProviderId::parse("okta")?, Subject::parse("s77")?);
    let middle = i64::try_from(events / 2)? * 10 + 1_767_225_600;
    let middle = chrono::DateTime::from_timestamp(middle, 0).context("a time")?;
    let failed = AuditQuery {
        outcome: Some(Outcome::Failed),
        ..all.clone()
    };
    Ok(vec![
        all.clone(),
        AuditQuery {
            person: Some(PersonQuery::Email(email.clone())),
            ..all.clone()
        },
        AuditQuery {
            person: Some(subject),
            ..all.clone()
        },
        AuditQuery {
            person: Some(PersonQuery::Email(email)),
            ..failed.clone()
        },
        AuditQuery {
            account: Some(account),
            ..failed.clone()
        },
        AuditQuery {
            role: Some("set0".to_owned()),
            provider: Some(ProviderId::parse("okta")?),
            ..failed.clone()
        },
        AuditQuery {
            address: Some([192, 0, 2, 5].into()),
            ..all.clone()
        },
        AuditQuery {
            provider: Some(ProviderId::parse("okta")?),
            until: Some(middle),
            ..all.clone()
        },
        failed,
        AuditQuery {
            after: Some(EventKey {
                at: middle.format("%Y-%m-%dT%H:%M:%S.000000Z").to_string(),
                writer: "w".to_owned(),
                sequence: 0,
            }),
            ..all
        },
    ])
}
