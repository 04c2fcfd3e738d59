//! Redis as operators run it: alone (TCP, Unix socket, TLS), as a cluster of three, behind Sentinel.
//!
//! Real `redis-server` processes with nothing on disk. They can be frozen, stopped and started again on the same port, and
//! everything they hold can be read raw, to look for what should not be there.

mod cluster;
mod node;
mod sentinel;

use anyhow::Result;

pub use cluster::RedisCluster;
pub use sentinel::RedisSentinel;

use crate::blocking;
use node::{Listen, Node};

/// One server. Ends when dropped.
pub struct Redis(Node);

impl Redis {
    /// On a TCP port of loopback.
    pub async fn single() -> Result<Self> {
        Self::listening(Listen::Tcp).await
    }

    /// On a Unix socket only.
    pub async fn unix_socket() -> Result<Self> {
        Self::listening(Listen::Socket).await
    }

    /// On a TCP port with TLS only, under an authority of its own: see [`Redis::authority_file`].
    pub async fn tls() -> Result<Self> {
        Self::listening(Listen::Tls).await
    }

    async fn listening(listen: Listen) -> Result<Self> {
        blocking(move || Ok(Self(Node::start(listen, &[])?))).await
    }

    /// As in the gateway's `store.url`: `redis://`, `redis+unix://` or `rediss://`.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The certificate authority of [`Redis::tls`], PEM: what a client trusts, by `SSL_CERT_FILE` for example.
    pub fn authority_file(&self) -> std::path::PathBuf {
        self.0.file("authority.pem")
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn pause(&self) -> Result<()> {
        self.0.pause()
    }

    /// Goes on.
    pub fn resume(&self) -> Result<()> {
        self.0.resume()
    }

    /// Ends it; connections are refused from now on, and everything it held is gone.
    pub fn stop(&mut self) -> Result<()> {
        self.0.stop()
    }

    /// Starts it again, empty, where it was.
    pub fn restart(&mut self) -> Result<()> {
        self.0.restart()
    }

    /// What `redis-cli` answers to this command.
    pub fn cli(&self, command: &[&str]) -> Result<String> {
        self.0.cli(command)
    }

    /// Every key and value of every database, as stored.
    pub fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.0.dump()
    }
}
