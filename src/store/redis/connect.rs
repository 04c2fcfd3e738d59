//! Establishes connections for each topology of Redis: single server, socket, Cluster, Sentinel; with or without TLS.
//!
//! [`super::link`] decides when to connect.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
};
use rolecall_core::base::secret::SecretText;
use tokio::sync::Mutex;

use crate::store::{Host, OpenStoreError, RedisUrl, Topology};

/// Time limit for connecting to one server, including TLS and authentication.
const SERVER_CONNECT_MAX: Duration = Duration::from_secs(2);

/// With RESP3 the client detects a closed connection even while it is idle.
const PROTOCOL: ProtocolVersion = ProtocolVersion::RESP3;

/// The clients of a topology.
pub(super) enum Target {
    Single(Client),
    Cluster(ClusterClient),
    /// Sentinels are queried for each connection, because a failover may have happened.
    Sentinel(Mutex<SentinelClient>),
}

/// An open connection; clones share it.
#[derive(Clone)]
pub(super) enum Wire {
    Single {
        connection: MultiplexedConnection,
        broken: Arc<AtomicBool>,
    },
    Cluster(ClusterConnection),
}

impl Wire {
    /// Whether the connection is known to be closed.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            Self::Single { broken, .. } => broken.load(Ordering::Relaxed),
            Self::Cluster(_) => false,
        }
    }

    /// Sends a command with a key.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single { connection, .. } => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        // An error reply of the server is returned as a value.
        answer?.extract_error()
    }

    /// Sends a command without a key; in a cluster, to any node.
    pub(super) async fn send_to_any(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Single { connection, .. } => connection.req_packed_command(command).await,
            Self::Cluster(connection) => {
                let any = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                connection.route_command(command.clone(), any).await
            }
        };
        answer?.extract_error()
    }
}

impl Target {
    /// Builds the clients without connecting.
    pub(super) fn new(url: &RedisUrl, operation_max: Duration) -> Result<Self, OpenStoreError> {
        if url.tls {
            // rustls needs one default crypto provider per process; an existing one is kept.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let certificates = url.ca.as_deref().map(read_certificates).transpose()?;
        Self::build(url, certificates, operation_max)
            .map_err(|error| OpenStoreError::Redis(error.into()))
    }

    fn build(
        url: &RedisUrl,
        certificates: Option<TlsCertificates>,
        operation_max: Duration,
    ) -> RedisResult<Self> {
        Ok(match &url.topology {
            Topology::Single(host) => {
                Self::Single(client(address(host, url.tls), url, certificates)?)
            }
            Topology::Socket(path) => {
                Self::Single(client(ConnectionAddr::Unix(path.clone()), url, None)?)
            }
            Topology::Cluster(hosts) => {
                Self::Cluster(cluster(hosts, url, certificates, operation_max)?)
            }
            Topology::Sentinel {
                sentinels,
                master,
                username,
                password,
            } => {
                let addresses = sentinels.iter().map(|host| address(host, url.tls));
                let builder =
                    SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?;
                let own = (username.as_ref(), password.as_ref());
                let client = sentinel(builder, own, url, certificates)?;
                Self::Sentinel(Mutex::new(client))
            }
        })
    }

    /// Connects and authenticates.
    pub(super) async fn connect(&self) -> RedisResult<Wire> {
        match self {
            Self::Single(client) => single(client).await,
            Self::Cluster(client) => Ok(Wire::Cluster(client.get_async_connection().await?)),
            Self::Sentinel(client) => {
                let master = client.lock().await.async_get_client().await?;
                single(&master).await
            }
        }
    }
}

async fn single(client: &Client) -> RedisResult<Wire> {
    let broken = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&broken);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(SERVER_CONNECT_MAX))
        // The link limits the time of the whole operation.
        .set_response_timeout(None)
        .set_push_sender(move |push: PushInfo| -> Result<(), RedisError> {
            if push.kind == redis::PushKind::Disconnection {
                mark.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok(Wire::Single { connection, broken })
}

fn address(host: &Host, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls {
            host: host.name.clone(),
            port: host.port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host.name.clone(), host.port)
    }
}

fn client(
    address: ConnectionAddr,
    url: &RedisUrl,
    certificates: Option<TlsCertificates>,
) -> RedisResult<Client> {
    let mut settings = RedisConnectionInfo::default()
        .set_db(i64::from(url.database))
        .set_protocol(PROTOCOL);
    if let Some(username) = &url.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &url.password {
        settings = settings.set_password(password.expose());
    }
    let info = address.into_connection_info()?.set_redis_settings(settings);
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

fn cluster(
    hosts: &[Host],
    url: &RedisUrl,
    certificates: Option<TlsCertificates>,
    operation_max: Duration,
) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClient::builder(hosts.iter().map(|host| address(host, url.tls)))
        .connection_timeout(SERVER_CONNECT_MAX)
        .response_timeout(operation_max);
    if let Some(username) = &url.username {
        builder = builder.username(username);
    }
    if let Some(password) = &url.password {
        builder = builder.password(password.expose());
    }
    if url.tls {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build()
}

fn sentinel(
    mut builder: SentinelClientBuilder,
    (own_username, own_password): (Option<&String>, Option<&SecretText>),
    url: &RedisUrl,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    builder = builder
        .set_client_to_redis_db(i64::from(url.database))
        .set_client_to_redis_protocol(PROTOCOL);
    if let Some(username) = &url.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &url.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let Some(username) = own_username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = own_password {
        builder = builder.set_client_to_sentinel_password(password.expose());
    }
    if url.tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build()
}

fn read_certificates(path: &Path) -> Result<TlsCertificates, OpenStoreError> {
    let pem = std::fs::read(path).map_err(|error| OpenStoreError::Certificates {
        path: path.to_owned(),
        source: error.into(),
    })?;
    Ok(TlsCertificates {
        client_tls: None,
        root_cert: Some(pem),
    })
}
