//! Redis down, silent, full, read-only, or not letting us in: fast and honest answers, and recovery without help.

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

/// An operation's 250 ms, and some for a loaded machine.
const FAST: Duration = Duration::from_millis(600);

async fn until_ready(store: &Arc<dyn RecordStore>) -> Result<()> {
    let begin = Instant::now();
    while store.ready().await.is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(5), "no recovery");
    }
    Ok(())
}

#[tokio::test]
async fn down_at_the_start_then_up() -> Result<()> {
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
async fn down_in_use_then_up() -> Result<()> {
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
    ensure!(store.get(key("a")).await?.is_none(), "it started empty");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_while_idle_is_not_noticed() -> Result<()> {
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
async fn silence_is_an_outage() -> Result<()> {
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
async fn a_one_time_value_is_not_given_twice_when_the_answer_was_lost() -> Result<()> {
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
        "the lost answer was the only one"
    );
    Ok(())
}

/// Passes everything on to the server. When told, it loses the next answer, and the connection with it.
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

/// A write whose answer was lost may have happened, so it is not sent again. A read is.
#[tokio::test]
async fn a_write_is_sent_once_and_a_read_again() -> Result<()> {
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
    ensure!(store.get(key("a")).await?.is_some(), "not read again");
    ensure!(!lose.load(Ordering::Relaxed), "no answer was lost");
    lose.store(true, Ordering::Relaxed);
    ensure!(is_unavailable(&store.take(key("a")).await));
    until_ready(&store).await?;
    ensure!(store.get(key("a")).await?.is_none(), "it was not taken");
    Ok(())
}

#[tokio::test]
async fn a_full_server_takes_nothing_new_and_serves_the_old() -> Result<()> {
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
async fn a_replica_is_not_written_to() -> Result<()> {
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
async fn who_is_not_let_in_is_told_where_to_look_and_shows_no_password() -> Result<()> {
    let redis = Redis::single().await?;
    let host = redis.url().replace("redis://", "");
    redis.cli(&[
        "ACL", "SETUSER", "app", "on", ">hunter2", "~*", "+@all", "-getdel",
    ])?;
    let wrong = store_at(&format!("redis://app:hunter3@{host}")).await?;
    let error = wrong.get(key("a")).await.unwrap_err();
    ensure!(
        told(&error).contains("hint: compare user and password"),
        "{}",
        told(&error)
    );
    ensure!(!format!("{error:?} {}", told(&error)).contains("hunter"));
    let right = store_at(&format!("redis://app:hunter2@{host}")).await?;
    ensure!(right.get(key("a")).await?.is_none());
    let error = right.ready().await.unwrap_err();
    ensure!(
        told(&error).contains("hint: the ACL user needs"),
        "{}",
        told(&error)
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_evicts_is_reported_once() -> Result<()> {
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
