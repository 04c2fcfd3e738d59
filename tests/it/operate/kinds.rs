//! End-to-end tests of all kinds of stores and audit databases: sign in, request credentials, sign out.

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::postgres::Postgres;
use rolecall_testkit::redis::Redis;

use super::{
    PROD, balanced_stack_with, credentials, is_portal, sign_in, stack_with, until, until_ready,
};

/// Runs the whole sequence.
async fn story(stack: &TestStack) -> Result<()> {
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    let known = stack.aws.issued();
    let session = known.first().context("AWS issued nothing")?;
    ensure!(issued["AccessKeyId"] == session.access_key_id.as_str());
    let page = alice.submit("/sign-out", &[]).await?;
    ensure!(page.status() == Some(StatusCode::OK), "{}", page.text());
    ensure!(alice.cookie("rc_s").is_none());
    Ok(())
}

async fn story_with(store: &str) -> Result<()> {
    story(&stack_with(store).await?).await
}

#[tokio::test]
async fn single_redis() -> Result<()> {
    story_with(&Redis::single().await?.url()).await
}

#[tokio::test]
async fn redis_unix_socket() -> Result<()> {
    story_with(&Redis::unix_socket().await?.url()).await
}

#[tokio::test]
async fn redis_with_tls() -> Result<()> {
    let redis = Redis::tls().await?;
    let authority = redis.authority_file();
    story_with(&format!("{}?ca={}", redis.url(), authority.display())).await
}

#[tokio::test]
async fn redis_cluster() -> Result<()> {
    story_with(&Redis::cluster3().await?.url()).await
}

#[tokio::test]
async fn memory() -> Result<()> {
    story_with("memory:").await
}

#[tokio::test]
async fn sessions_survive_a_sentinel_failover() -> Result<()> {
    let sentinel = Redis::sentinel().await?;
    let stack = stack_with(&sentinel.url()).await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let cookie = alice.cookie("rc_s").context("no session")?.clone();
    let _sentinel = sentinel.failover().await?;
    until_ready(stack.gateway.management).await?;
    let page = until("the portal", async || {
        let page = alice.open(stack.url()).await?;
        Ok((page.status() == Some(StatusCode::OK)).then_some(page))
    })
    .await?;
    ensure!(is_portal(&page), "{}", page.text());
    ensure!(
        alice
            .cookie("rc_s")
            .is_some_and(|now| now.value == cookie.value)
    );
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    Ok(())
}

#[tokio::test]
async fn sqlite_sessions_survive_a_restart() -> Result<()> {
    let (stack, balancer) = balanced_stack_with("sqlite:store.db").await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let portal = stack.url().to_owned();
    let next = stack.start_replica().await?;
    let TestStack {
        gateway,
        aws,
        provider: _provider,
        ..
    } = stack;
    gateway.stop().await?;
    balancer.lead_to(&[next.address]);
    ensure!(is_portal(&alice.open(&portal).await?));
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status == StatusCode::OK, "{issued}");
    ensure!(aws.issued().len() == 1);
    Ok(())
}

#[tokio::test]
async fn audit_trail_in_postgresql() -> Result<()> {
    let postgres = Postgres::start().await?;
    let stack = TestStack::start(TestStackSettings {
        database: postgres.url(),
        ..TestStackSettings::default()
    })
    .await?;
    story(&stack).await?;
    let events = postgres.sql("SELECT event FROM audit_events ORDER BY writer, sequence")?;
    for kind in ["signed_in", "issue_intended", "issue_done", "signed_out"] {
        ensure!(events.contains(kind), "{kind}: {events}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_sealing_key_only_ends_sessions() -> Result<()> {
    let (stack, balancer) = balanced_stack_with("sqlite:store.db").await?;
    sign_in(stack.url(), &mut Browser::new()?, "alice").await?;
    let another_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    std::fs::write(stack.folder().join("seal.key"), another_key)?;
    let next = stack.start_replica().await?;
    balancer.lead_to(&[next.address]);
    sign_in(stack.url(), &mut Browser::new()?, "alice").await?;
    Ok(())
}
