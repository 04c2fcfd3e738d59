//! The composition root: builds adapters from the settings, a gateway from the adapters, and bound listeners. No other
//! module constructs adapters.

mod archiving;
mod connections;
mod embedded;
mod gateway;
mod indexing;
mod issuers;
mod listener;
mod own_identity;
mod probe;
mod providers;
mod published;
mod recording;
mod refusals;
mod reload;
mod site;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server as HttpServerTask, ServerHandle};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use futures_util::FutureExt as _;
use rolecall_core::base::{Clock, Entropy};
use rolecall_core::gateway::Gateway;
use rolecall_core::people::NoPeopleLog;
use tokio::time::{Instant, timeout, timeout_at};

use crate::audit::SqlAudit;
use crate::aws::OwnCredentials;
use crate::config::{Listen, Loaded, ProviderSource, Settings};
use crate::people::{PeopleWriter, people_log};
use crate::policy_archive::PolicyFiles;
use crate::web::health::{self, Draining};
use crate::web::metrics::Metrics;
use crate::web::{PendingWork, Site};

use connections::Connections;
pub use embedded::HardLinkedFiles;
use gateway::{Parts, build_gateway};
use issuers::Issuers;
pub use probe::{PublicUrlError, probe};
use providers::Providers;
pub use published::{DifferentDocument, PublishedDocuments, UnreachableDocument};
use reload::Reloader;
use tls::Certificate;

/// After a stop request, new connections are accepted for this long while `/readyz` already fails, so that load
/// balancers notice.
const DRAIN_DELAY: Duration = Duration::from_secs(2);
/// Time limit for writing the last summaries, and again for other last writes and for closing the audit trail. Each
/// normally takes milliseconds.
const LAST_WRITES_MAX: Duration = Duration::from_secs(10);

/// Replacements that tests use for the clock, the random source and the listeners.
pub struct Overrides {
    /// Replaces the system clock.
    pub clock: Arc<dyn Clock>,
    /// Replaces the random source of the operating system.
    pub entropy: Arc<dyn Entropy>,
    /// A bound listener that replaces `listen.address`.
    pub public: Option<TcpListener>,
    /// A bound listener that replaces `listen.management`.
    pub management: Option<TcpListener>,
    /// AWS credentials of the gateway that replace those of the SDK's default chain.
    pub own_credentials: Option<OwnCredentials>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            clock: Arc::new(crate::world::SystemClock),
            entropy: Arc::new(crate::world::SystemEntropy),
            public: None,
            management: None,
            own_credentials: None,
        }
    }
}

/// A gateway with bound listeners that does not serve yet.
pub struct BoundServer {
    /// Address of the public listener.
    pub public_address: SocketAddr,
    /// Address of the management listener.
    pub management_address: SocketAddr,
    /// The gateway behind the listeners.
    pub gateway: Arc<Gateway>,
    /// The metrics of this gateway.
    pub metrics: Metrics,
    issuers: Issuers,
    entropy: Arc<dyn Entropy>,
    certificate: Option<Arc<Certificate>>,
    providers: Providers,
    provider_source: ProviderSource,
    audit: Arc<SqlAudit>,
    people: PeopleWriter,
    settings: Arc<Settings>,
    digest: String,
    policy_files: PolicyFiles,
    referenced_files: Vec<PathBuf>,
    draining: Draining,
    pending_work: PendingWork,
    public: HttpServerTask,
    management: HttpServerTask,
}

/// A handle that stops a running gateway.
#[derive(Clone)]
pub struct ShutdownHandle {
    draining: Draining,
    public: ServerHandle,
}

impl ShutdownHandle {
    /// Makes `/readyz` fail, waits until load balancers have noticed, then stops.
    pub async fn drain_and_stop(&self) {
        self.draining.begin();
        tokio::time::sleep(DRAIN_DELAY).await;
        self.stop().await;
    }

    /// Stops accepting connections and completes accepted requests.
    pub async fn stop(&self) {
        self.draining.begin();
        self.public.stop(true).await;
    }
}

/// A gateway over the configured store for a command that runs beside the server, with the audit trail, which the
/// caller must close.
///
/// # Errors
/// If an adapter cannot be built or opened.
pub async fn gateway_for_cli(loaded: Loaded) -> anyhow::Result<(Gateway, Arc<SqlAudit>)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Overrides { clock, entropy, .. } = Overrides::default();
    let issuers = Issuers::open(&loaded.settings, &clock, &entropy)?;
    embedded::reject_hard_links(&loaded.settings)?;
    let audit = SqlAudit::open(&loaded.settings.database, clock.as_ref(), entropy.as_ref());
    let audit = Arc::new(audit.await.context("[database]")?);
    let providers = Providers::open(&loaded.settings, clock.clone(), entropy.clone())?;
    let parts = Parts {
        clock,
        entropy,
        issuers,
        audit: audit.clone(),
        people: Arc::new(NoPeopleLog),
        providers: providers.adapters(),
        own_credentials: None,
    };
    let gateway = build_gateway(&loaded.settings, loaded.access.policy, parts).await?;
    Ok((gateway, audit))
}

