//! Three servers of Redis that share out the slots among themselves, without replicas: what a node had
//! is gone when it is killed, and while it is away the whole cluster serves nobody.

use std::{
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use super::{Redis, words};
use crate::servers::{PATIENCE, POLL, free_port};

/// So many share out all slots.
const NODES: usize = 3;
/// After so long without a word a node is held to be away.
const NODE_TIMEOUT_MS: &str = "500";

/// A cluster of its own; killed when dropped.
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts a cluster and waits until it serves. None, and said loudly, if there is no server to
    /// start: then this test is skipped.
    ///
    /// # Panics
    /// Where it does not serve.
    pub fn start(test: &str) -> Option<Self> {
        let node = |_| {
            Redis::start_by(test, |address, _| {
                let (port, bus) = (address.port().to_string(), free_port().port().to_string());
                let listens = words(&["--port", &port, "--cluster-port", &bus]);
                let is = words(&["--cluster-enabled", "yes"]);
                let waits = words(&["--cluster-node-timeout", NODE_TIMEOUT_MS]);
                [listens, is, waits].concat()
            })
        };
        let nodes: Vec<Redis> = (0..NODES).map(node).collect::<Option<_>>()?;
        let cluster = Self { nodes };
        cluster.join();
        cluster.wait();
        Some(cluster)
    }

    /// Where its nodes are, as in a URL.
    pub fn addresses(&self) -> String {
        let each = self.nodes.iter().map(|node| node.address().to_string());
        each.collect::<Vec<_>>().join(",")
    }

    /// Kills a node, with all that it had.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Starts a node again, and waits until the cluster serves.
    ///
    /// # Panics
    /// Where it does not serve.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].start_again();
        self.wait();
    }

    /// Has the nodes share out the slots.
    #[expect(clippy::expect_used, reason = "it is for tests")]
    fn join(&self) {
        let mut join = Command::new("redis-cli");
        join.args(["--cluster", "create"]);
        for node in &self.nodes {
            join.arg(node.address().to_string());
        }
        join.args(["--cluster-replicas", "0", "--cluster-yes"]);
        let joined = join.stdin(Stdio::null()).output().expect("redis-cli");
        assert!(joined.status.success(), "{joined:?}");
    }

    /// Waits until each node holds that all slots are served.
    fn wait(&self) {
        let begun = Instant::now();
        while !self.nodes.iter().all(is_served) {
            assert!(begun.elapsed() < PATIENCE, "the cluster does not serve");
            thread::sleep(POLL);
        }
    }
}

fn is_served(node: &Redis) -> bool {
    let port = node.address().port().to_string();
    let asked = Command::new("redis-cli")
        .args(["-p", &port, "cluster", "info"])
        .output();
    asked.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("cluster_state:ok"))
}
