//! A Redis Cluster of three masters.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Redis;
use super::node::{Listen, Node};
use crate::process::Ports;
use crate::{blocking, process};

/// Maximum time until all nodes agree on the slots.
const AGREED_MAX: Duration = Duration::from_secs(30);

/// A cluster of three servers. Dropping it stops the processes.
pub struct RedisCluster {
    nodes: Vec<Node>,
    /// Of the connections between the nodes.
    _buses: Vec<Ports<1>>,
}

impl Redis {
    /// Starts a cluster of three masters that serves all slots.
    pub async fn cluster3() -> Result<RedisCluster> {
        blocking(RedisCluster::start).await
    }
}

impl RedisCluster {
    fn start() -> Result<Self> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let (mut nodes, mut buses) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            // The default of the bus port is the port plus 10,000, which may not be a valid port.
            let reserved = Ports::reserve()?;
            let [bus] = reserved.numbers();
            let bus = bus.to_string();
            let options: Vec<&str> = options
                .iter()
                .copied()
                .chain(["--cluster-port", &bus])
                .collect();
            nodes.push(Node::start(Listen::Tcp, &options)?);
            buses.push(reserved);
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(
            nodes
                .iter()
                .map(|node| format!("127.0.0.1:{}", node.port())),
        );
        create.args(["--cluster-replicas", "0", "--cluster-yes"]);
        process::run(create)?;
        let mut cluster = Self {
            nodes,
            _buses: buses,
        };
        cluster.agree()?;
        Ok(cluster)
    }

    /// Waits until all nodes report that all slots are served.
    fn agree(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            let whole = |info: String| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            };
            node.settle(AGREED_MAX, |node| {
                node.cli(&["cluster", "info"]).is_ok_and(whole)
            })?;
        }
        Ok(())
    }

    /// URL: `redis-cluster://127.0.0.1:A,127.0.0.1:B,127.0.0.1:C`.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("redis-cluster://{}", nodes.join(","))
    }

    /// Runs a command with `redis-cli` at a node, 0 to 2, and returns the output.
    pub fn cli(&self, node: usize, command: &[&str]) -> Result<String> {
        self.nodes
            .get(node)
            .context("the cluster has three nodes")?
            .cli(command)
    }

    /// All keys and values of all nodes, as stored.
    pub fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let dumps = self
            .nodes
            .iter()
            .map(Node::dump)
            .collect::<Result<Vec<_>>>()?;
        Ok(dumps.into_iter().flatten().collect())
    }

    /// Moves slots from one node to another. Clients then receive `MOVED`.
    pub fn move_slots(&self, from: usize, to: usize, count: u16) -> Result<()> {
        let name = |node: usize| self.cli(node, &["cluster", "myid"]);
        let port = self
            .nodes
            .first()
            .context("the cluster has three nodes")?
            .port();
        let mut reshard = Command::new("redis-cli");
        reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{port}")]);
        reshard.args(["--cluster-from", &name(from)?, "--cluster-to", &name(to)?]);
        reshard.args(["--cluster-slots", &count.to_string(), "--cluster-yes"]);
        let output = process::run(reshard)?;
        ensure!(
            !String::from_utf8_lossy(&output).contains("[ERR]"),
            "{}",
            String::from_utf8_lossy(&output)
        );
        Ok(())
    }
}
