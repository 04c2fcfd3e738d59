//! A cluster of three masters, which share the 16,384 slots.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Redis;
use super::node::{Listen, Node};
use crate::{blocking, process};

/// Gossip takes its time.
const AGREED_MAX: Duration = Duration::from_secs(30);

/// Three servers that are one store. They end when dropped.
pub struct RedisCluster {
    nodes: Vec<Node>,
}

impl Redis {
    /// Three masters, every slot served.
    pub async fn cluster3() -> Result<RedisCluster> {
        blocking(RedisCluster::start).await
    }
}

impl RedisCluster {
    fn start() -> Result<Self> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // The bus port must be told: by default it is the port plus 10,000, which may not exist.
            let [bus] = process::free_ports()?;
            let bus = bus.to_string();
            let options: Vec<&str> = options
                .iter()
                .copied()
                .chain(["--cluster-port", &bus])
                .collect();
            nodes.push(Node::start(Listen::Tcp, &options)?);
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
        let mut cluster = Self { nodes };
        cluster.agree()?;
        Ok(cluster)
    }

    /// Waits until every node knows that every slot is served.
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

    /// `redis-cluster://127.0.0.1:A,127.0.0.1:B,127.0.0.1:C`
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("redis-cluster://{}", nodes.join(","))
    }

    /// What `redis-cli` answers to this command at one node, 0 to 2.
    pub fn cli(&self, node: usize, command: &[&str]) -> Result<String> {
        self.nodes
            .get(node)
            .context("there are three nodes")?
            .cli(command)
    }

    /// Every key and value of all nodes, as stored.
    pub fn dump(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let dumps = self
            .nodes
            .iter()
            .map(Node::dump)
            .collect::<Result<Vec<_>>>()?;
        Ok(dumps.into_iter().flatten().collect())
    }

    /// Moves the slots of one node to another, while both serve: clients are told `MOVED`.
    pub fn move_slots(&self, from: usize, to: usize, count: u16) -> Result<()> {
        let name = |node: usize| self.cli(node, &["cluster", "myid"]);
        let port = self.nodes.first().context("there are three nodes")?.port();
        let mut reshard = Command::new("redis-cli");
        reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{port}")]);
        reshard.args(["--cluster-from", &name(from)?, "--cluster-to", &name(to)?]);
        reshard.args(["--cluster-slots", &count.to_string(), "--cluster-yes"]);
        let said = process::run(reshard)?;
        ensure!(
            !String::from_utf8_lossy(&said).contains("[ERR]"),
            "{}",
            String::from_utf8_lossy(&said)
        );
        Ok(())
    }
}
