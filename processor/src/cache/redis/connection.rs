//! One connection for all, to a server or to the nodes of a cluster, which comes back by itself.
//! Whether anybody answers is `link`'s to find out.

use redis::{
    Client, Cmd, Pipeline, PushInfo, RedisError, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClientBuilder, ClusterConfig},
    cluster_async::ClusterConnection,
};

use super::{address::Address, link::PATIENCE};

/// A cluster that moves or loses a node is asked where a slot is so many times.
const CLUSTER_TRIES: u32 = 3;

/// The way to a server or a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects in the background, now or as soon as it can; what is published is handed to `told`.
    pub(super) fn open(
        address: Address,
        told: impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
    ) -> Result<Self, RedisError> {
        if address.is_cluster {
            return open_cluster(address, told);
        }
        let certificates = address.certificates();
        let Some(info) = address.nodes.into_iter().next() else {
            return Err(RedisError::from((
                redis::ErrorKind::InvalidClientConfig,
                "there is no host",
            )));
        };
        let client = match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_push_sender(told)
            .set_automatic_resubscription();
        let connection = ConnectionManager::new_lazy_with_config(client?, config)?;
        Ok(Self::Server(connection))
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(super) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Server(connection) => connection.subscribe(channel).await,
            Self::Cluster(connection) => connection.subscribe(channel).await,
        }
    }

    pub(super) async fn unsubscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Server(connection) => connection.unsubscribe(channel).await,
            Self::Cluster(connection) => connection.unsubscribe(channel).await,
        }
    }
}

fn open_cluster(
    address: Address,
    told: impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
) -> Result<Connection, RedisError> {
    let certificates = address.certificates();
    let mut builder = ClusterClientBuilder::new(address.nodes)
        .use_protocol(redis::ProtocolVersion::RESP3)
        .connection_timeout(PATIENCE)
        .response_timeout(PATIENCE)
        .retries(CLUSTER_TRIES)
        .push_sender(told);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    let client = builder.build()?;
    let connection = client.get_pending_async_connection_with_config(ClusterConfig::new());
    Ok(Connection::Cluster(connection))
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
