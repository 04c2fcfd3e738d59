//! Redis deployments: a single server (TCP, Unix socket, TLS), a cluster of three, and Sentinel.
//!
//! They are `redis-server` processes without persistence. They can be suspended, stopped and restarted on the same port. All
//! stored data can be read, to check what is stored.

mod cluster;
mod node;
mod sentinel;

use anyhow::Result;

pub use cluster::RedisCluster;
pub use sentinel::RedisSentinel;

use crate::blocking;
use node::{Listen, Node};

/// A single server. Dropping it stops the process.
pub struct Redis(Node);

impl Redis {
    /// Starts a server on a TCP port of loopback.
    pub async fn single() -> Result<Self> {
        Self::listening(Listen::Tcp).await
    }

    /// Starts a server on a Unix socket only.
    pub async fn unix_socket() -> Result<Self> {
        Self::listening(Listen::Socket).await
    }

    /// Starts a server with TLS only, with a certificate of [`Redis::authority_file`].
    pub async fn tls() -> Result<Self> {
        Self::listening(Listen::Tls).await
    }

    async fn listening(listen: Listen) -> Result<Self> {
        blocking(move || Ok(Self(Node::start(listen, &[])?))).await
    }

    /// URL for the gateway's `store.url`: `redis://`, `redis+unix://` or `rediss://`.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// File with the certificate authority of [`Redis::tls`] in PEM, for example for `SSL_CERT_FILE`.
    pub fn authority_file(&self) -> std::path::PathBuf {
        self.0.file("authority.pem")
    }

    /// Suspends the process. Connections remain open without responses.
    pub fn pause(&self) -> Result<()> {
        self.0.pause()
    }

    /// Resumes the process.
    pub fn resume(&self) -> Result<()> {
        self.0.resume()
    }

    /// Stops the server and deletes its data. Connections are refused from then on.
    pub fn stop(&mut self) -> Result<()> {
        self.0.stop()
    }

    /// Restarts the server without data at the same address.
    pub fn restart(&mut self) -> Result<()> {
        self.0.restart()
    }

    /// Runs a command with `redis-cli` and returns the output.
    pub fn cli(&self, command: &[&str]) -> Result<String> {
        self.0.cli(command)
    }

    /// All keys and values of all databases, as stored.
    pub fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.0.dump()
    }
}
