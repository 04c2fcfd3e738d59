//! Searches on both databases: all conditions, newest first, in pages.

use std::time::Duration;

use chrono::TimeDelta;
use rolecall_core::audit::{AuditQuery, AuditReader as _, FoundEvent, Outcome, PersonQuery};
use rolecall_core::caller::Flow;
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};
use rolecalld::audit::{SqlAuditReader, events_behind, fill_index};

use super::*;

/// Later events are newer.
fn at_second(event: AuditEvent, second: i64) -> AuditEvent {
    AuditEvent {
        at: event.at + TimeDelta::seconds(second),
        ..event
    }
}

async fn filled(database: &TestDatabase) -> Result<Database> {
    let opened = Database::open(&database.url()?).await?;
    while fill_index(&opened).await?.is_some() {}
    ensure!(events_behind(&opened).await? == 0);
    Ok(opened)
}

fn names(events: &[FoundEvent]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

async fn events_are_found_by_every_condition(database: TestDatabase) -> Result<()> {
    let (done, failed_one) = (intended(), intended());
    let ended = AuditEvent {
        reference: done.reference.clone(),
        address: Some([198, 51, 100, 7].into()),
        ..event(AuditEventKind::IssueDone {
            access_key_id: "ASIA".to_owned(),
            assumed_role: "arn".to_owned(),
            expires_at: Noon.now(),
            region: "eu-west-1".to_owned(),
            request_id: None,
            unanswered: 0,
            via: vec![],
        })
    };
    let client = event(AuditEventKind::ClientSessionBegun {
        actor: actor("alice"),
        session: "C".to_owned(),
        client: "botocore".to_owned(),
        flow: Flow::Code,
        allowed_in: "S".to_owned(),
    });
    let refused = event(AuditEventKind::SignInRefused {
        provider: Some("google".to_owned()),
        reason: "nonce".to_owned(),
    });
    let events: Vec<AuditEvent> = [
        signed_in("bob"),
        signed_in("alice"),
        done.clone(),
        ended,
        client,
        failed_one.clone(),
        failed(&failed_one),
        refused,
    ]
    .into_iter()
    .zip(0..)
    .map(|(event, second)| at_second(event, second))
    .collect();
    write(&database, &events).await?;
    let reader = SqlAuditReader::new(filled(&database).await?);
    let found = async |query: AuditQuery| anyhow::Ok(reader.search(&query).await?.events);

    let alices = AuditQuery {
        person: Some(PersonQuery::Email(EmailAddress::parse(
            "alice@example.com",
        )?)),
        ..AuditQuery::default()
    };
    let events = found(alices.clone()).await?;
    let expected = [
        "issue_failed",
        "issue_intended",
        "client_session_begun",
        "issue_done",
        "issue_intended",
        "signed_in",
    ];
    ensure!(names(&events) == expected, "{events:#?}");
    // The outcome of an issuance has user and role of its intent, and its own address.
    let end = &events[3];
    ensure!(
        end.account.as_deref() == Some("111122223333") && end.role.as_deref() == Some("Developer"),
        "{end:?}"
    );
    ensure!(
        end.session.as_deref() == Some("S") && end.address.as_deref() == Some("198.51.100.7"),
        "{end:?}"
    );
    ensure!(
        end.canonical
            .as_deref()
            .is_some_and(|text| text.contains("ASIA")),
        "{end:?}"
    );

    for (query, expected) in [
        (
            AuditQuery {
                person: Some(PersonQuery::Subject(
                    ProviderId::parse("okta")?,
                    Subject::parse("bob")?,
                )),
                ..AuditQuery::default()
            },
            &["signed_in"][..],
        ),
        (
            AuditQuery {
                outcome: Some(Outcome::Failed),
                ..alices.clone()
            },
            &["issue_failed"],
        ),
        (
            AuditQuery {
                outcome: Some(Outcome::Refused),
                ..AuditQuery::default()
            },
            &["sign_in_refused"],
        ),
        (
            AuditQuery {
                outcome: Some(Outcome::Refused),
                ..alices.clone()
            },
            &[],
        ),
        (
            AuditQuery {
                provider: Some(ProviderId::parse("google")?),
                ..AuditQuery::default()
            },
            &["sign_in_refused"],
        ),
        (
            AuditQuery {
                address: Some([198, 51, 100, 7].into()),
                ..AuditQuery::default()
            },
            &["issue_done"],
        ),
        (
            AuditQuery {
                account: Some("111122223333".parse()?),
                role: Some("Developer".to_owned()),
                outcome: Some(Outcome::Success),
                ..AuditQuery::default()
            },
            &["issue_done"],
        ),
        (
            AuditQuery {
                account: Some("999999999999".parse()?),
                ..AuditQuery::default()
            },
            &[],
        ),
        (
            AuditQuery {
                since: Some(Noon.now() + TimeDelta::seconds(1)),
                until: Some(Noon.now() + TimeDelta::seconds(3)),
                ..AuditQuery::default()
            },
            &["issue_intended", "signed_in"],
        ),
    ] {
        let events = found(query.clone()).await?;
        ensure!(names(&events) == expected, "{query:?}: {events:#?}");
    }
    let story = reader.session_events("S").await?.events;
    ensure!(
        names(&story)
            == [
                "signed_in",
                "signed_in",
                "issue_intended",
                "issue_done",
                "client_session_begun",
                "issue_intended",
                "issue_failed"
            ],
        "{story:#?}"
    );
    ensure!(reader.session_events("nobody's").await?.events.is_empty());
    Ok(())
}

#[tokio::test]
async fn events_are_found_by_every_condition_on_sqlite() -> Result<()> {
    events_are_found_by_every_condition(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn events_are_found_by_every_condition_on_postgres() -> Result<()> {
    events_are_found_by_every_condition(TestDatabase::postgres().await?).await
}

/// Two processes fill the index while a third one writes; then all pages are read.
async fn pages_contain_each_event_once(database: TestDatabase) -> Result<()> {
    let writer = database.writer().await?;
    let appending = async {
        for n in 0..700 {
            writer
                .append(&signed_in(&format!("person-{}", n % 3)))
                .await?;
        }
        anyhow::Ok(())
    };
    let filling = async || {
        let opened = Database::open(&database.url()?).await?;
        for _ in 0..200 {
            // Another process may hold the file longer than this one waits.
            let _ = fill_index(&opened).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        anyhow::Ok(())
    };
    let (appended, one, other) = tokio::join!(appending, filling(), filling());
    appended.and(one).and(other)?;
    writer.close().await;
    let reader = SqlAuditReader::new(filled(&database).await?);
    // All events have the same time: pages are separated by position.
    for (person, expected) in [(None, 701), (Some("person-1"), 233)] {
        let mut query = AuditQuery {
            person: person
                .map(|person| {
                    anyhow::Ok(PersonQuery::Subject(
                        ProviderId::parse("okta")?,
                        Subject::parse(person)?,
                    ))
                })
                .transpose()?,
            limit: Some(64),
            ..AuditQuery::default()
        };
        let mut keys = std::collections::BTreeSet::new();
        let mut count = 0;
        loop {
            let page = reader.search(&query).await?;
            count += page.events.len();
            keys.extend(page.events.iter().map(|event| event.key.to_string()));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
            ensure!(page.events.len() == 64);
        }
        ensure!(
            count == expected && keys.len() == expected,
            "{count} events, {} places",
            keys.len()
        );
    }
    let report = database.verify().await?;
    ensure!(report.is_intact(), "{report:?}");
    Ok(())
}

#[tokio::test]
async fn pages_contain_each_event_once_on_sqlite() -> Result<()> {
    pages_contain_each_event_once(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn pages_contain_each_event_once_on_postgres() -> Result<()> {
    pages_contain_each_event_once(TestDatabase::postgres().await?).await
}

/// Modified or deleted events do not stop the index, and are found by their remaining data.
async fn tampered_events_are_found(database: TestDatabase) -> Result<()> {
    write(
        &database,
        &[
            signed_in("alice"),
            signed_in("bob"),
            signed_in("carol"),
            signed_in("dave"),
        ],
    )
    .await?;
    for statement in [
        "UPDATE audit_events SET canonical = 'no JSON; DROP TABLE audit_index' WHERE subject = 'bob'",
        "DELETE FROM audit_events WHERE subject = 'carol'",
        "UPDATE audit_writers SET sequence = sequence + 1000",
    ] {
        database.store_sql(statement).await?;
    }
    let opened = filled(&database).await?;
    // Deleted after it was indexed.
    database
        .store_sql("DELETE FROM audit_events WHERE subject = 'dave'")
        .await?;
    let reader = SqlAuditReader::new(opened);
    let page = reader.search(&AuditQuery::default()).await?;
    let subjects: Vec<_> = page
        .events
        .iter()
        .map(|event| (event.subject.as_deref(), event.canonical.is_some()))
        .collect();
    ensure!(
        subjects
            == [
                (Some("dave"), false),
                (Some("bob"), true),
                (Some("alice"), true),
                (None, true)
            ],
        "{page:#?}"
    );
    ensure!(!database.verify().await?.is_intact());
    Ok(())
}

#[tokio::test]
async fn tampered_events_are_found_on_sqlite() -> Result<()> {
    tampered_events_are_found(TestDatabase::sqlite()?).await
}

#[tokio::test]
async fn tampered_events_are_found_on_postgres() -> Result<()> {
    tampered_events_are_found(TestDatabase::postgres().await?).await
}

/// Search values are bound parameters.
#[tokio::test]
async fn hostile_values_match_nothing() -> Result<()> {
    let database = TestDatabase::sqlite()?;
    write(&database, &[signed_in("alice")]).await?;
    let reader = SqlAuditReader::new(filled(&database).await?);
    for text in [
        "' OR 1=1 --",
        "Developer'; DROP TABLE audit_index; --",
        "\0",
        "%",
        "*",
    ] {
        let query = AuditQuery {
            role: Some(text.to_owned()),
            outcome: Some(Outcome::Success),
            ..AuditQuery::default()
        };
        ensure!(reader.search(&query).await?.events.is_empty(), "{text}");
        ensure!(
            reader.session_events(text).await?.events.is_empty(),
            "{text}"
        );
    }
    ensure!(reader.search(&AuditQuery::default()).await?.events.len() == 2);
    Ok(())
}
