//! Open connections: one address has so many, whatever they do, and trusted proxies as many as they want.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::*;

/// `[limits] connections` when nothing is said.
const DEFAULT: usize = 512;
/// How long the gateway may take to close or to answer. It gives up silent handshakes after three seconds, and silent
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

/// Whether the gateway answers a request on this connection.
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

/// Takes out the connections that the gateway has closed unread; waits for the first of them, and a little for more.
/// Workers take connections in any order, so it need not be the last one.
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
async fn the_connection_beyond_the_limit_is_closed_and_others_are_answered() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut held = connect_many(&fixture, DEFAULT + 1).await?;
    ensure!(take_closed(&mut held).await? == 1);
    let newest = held.last_mut().context("none")?;
    ensure!(
        answers(&fixture, newest).await?,
        "an open connection is served"
    );
    let mut elsewhere = connect(&fixture, Ipv4Addr::new(127, 0, 0, 2)).await?;
    ensure!(
        answers(&fixture, &mut elsewhere).await?,
        "another address is served"
    );
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
        ensure!(begun.elapsed() < SOON, "closed connections make no room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The head of the answer to a request on this connection.
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
async fn beyond_half_of_them_connections_are_not_kept() -> Result<()> {
    let fixture =
        Fixture::with(|settings| settings.more = "[limits]\nconnections = 8\n".to_owned()).await?;
    let mut held = connect_many(&fixture, 4).await?;
    for stream in &mut held {
        let told = head(&fixture, stream).await?;
        ensure!(!told.contains("connection: close"), "{told}");
    }
    let mut fifth = connect(&fixture, Ipv4Addr::LOCALHOST).await?;
    let told = head(&fixture, &mut fifth).await?;
    ensure!(told.contains("connection: close"), "{told}");
    let mut rest = Vec::new();
    timeout(SOON, fifth.read_to_end(&mut rest)).await??;
    // One by one, many more are served than may be open.
    drop(held);
    for _ in 0..40 {
        let mut next = connect(&fixture, Ipv4Addr::LOCALHOST).await?;
        ensure!(answers(&fixture, &mut next).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_is_not_limited() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".to_owned()];
        settings.more = "[limits]\nconnections = 4\n".to_owned();
    })
    .await?;
    let mut held = connect_many(&fixture, 40).await?;
    for stream in &mut held {
        ensure!(
            answers(&fixture, stream).await?,
            "a proxy's connection is refused"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_handshakes_under_way_count() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.tls = true;
        settings.more = "[limits]\nconnections = 4\n".to_owned();
    })
    .await?;
    // Nobody says hello on these.
    let mut held = connect_many(&fixture, 5).await?;
    ensure!(take_closed(&mut held).await? == 1);
    let mut elsewhere = connect(&fixture, Ipv4Addr::new(127, 0, 0, 2)).await?;
    let waiting = timeout(Duration::from_millis(200), elsewhere.read_u8()).await;
    ensure!(waiting.is_err(), "another address may not begin");
    Ok(())
}
