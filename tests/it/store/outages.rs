//! Redis unreachable, unresponsive, full, read-only, or with wrong credentials: quick errors, and automatic recovery.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rolecall_testkit::redis::Redis;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tracing::instrument::WithSubscriber as _;
use url::Url;

use super::*;
use crate::log::Log;

/// The 250 ms of an operation, with a margin for a loaded machine.
const FAST: Duration = Duration::from_millis(600);

async fn until_ready(store: &Arc<dyn RecordStore>) -> Result<()> {
    let begin = Instant::now();
    while store.ready().await.is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(5), "no recovery");
    }
    Ok(())
}

#[tokio::test]
async fn unreachable_at_startup_recovers() -> Result<()> {
    let mut redis = Redis::single().await?;
    redis.stop()?;
    let store = store_at(&redis.url()).await?;
    let begin = Instant::now();
    ensure!(is_unavailable(&store.ready().await));
    ensure!(is_unavailable(&store.get(key("a")).await));
    ensure!(begin.elapsed() < 2 * FAST, "{:?}", begin.elapsed());
    redis.restart()?;
    until_ready(&store).await
}

#[tokio::test]
async fn unreachable_in_use_recovers() -> Result<()> {
    let mut redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    redis.stop()?;
    let begin = Instant::now();
    ensure!(is_unavailable(&store.take(key("a")).await));
    ensure!(begin.elapsed() < FAST, "{:?}", begin.elapsed());
    ensure!(is_unavailable(&store.get(key("a")).await));
    redis.restart()?;
    until_ready(&store).await?;
    ensure!(
        store.get(key("a")).await?.is_none(),
        "the new server is empty"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_while_idle_causes_no_error() -> Result<()> {
    let mut redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store.ready().await?;
    redis.stop()?;
    redis.restart()?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    Ok(())
}

#[tokio::test]
async fn unresponsive_server_is_unavailable() -> Result<()> {
    let redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    redis.pause()?;
    let begin = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        waiting.spawn(async move { store.get(key("a")).await });
    }
    while let Some(outcome) = waiting.join_next().await {
        ensure!(is_unavailable(&outcome?));
    }
    ensure!(begin.elapsed() < FAST, "{:?}", begin.elapsed());
    redis.resume()?;
    until_ready(&store).await?;
    ensure!(store.get(key("a")).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn lost_reply_consumes_a_one_time_value() -> Result<()> {
    let redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    redis.pause()?;
    ensure!(is_unavailable(&store.take(key("a")).await));
    redis.resume()?;
    until_ready(&store).await?;
    ensure!(
        store.take(key("a")).await?.is_none(),
        "the value was returned twice"
    );
    Ok(())
}

/// Forwards to the server. On request, drops the next reply and closes the connection.
async fn pass(mut client: TcpStream, server: SocketAddr, lose: Arc<AtomicBool>) -> Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut question, mut answer) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => match read? {
                0 => return Ok(()),
                count => server.write_all(&question[..count]).await?,
            },
            read = server.read(&mut answer) => match read? {
                0 => return Ok(()),
                _ if lose.swap(false, Ordering::Relaxed) => return Ok(()),
                count => client.write_all(&answer[..count]).await?,
            },
        }
    }
}

/// A write whose reply was lost may have been executed and is not retried. A read is.
#[tokio::test]
async fn only_reads_are_retried() -> Result<()> {
    let redis = Redis::single().await?;
    let server = Url::parse(&redis.url())?.socket_addrs(|| None)?[0];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("redis://{}", listener.local_addr()?);
    let lose = Arc::new(AtomicBool::new(false));
    let mut passing = tokio::task::JoinSet::new();
    let losing = Arc::clone(&lose);
    passing.spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            connections.spawn(pass(client, server, Arc::clone(&losing)));
        }
    });
    let store = store_at(&url).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    lose.store(true, Ordering::Relaxed);
    ensure!(
        store.get(key("a")).await?.is_some(),
        "the read was not retried"
    );
    ensure!(!lose.load(Ordering::Relaxed), "no reply was dropped");
    lose.store(true, Ordering::Relaxed);
    ensure!(is_unavailable(&store.take(key("a")).await));
    until_ready(&store).await?;
    ensure!(
        store.get(key("a")).await?.is_none(),
        "the value was not taken"
    );
    Ok(())
}

#[tokio::test]
async fn full_server_rejects_writes_and_serves_reads() -> Result<()> {
    let redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store
        .insert(key("a"), b"one".to_vec(), in_a_minute())
        .await?;
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"])?;
    ensure!(is_unavailable(
        &store.insert(key("b"), b"two".to_vec(), in_a_minute()).await
    ));
    ensure!(is_unavailable(&store.ready().await));
    ensure!(store.get(key("a")).await?.is_some());
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"])?;
    Ok(store.ready().await?)
}

#[tokio::test]
async fn replica_is_unavailable_for_writes() -> Result<()> {
    let redis = Redis::single().await?;
    let store = store_at(&redis.url()).await?;
    store.ready().await?;
    redis.cli(&["REPLICAOF", "127.0.0.1", "1"])?;
    ensure!(is_unavailable(&store.ready().await));
    ensure!(is_unavailable(
        &store.insert(key("a"), b"x".to_vec(), in_a_minute()).await
    ));
    redis.cli(&["REPLICAOF", "NO", "ONE"])?;
    store.insert(key("a"), b"x".to_vec(), in_a_minute()).await?;
    Ok(())
}

#[tokio::test]
async fn authentication_error_has_a_hint_without_password() -> Result<()> {
    let redis = Redis::single().await?;
    let host = redis.url().replace("redis://", "");
    redis.cli(&[
        "ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+@all", "-getdel",
    ])?;
    let wrong = store_at(&format!("redis://app:hunter3@{host}")).await?;
    let error = wrong.get(key("a")).await.unwrap_err();
    ensure!(
        messages_of(&error).contains("hint: check user and password"),
        "{}",
        messages_of(&error)
    );
    ensure!(!format!("{error:?} {}", messages_of(&error)).contains("hunter"));
    let right = store_at(&format!("redis://app:hunter2@{host}")).await?;
    ensure!(right.get(key("a")).await?.is_none());
    let error = right.ready().await.unwrap_err();
    ensure!(
        messages_of(&error).contains("hint: grant the ACL user"),
        "{}",
        messages_of(&error)
    );
    Ok(())
}

#[tokio::test]
async fn eviction_policy_is_reported_once() -> Result<()> {
    let redis = Redis::single().await?;
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    async {
        let store = store_at(&redis.url()).await?;
        store.ready().await?;
        store.ready().await?;
        anyhow::Ok(())
    }
    .with_subscriber(subscriber)
    .await?;
    let text = log.text();
    ensure!(
        text.matches("maxmemory-policy to noeviction").count() == 1,
        "{text}"
    );
    Ok(())
}
