//! Outages of the store or the audit trail: status 503, sessions survive, nothing is issued, automatic recovery.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::aws::Fault;
use rolecall_testkit::browser::{Browser, Page};
use rolecall_testkit::postgres::Postgres;
use rolecall_testkit::redis::Redis;
use rolecalld::audit::verify;
use rolecalld::database::Database;
use tokio::time::timeout;

use super::{
    PROD, credentials, get, is_at_provider, is_portal, sign_in, stack_with, until, until_ready,
};

/// Time limit for an outage page: two operations of the store, on a loaded machine.
const FAST: Duration = Duration::from_millis(1_500);

fn is_outage(page: &Page) -> bool {
    page.status() == Some(StatusCode::SERVICE_UNAVAILABLE) && page.header("retry-after").is_some()
}

#[tokio::test]
async fn redis_down_at_startup_recovers() -> Result<()> {
    let mut redis = Redis::single().await?;
    redis.stop()?;
    let stack = stack_with(&redis.url()).await?;
    let management = stack.gateway.management;
    let (alive, _) = get(&format!("http://{management}/livez")).await?;
    ensure!(alive == StatusCode::OK);
    let (ready, body) = get(&format!("http://{management}/readyz")).await?;
    ensure!(
        ready == StatusCode::SERVICE_UNAVAILABLE && body.contains("store"),
        "{body}"
    );
    let mut alice = Browser::new()?;
    let page = alice.open(&stack.at("/sign-in")).await?;
    ensure!(is_outage(&page), "{:?} {}", page.status(), page.text());
    redis.restart()?;
    until_ready(management).await?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    Ok(())
}

#[tokio::test]
async fn frozen_redis_recovers() -> Result<()> {
    let redis = Redis::single().await?;
    let stack = stack_with(&redis.url()).await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let cookie = alice.cookie("rc_s").context("no session")?.value.clone();
    redis.pause()?;
    let begun = Instant::now();
    let (status, refusal) = credentials(&alice, PROD).await?;
    ensure!(begun.elapsed() < FAST, "{:?}", begun.elapsed());
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    for path in ["/", "/sessions", "/sign-in/example"] {
        let begun = Instant::now();
        let page = alice.open(&stack.at(path)).await?;
        ensure!(begun.elapsed() < FAST, "{path}: {:?}", begun.elapsed());
        ensure!(
            is_outage(&page),
            "{path}: {:?} {}",
            page.status(),
            page.text()
        );
    }
    ensure!(stack.aws.issued().is_empty());
    redis.resume()?;
    until_ready(stack.gateway.management).await?;
    ensure!(alice.cookie("rc_s").is_some_and(|now| now.value == cookie));
    ensure!(is_portal(&alice.open(stack.url()).await?));
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    Ok(())
}

#[tokio::test]
async fn redis_restart_without_data() -> Result<()> {
    let mut redis = Redis::single().await?;
    let stack = stack_with(&redis.url()).await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    redis.stop()?;
    let page = alice.open(stack.url()).await?;
    ensure!(is_outage(&page), "{:?} {}", page.status(), page.text());
    ensure!(
        alice.cookie("rc_s").is_some(),
        "the outage ended the session"
    );
    redis.restart()?;
    until_ready(stack.gateway.management).await?;
    // The session at the provider still exists, so that no form is needed.
    ensure!(is_portal(&alice.open(stack.url()).await?));
    Ok(())
}

#[tokio::test]
async fn flushed_redis_ends_sessions() -> Result<()> {
    let redis = Redis::single().await?;
    let stack = stack_with(&redis.url()).await?;
    let (mut alice, mut bob) = (Browser::new()?, Browser::new()?);
    sign_in(stack.url(), &mut alice, "alice").await?;
    ensure!(is_at_provider(&bob.open(stack.url()).await?)?);
    redis.cli(&["FLUSHALL"])?;
    let page = bob.sign_in_at_provider("bob").await?;
    ensure!(page.status() == Some(StatusCode::BAD_REQUEST));
    ensure!(page.text().contains("expired"), "{}", page.text());
    ensure!(bob.cookie("rc_s").is_none());
    ensure!(
        is_portal(&bob.click("Sign in again").await?),
        "bob's session at the provider must exist"
    );
    let (status, refusal) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "{refusal}");
    ensure!(
        is_portal(&alice.open(stack.url()).await?),
        "alice's session at the provider must exist"
    );
    Ok(())
}

/// The process stops while AWS is called for a client that disconnected: the outcome is still recorded.
#[tokio::test]
async fn shutdown_waits_for_work_of_disconnected_clients() -> Result<()> {
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    stack
        .aws
        .inject_fault(Fault::SlowBy(Duration::from_secs(2)));
    let asking = timeout(Duration::from_millis(700), credentials(&alice, PROD));
    ensure!(asking.await.is_err(), "the request completed immediately");
    let trail = format!("sqlite:{}", stack.folder().join("audit.db").display());
    stack.gateway.stop().await?;
    let report = verify(&Database::open(&trail.parse()?).await?).await?;
    ensure!(report.is_intact(), "{report:?}");
    ensure!(report.open_intents_count == 0, "{report:?}");
    Ok(())
}

