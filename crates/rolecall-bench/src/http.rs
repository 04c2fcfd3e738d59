//! A minimal HTTP/1.1 client on one persistent connection, with little overhead, because it runs on the machine of the server.
//!
//! It supports only responses with a `Content-Length`.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A kept-alive HTTP/1.1 connection that sends one request at a time.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A complete response.
pub struct Response<'c> {
    /// Status code of the response.
    pub status: u16,
    head: &'c str,
    /// Body of the response, in the buffer of the connection.
    pub body: &'c [u8],
}

impl Connection {
    /// Opens a TCP connection without TLS.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 16 * 1024],
        })
    }

    /// Sends a request and reads the response.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Response<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0_usize;
        let head_end = loop {
            let searched = filled.saturating_sub(3);
            filled += self.read(filled, HEAD_BYTES_MAX).await?;
            let found = self.buffer[searched..filled]
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(at) = found {
                break searched + at + 4;
            }
        };
        let end = head_end + content_length(std::str::from_utf8(&self.buffer[..head_end])?)?;
        while filled < end {
            filled += self.read(filled, HEAD_BYTES_MAX + BODY_BYTES_MAX).await?;
        }
        ensure!(filled == end, "there is more than one response");
        let head = std::str::from_utf8(&self.buffer[..head_end])?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        Ok(Response {
            status: status.context("no status line")?,
            head,
            body: &self.buffer[head_end..end],
        })
    }

    async fn read(&mut self, at: usize, bytes_max: usize) -> anyhow::Result<usize> {
        if at == self.buffer.len() {
            ensure!(at < bytes_max, "the response is too large");
            self.buffer.resize(at * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[at..]).await?;
        ensure!(read > 0, "the connection was closed before the response");
        Ok(read)
    }
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    match headers(head, "content-length").next() {
        Some(length) => Ok(length.parse()?),
        None => bail!("a response without Content-Length:\n{head}"),
    }
}

fn headers<'h>(head: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

impl<'c> Response<'c> {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> anyhow::Result<&'c str> {
        headers(self.head, name).next().with_context(|| {
            format!(
                "no header {name} in the response {}:\n{}",
                self.status,
                self.text()
            )
        })
    }

    /// Names and values of all headers.
    pub fn headers(&self) -> impl Iterator<Item = (&'c str, &'c str)> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim()))
    }

    /// `NAME=VALUE` of a cookie that the response sets.
    pub fn cookie(&self, name: &str) -> anyhow::Result<&'c str> {
        headers(self.head, "set-cookie")
            .filter_map(|cookie| cookie.split(';').next())
            .find(|pair| {
                pair.split_once('=')
                    .is_some_and(|(key, value)| key.starts_with(name) && !value.is_empty())
            })
            .with_context(|| {
                format!(
                    "no cookie {name} in the response {}:\n{}",
                    self.status,
                    self.text()
                )
            })
    }

    /// The value of the first form field with this name.
    pub fn field(&self, name: &str) -> anyhow::Result<String> {
        let text = self.text();
        let value = text
            .split_once(&format!("name=\"{name}\" value=\""))
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value.to_owned());
        value.with_context(|| format!("no field {name} in the response {}:\n{text}", self.status))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }
}

/// A GET request.
pub fn get(host: &str, path: &str, cookie: &str) -> Vec<u8> {
    let cookie = cookie_line(cookie);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rolecall-bench\r\n{cookie}\r\n")
        .into_bytes()
}

/// A POST request with a form that accepts JSON.
pub fn post(host: &str, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let cookie = cookie_line(cookie);
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rolecall-bench\r\nAccept: application/json\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{cookie}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET request with a query.
pub fn get_with(host: &str, path: &str, query: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let query = serde_urlencoded::to_string(query)?;
    Ok(get(host, &format!("{path}?{query}"), ""))
}

/// A POST request with JSON.
pub fn post_json(host: &str, path: &str, body: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let body = serde_json::to_string(body)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rolecall-bench\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Ok(request.into_bytes())
}

/// Adds a header to a request.
pub fn with_header(request: &[u8], name: &str, value: &str) -> anyhow::Result<Vec<u8>> {
    let text = std::str::from_utf8(request)?;
    let (line, rest) = text.split_once("\r\n").context("no request line")?;
    Ok(format!("{line}\r\n{name}: {value}\r\n{rest}").into_bytes())
}

fn cookie_line(cookie: &str) -> String {
    if cookie.is_empty() {
        String::new()
    } else {
        format!("Cookie: {cookie}\r\n")
    }
}
