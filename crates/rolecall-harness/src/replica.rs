//! A running gateway of a stack.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::gateway::Gateway;
use rolecalld::aws::OwnCredentials;
use rolecalld::config;
use rolecalld::server::{self, Overrides, ShutdownHandle};

use crate::clock::TestClock;

/// A running gateway. Dropping it stops the gateway.
pub struct Replica {
    /// Services of the gateway.
    pub services: Arc<Gateway>,
    /// Address of the public listener.
    pub address: SocketAddr,
    /// Address of the management listener.
    pub management: SocketAddr,
    shutdown: ShutdownHandle,
    task: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

impl Replica {
    #[expect(
        clippy::disallowed_methods,
        reason = "the replica keeps the task of its gateway and ends it"
    )]
    pub(crate) async fn start(
        config: &Path,
        listener: TcpListener,
        clock: TestClock,
        own_credentials: Option<OwnCredentials>,
        store_operation_max: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let mut loaded = config::load(config)?;
        if let Some(operation_max) = store_operation_max {
            loaded.settings.store.operation_max = operation_max;
        }
        let overrides = Overrides {
            clock: Arc::new(clock),
            public: Some(listener),
            management: Some(TcpListener::bind("127.0.0.1:0")?),
            own_credentials,
            ..Overrides::default()
        };
        let bound = server::bind(loaded, overrides).await?;
        let (services, address, management, shutdown) = (
            bound.gateway.clone(),
            bound.public_address,
            bound.management_address,
            bound.shutdown_handle(),
        );
        let task = Some(tokio::spawn(bound.run()));
        Ok(Self {
            services,
            address,
            management,
            shutdown,
            task,
        })
    }

    /// Stops the gateway as SIGTERM does, and waits until it has stopped.
    ///
    /// # Errors
    /// If the gateway reports an error.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.stop().await;
        match self.task.take() {
            Some(task) => task.await?,
            None => Ok(()),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
