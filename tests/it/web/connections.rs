//! The limit of open connections per address, which does not apply to trusted proxies.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::*;

/// The default of `[limits] connections`.
const DEFAULT: usize = 512;
/// The maximum time to close a connection or to respond. The gateway closes idle handshakes after three seconds and idle
/// connections after five.
const SOON: Duration = Duration::from_millis(2_500);

async fn connect(fixture: &Fixture, from: Ipv4Addr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    Ok(socket.connect(fixture.stack.gateway.address).await?)
}

async fn connect_many(fixture: &Fixture, number: usize) -> Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for _ in 0..number {
        streams.push(connect(fixture, Ipv4Addr::LOCALHOST).await?);
    }
    Ok(streams)
}

/// Whether the gateway responds to a request on this connection.
async fn answers(fixture: &Fixture, stream: &mut TcpStream) -> Result<bool> {
    let host = fixture.stack.gateway.address;
    let request = format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\n\r\n");
    if stream.write_all(request.as_bytes()).await.is_err() {
        return Ok(false);
    }
    let mut start = [0; 12];
    match timeout(SOON, stream.read_exact(&mut start)).await? {
        Ok(_) => Ok(&start == b"HTTP/1.1 200"),
        Err(_) => Ok(false),
    }
}

/// Removes the connections that the gateway has closed. Waits for the first of them and briefly for more. Workers accept
/// connections in any order, so it need not be the last one.
async fn take_closed(streams: &mut Vec<TcpStream>) -> Result<usize> {
    let before = streams.len();
    let is_open = |stream: &mut TcpStream| {
        let read = stream.try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let begun = Instant::now();
    while streams.len() == before {
        ensure!(begun.elapsed() < SOON, "none of {before} was closed");
        tokio::time::sleep(Duration::from_millis(20)).await;
        streams.retain_mut(is_open);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    streams.retain_mut(is_open);
    Ok(before - streams.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_over_the_limit_is_closed() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut held = connect_many(&fixture, DEFAULT + 1).await?;
    ensure!(take_closed(&mut held).await? == 1);
    let newest = held.last_mut().context("none")?;
    ensure!(answers(&fixture, newest).await?);
    let mut elsewhere = connect(&fixture, Ipv4Addr::new(127, 0, 0, 2)).await?;
    ensure!(answers(&fixture, &mut elsewhere).await?);
    let metrics = format!("http://{}/metrics", fixture.stack.gateway.management);
    let metrics = fixture.client.get(metrics).send().await?.text().await?;
    ensure!(
        metrics.contains("rolecall_connections_refused_total 1"),
        "{metrics}"
    );
    drop(held);
    let begun = Instant::now();
    loop {
        let mut next = connect(&fixture, Ipv4Addr::LOCALHOST).await?;
        if answers(&fixture, &mut next).await? {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < SOON,
            "closed connections still count after {:?}",
            begun.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The response head of a request on this connection.
async fn head(fixture: &Fixture, stream: &mut TcpStream) -> Result<String> {
    let host = fixture.stack.gateway.address;
    let request = format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(SOON, stream.read_u8()).await??);
    }
    Ok(String::from_utf8(head)?.to_lowercase())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_ends_above_half_the_limit() -> Result<()> {
    let fixture =
        Fixture::with(|settings| settings.more = "[limits]\nconnections = 8\n".to_owned()).await?;
    let mut held = connect_many(&fixture, 4).await?;
    for stream in &mut held {
        let response_head = head(&fixture, stream).await?;
        ensure!(
            !response_head.contains("connection: close"),
            "{response_head}"
        );
    }
    let mut fifth = connect(&fixture, Ipv4Addr::LOCALHOST).await?;
    let response_head = head(&fixture, &mut fifth).await?;
    ensure!(
        response_head.contains("connection: close"),
        "{response_head}"
    );
    let mut rest = Vec::new();
    timeout(SOON, fifth.read_to_end(&mut rest)).await??;
    // Sequentially, more connections are served than may be open at the same time.
    drop(held);
    for _ in 0..40 {
        let mut next = connect(&fixture, Ipv4Addr::LOCALHOST).await?;
        ensure!(answers(&fixture, &mut next).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusted_proxy_is_not_limited() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".to_owned()];
        settings.more = "[limits]\nconnections = 4\n".to_owned();
    })
    .await?;
    let mut held = connect_many(&fixture, 40).await?;
    for stream in &mut held {
        ensure!(answers(&fixture, stream).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_tls_handshakes_count() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.tls = true;
        settings.more = "[limits]\nconnections = 4\n".to_owned();
    })
    .await?;
    // No handshake is started on these connections.
    let mut held = connect_many(&fixture, 5).await?;
    ensure!(take_closed(&mut held).await? == 1);
    let mut elsewhere = connect(&fixture, Ipv4Addr::new(127, 0, 0, 2)).await?;
    let waiting = timeout(Duration::from_millis(200), elsewhere.read_u8()).await;
    ensure!(waiting.is_err());
    Ok(())
}