#[tokio::test]
async fn audit_outage_stops_issuing_and_sign_in() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let stack = TestStack::start(TestStackSettings {
        database: postgres.url(),
        ..TestStackSettings::default()
    })
    .await?;
    let (mut alice, mut bob) = (Browser::new()?, Browser::new()?);
    sign_in(stack.url(), &mut alice, "alice").await?;
    bob.open(stack.url()).await?;
    postgres.stop()?;
    let (status, refusal) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    let page = alice.press("Console", &[]).await?;
    ensure!(is_outage(&page), "{:?} {}", page.status(), page.text());
    ensure!(stack.aws.issued().is_empty());
    let page = bob.sign_in_at_provider("bob").await?;
    ensure!(is_outage(&page), "{:?} {}", page.status(), page.text());
    ensure!(bob.cookie("rc_s").is_none());
    // Pages that do not need the audit trail still work.
    ensure!(is_portal(&alice.open(stack.url()).await?));
    let page = alice.open(&stack.at("/sessions")).await?;
    ensure!(page.status() == Some(StatusCode::OK), "{}", page.text());
    // A sign-in that could not complete is not started.
    let asked = stack.provider.hits("/authorize");
    let mut carol = Browser::new()?;
    let begun = Instant::now();
    let page = carol.open(&stack.at("/sign-in/example")).await?;
    ensure!(is_outage(&page), "{:?} {}", page.status(), page.text());
    ensure!(begun.elapsed() < FAST, "{:?}", begun.elapsed());
    ensure!(stack.provider.hits("/authorize") == asked);
    works_in_part(&stack, "database").await?;
    Ok(())
}

/// A fault of one replica: traffic goes to the others.
#[tokio::test]
async fn replica_with_modified_chain_is_not_ready() -> Result<()> {
    let postgres = Postgres::start().await?;
    let stack = TestStack::start(TestStackSettings {
        database: postgres.url(),
        ..TestStackSettings::default()
    })
    .await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let management = stack.gateway.management;
    let (ready, body) = get(&format!("http://{management}/readyz")).await?;
    ensure!(ready == StatusCode::OK, "{body}");
    postgres.sql("UPDATE audit_writers SET sequence = 1")?;
    let (status, refusal) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{refusal}");
    until("the replica to be not ready", async || {
        let (ready, body) = get(&format!("http://{management}/readyz")).await?;
        ensure!(
            ready == StatusCode::OK || body.contains("database"),
            "{body}"
        );
        Ok((ready == StatusCode::SERVICE_UNAVAILABLE).then_some(()))
    })
    .await
}

/// The load balancer still sends traffic, and operators see the fault.
async fn works_in_part(stack: &TestStack, part: &str) -> Result<()> {
    let management = stack.gateway.management;
    let (ready, body) = get(&format!("http://{management}/readyz")).await?;
    ensure!(ready == StatusCode::OK, "{body}");
    let (full, body) = get(&format!("http://{management}/readyz?full")).await?;
    ensure!(
        full == StatusCode::SERVICE_UNAVAILABLE && body == format!("{part} does not work\n"),
        "{body}"
    );
    let (status, _) = get(&stack.at("/jwks")).await?;
    ensure!(status == StatusCode::OK, "{status}");
    let gauges = ["store", "database"].map(|name| {
        let gauge = if name == "store" { "store" } else { "trail" };
        format!("rolecall_{gauge}_up {}", u8::from(name != part))
    });
    let (_, metrics) = get(&format!("http://{management}/metrics")).await?;
    for gauge in gauges {
        ensure!(
            metrics.lines().any(|line| line == gauge),
            "{gauge}: {metrics}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn full_or_read_only_redis_keeps_sessions() -> Result<()> {
    let redis = Redis::single().await?;
    let stack = stack_with(&redis.url()).await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    for (fault, repair) in [
        (
            ["CONFIG", "SET", "maxmemory", "1"].as_slice(),
            ["CONFIG", "SET", "maxmemory", "0"].as_slice(),
        ),
        (
            &["REPLICAOF", "127.0.0.1", "1"],
            &["REPLICAOF", "NO", "ONE"],
        ),
    ] {
        redis.cli(fault)?;
        works_in_part(&stack, "store").await?;
        ensure!(is_portal(&alice.open(stack.url()).await?), "{fault:?}");
        let (status, issued) = credentials(&alice, PROD).await?;
        ensure!(status == StatusCode::OK, "{fault:?}: {issued}");
        redis.cli(repair)?;
        let (full, body) = get(&format!("http://{}/readyz?full", stack.gateway.management)).await?;
        ensure!(full == StatusCode::OK, "{repair:?}: {body}");
    }
    Ok(())
}
