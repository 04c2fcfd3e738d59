//! A master and a replica that are monitored by one Sentinel with a quorum of 1.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Redis;
use super::node::{Listen, Node};
use crate::blocking;
use crate::process::{Ports, Process};

/// Name of the master in Sentinel.
const MASTER: &str = "rolecall";
/// Maximum time until Sentinel reports a change.
const SETTLED_MAX: Duration = Duration::from_secs(60);

/// Two servers and their Sentinel. Dropping it stops the processes.
pub struct RedisSentinel {
    nodes: Vec<Node>,
    ports: Ports<1>,
    directory: tempfile::TempDir,
    sentinel_process: Process,
}

impl Redis {
    /// Starts a master with a synchronized replica, and a Sentinel that has found both.
    pub async fn sentinel() -> Result<RedisSentinel> {
        blocking(RedisSentinel::start).await
    }
}

impl RedisSentinel {
    fn start() -> Result<Self> {
        let master = Node::start(Listen::Tcp, &["--repl-diskless-sync-delay", "0"])?;
        let master_port = master.port().to_string();
        let replica = Node::start(Listen::Tcp, &["--replicaof", "127.0.0.1", &master_port])?;
        let directory = tempfile::Builder::new()
            .prefix("rolecall-sentinel-")
            .tempdir()?;
        let ports = Ports::reserve()?;
        let [port] = ports.numbers();
        let config = format!(
            "bind 127.0.0.1\nport {port}\nsentinel monitor {MASTER} 127.0.0.1 {master_port} 1\n\
             sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 10000\n"
        );
        let file = directory.path().join("sentinel.conf");
        std::fs::write(&file, config)?;
        let mut command = std::process::Command::new("redis-sentinel");
        command.arg(&file);
        let mut sentinel_process = Process::start(command)?;
        sentinel_process.wait_for_line("+monitor master", SETTLED_MAX)?;
        let mut cluster = Self {
            nodes: vec![master, replica],
            ports,
            directory,
            sentinel_process,
        };
        cluster.settle("the replica to be synchronized and found", |cluster| {
            let synchronized = cluster.nodes.last().is_some_and(|replica| {
                replica
                    .cli(&["info", "replication"])
                    .is_ok_and(|info| info.contains("master_link_status:up"))
            });
            synchronized
                && cluster
                    .ask(&["sentinel", "replicas", MASTER])
                    .is_ok_and(|known| known.contains("127.0.0.1"))
        })?;
        Ok(cluster)
    }

    /// URL: `redis-sentinel://127.0.0.1:PORT/rolecall/0`.
    pub fn url(&self) -> String {
        let [port] = self.ports.numbers();
        format!("redis-sentinel://127.0.0.1:{port}/{MASTER}/0")
    }

    /// The port of the master according to Sentinel.
    pub fn master_port(&self) -> Result<u16> {
        let address = self.ask(&["sentinel", "get-master-addr-by-name", MASTER])?;
        address
            .lines()
            .nth(1)
            .and_then(|port| port.trim().parse().ok())
            .with_context(|| format!("no master: {address}"))
    }

    /// Kills the master, and waits until Sentinel reports the other server as master and it accepts writes.
    pub async fn failover(mut self) -> Result<Self> {
        blocking(move || {
            let before = self.master_port()?;
            let dies = self
                .nodes
                .iter_mut()
                .find(|node| node.port() == before)
                .context("the master is one of the two servers")?;
            dies.stop()?;
            self.settle("a new master", |cluster| {
                let Ok(now) = cluster.master_port() else {
                    return false;
                };
                let new_master = cluster
                    .nodes
                    .iter()
                    .find(|node| node.port() == now && now != before);
                new_master.is_some_and(|new_master| {
                    new_master
                        .cli(&["role"])
                        .is_ok_and(|role| role.starts_with("master"))
                })
            })?;
            Ok(self)
        })
        .await
    }

    /// All keys and values of the master, as stored.
    pub fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let port = self.master_port()?;
        self.nodes
            .iter()
            .find(|node| node.port() == port)
            .context("the master is one of the two servers")?
            .dump()
    }

    fn ask(&self, command: &[&str]) -> Result<String> {
        let [port] = self.ports.numbers();
        let mut client = std::process::Command::new("redis-cli");
        client
            .args(["-p", &port.to_string()])
            .args(command)
            .current_dir(self.directory.path());
        Ok(String::from_utf8_lossy(&crate::process::run(client)?).into_owned())
    }

    fn settle(&mut self, what: &str, mut settled: impl FnMut(&Self) -> bool) -> Result<()> {
        // Sentinel reports changes in its output, so that each line of it is a reason to check again.
        let started = std::time::Instant::now();
        while !settled(self) {
            anyhow::ensure!(
                started.elapsed() < SETTLED_MAX,
                "timeout while waiting for {what}:\n{}",
                self.sentinel_process.output()
            );
            self.sentinel_process.wait_for_output()?;
        }
        Ok(())
    }
}