/// Builds all adapters, opens the store and the audit trail, and binds both listeners.
///
/// # Errors
/// If something cannot be built, opened or bound. The error has a hint.
pub async fn bind(loaded: Loaded, overrides: Overrides) -> anyhow::Result<BoundServer> {
    // rustls needs one default crypto provider for all TLS connections. A second call, as in tests with several
    // gateways in one process, fails without effect.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Loaded {
        settings,
        access,
        digest,
        provider_source,
        ..
    } = loaded;
    let Overrides {
        clock,
        entropy,
        public,
        management,
        own_credentials,
    } = overrides;
    let issuers = Issuers::open(&settings, &clock, &entropy)?;
    issuers.check_required_keys(&access.policy)?;
    let providers = Providers::open(&settings, clock.clone(), entropy.clone())?;
    embedded::reject_hard_links(&settings)?;
    let audit = Arc::new(
        SqlAudit::open(&settings.database, clock.as_ref(), entropy.as_ref())
            .await
            .context("[database]")?,
    );
    let (people, people_writer) =
        people_log(audit.database().clone(), clock.clone(), settings.people);
    let gateway = Arc::new(
        build_gateway(
            &settings,
            access.policy,
            Parts {
                clock,
                entropy: entropy.clone(),
                issuers: issuers.clone(),
                audit: audit.clone(),
                people: Arc::new(people),
                providers: providers.adapters(),
                own_credentials,
            },
        )
        .await?,
    );
    let metrics = Metrics::new()?;
    let Listen {
        tls,
        connections,
        trusted_proxies,
        ..
    } = &settings.listen;
    let certificate = tls.as_ref().map(Certificate::open).transpose()?;
    let tls = certificate.as_ref().map(Certificate::config);
    let connections = Connections::new(*connections, trusted_proxies.clone(), metrics.clone());
    let site = Data::new(Site::new(
        gateway.clone(),
        site::settings(&settings, &issuers, connections.clone()),
        metrics.clone(),
    ));
    let (draining, pending_work) = (Draining::default(), site.pending_work.clone());
    let public = public.map_or_else(|| listen(settings.listen.address, "listen.address"), Ok)?;
    let management = management.map_or_else(
        || listen(settings.listen.management, "listen.management"),
        Ok,
    )?;
    Ok(BoundServer {
        public_address: public.local_addr()?,
        management_address: management.local_addr()?,
        public: listener::serve(public, site.clone(), tls, connections)?,
        management: serve_management(management, site, draining.clone())?,
        settings: Arc::new(settings),
        gateway,
        metrics,
        issuers,
        entropy,
        audit,
        people: people_writer,
        certificate,
        providers,
        provider_source,
        digest,
        policy_files: access.files,
        referenced_files: access.referenced_files,
        draining,
        pending_work,
    })
}

/// A listener address cannot be bound: it is in use, not local or not permitted.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    key: &'static str,
    source: std::io::Error,
}

impl ListenError {
    /// The next step for the operator.
    pub fn hint(&self) -> String {
        format!(
            "stop the program that uses this address, or change {}",
            self.key
        )
    }
}

fn listen(address: SocketAddr, key: &'static str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|source| {
        anyhow::Error::from(ListenError {
            address,
            key,
            source,
        })
    })
}

fn serve_management(
    listener: TcpListener,
    site: Data<Site>,
    draining: Draining,
) -> anyhow::Result<HttpServerTask> {
    let app = move || {
        App::new()
            .app_data(site.clone())
            .app_data(Data::new(draining.clone()))
            .configure(health::routes)
    };
    Ok(HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run())
}

impl BoundServer {
    /// A handle that stops the gateway once it runs.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle {
            draining: self.draining.clone(),
            public: self.public.handle(),
        }
    }

    /// Serves until stopped; then writes pending events to the audit trail.
    ///
    /// # Errors
    /// If a listener fails.
    pub async fn run(mut self) -> anyhow::Result<()> {
        if let Err(error) = self
            .gateway
            .entitlements()
            .record_load(self.digest.clone(), Some(self.policy_files.digest()))
            .await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the configuration load could not be written to the audit trail; no credentials are issued until the audit trail is available"
            );
        }
        self.metrics.policy_load(true);
        let (policies, accepted) = archiving::policy_queue();
        policies.keep(self.policy_files, self.gateway.now());
        let (gateway, draining) = (self.gateway.clone(), self.draining.clone());
        let (issuers, metrics) = (self.issuers.clone(), self.metrics.clone());
        let watched = Reloader {
            gateway: self.gateway,
            settings: self.settings,
            issuers: self.issuers,
            certificate: self.certificate,
            providers: self.providers,
            provider_source: self.provider_source,
            metrics: self.metrics,
            policies,
            referenced_files: self.referenced_files,
        };
        let management = self.management.handle();
        let (served, _, (), (), (), (), (), (), (), begun) = tokio::join!(
            async {
                let served = listener::until_ended(self.public, &draining).await;
                management.stop(false).await;
                served
            },
            self.management,
            watched.until(self.draining.begun()),
            refusals::write_until(&gateway, &draining, LAST_WRITES_MAX),
            indexing::fill_until(&self.audit, &draining),
            recording::write_until(&mut self.people, &metrics, &draining),
            archiving::keep_until(accepted, self.audit.database(), &draining, LAST_WRITES_MAX),
            own_identity::keep_identified(&gateway, &draining),
            published::keep_compared(
                issuers.published.as_deref(),
                &issuers.tokens,
                (&metrics, &*self.entropy),
                &draining,
            ),
            draining.begun().map(|()| Instant::now()),
        );
        // Requests of clients that disconnected are not counted by the server, but their work must complete.
        let finished = timeout_at(
            begun + DRAIN_DELAY + listener::DRAIN,
            self.pending_work.finished(),
        );
        if finished.await.is_err() {
            tracing::error!(
                "the shutdown timeout expired before all work completed; its outcome is not in the audit trail"
            );
        }
        refusals::write_last(&gateway, LAST_WRITES_MAX).await;
        recording::write_last(&mut self.people, &metrics, LAST_WRITES_MAX).await;
        if timeout(LAST_WRITES_MAX, self.audit.close()).await.is_err() {
            tracing::error!(
                "the audit trail could not be closed in time: its disk or database does not respond"
            );
        }
        served.context("the public listener failed")
    }
}
