//! The composition root: settings become adapters, adapters a gateway, the gateway a bound listener that is not yet
//! running. Nobody else constructs an adapter.

mod connections;
mod embedded;
mod gateway;
mod indexing;
mod issuers;
mod listener;
mod probe;
mod providers;
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
use tokio::time::{Instant, timeout, timeout_at};

use crate::audit::SqlAudit;
use crate::config::{Listen, Loaded, ProviderSource, Settings};
use crate::web::health::{self, Draining};
use crate::web::metrics::Metrics;
use crate::web::{PendingWork, Site};

use connections::Connections;
pub use embedded::TwoNames;
use gateway::{Parts, build_gateway};
use issuers::Issuers;
pub use probe::{PublicUrlFault, probe};
use providers::Providers;
use reload::Watched;
use tls::Certificate;

/// New connections are still taken for this long after a stop was asked for, while `/readyz` sends them elsewhere.
const LAST_CALL: Duration = Duration::from_secs(2);
/// How long the last summaries may take to be written, and again the trail to be closed; an end in order takes a moment.
const LAST_WRITES_MAX: Duration = Duration::from_secs(10);

/// What tests use instead of the clock, the random source and the listeners of this machine.
pub struct Overrides {
    /// Replaces the system clock.
    pub clock: Arc<dyn Clock>,
    /// Replaces the random source of the operating system.
    pub entropy: Arc<dyn Entropy>,
    /// A bound listener that replaces `listen.address`.
    pub public: Option<TcpListener>,
    /// A bound listener that replaces `listen.management`.
    pub management: Option<TcpListener>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            clock: Arc::new(crate::world::SystemClock),
            entropy: Arc::new(crate::world::SystemEntropy),
            public: None,
            management: None,
        }
    }
}

/// A gateway that listens but does not serve yet.
pub struct Bound {
    /// Where people come in.
    pub public_address: SocketAddr,
    /// Where probes come in.
    pub management_address: SocketAddr,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// What is counted.
    pub metrics: Metrics,
    issuers: Issuers,
    certificate: Option<Arc<Certificate>>,
    providers: Providers,
    provider_source: ProviderSource,
    audit: Arc<SqlAudit>,
    settings: Arc<Settings>,
    digest: String,
    referred: Vec<PathBuf>,
    draining: Draining,
    pending_work: PendingWork,
    public: HttpServerTask,
    management: HttpServerTask,
}

/// Stops a running gateway.
#[derive(Clone)]
pub struct Stopper {
    draining: Draining,
    public: ServerHandle,
}

impl Stopper {
    /// Says by `/readyz` that the end is near, waits until balancers have heard, then stops.
    pub async fn drain_and_stop(&self) {
        self.draining.begin();
        tokio::time::sleep(LAST_CALL).await;
        self.stop().await;
    }

    /// Takes no more connections and lets what was accepted finish.
    pub async fn stop(&self) {
        self.draining.begin();
        self.public.stop(true).await;
    }
}

/// The gateway over the configured store, for a command that is run beside the gateway, and the trail, to be closed at the end.
///
/// # Errors
/// With what could not be built or opened.
pub async fn gateway_for_cli(loaded: Loaded) -> anyhow::Result<(Gateway, Arc<SqlAudit>)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Overrides { clock, entropy, .. } = Overrides::default();
    let issuers = Issuers::open(&loaded.settings, &clock, &entropy)?;
    embedded::refuse_two_names(&loaded.settings)?;
    let audit = SqlAudit::open(&loaded.settings.database, clock.as_ref(), entropy.as_ref());
    let audit = Arc::new(audit.await.context("[database]")?);
    let providers = Providers::open(&loaded.settings, clock.clone(), entropy.clone())?;
    let parts = Parts {
        clock,
        entropy,
        issuers,
        audit: audit.clone(),
        providers: providers.adapters(),
    };
    let gateway = build_gateway(&loaded.settings, loaded.access.policy, parts).await?;
    Ok((gateway, audit))
}

/// Builds every adapter, opens the store and the audit trail, and binds both listeners.
///
/// # Errors
/// With what could not be built, opened or bound, and what to do about it.
pub async fn bind(loaded: Loaded, overrides: Overrides) -> anyhow::Result<Bound> {
    // Two crypto providers would be a choice at random; this is the one for every TLS connection. A second call fails
    // and changes nothing, as in tests with several gateways in one process.
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
    } = overrides;
    let issuers = Issuers::open(&settings, &clock, &entropy)?;
    issuers.suffice(&access.policy)?;
    let providers = Providers::open(&settings, clock.clone(), entropy.clone())?;
    embedded::refuse_two_names(&settings)?;
    let audit = Arc::new(
        SqlAudit::open(&settings.database, clock.as_ref(), entropy.as_ref())
            .await
            .context("[database]")?,
    );
    let gateway = Arc::new(
        build_gateway(
            &settings,
            access.policy,
            Parts {
                clock,
                entropy,
                issuers: issuers.clone(),
                audit: audit.clone(),
                providers: providers.adapters(),
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
    Ok(Bound {
        public_address: public.local_addr()?,
        management_address: management.local_addr()?,
        public: listener::serve(public, site.clone(), tls, connections)?,
        management: serve_management(management, site, draining.clone())?,
        settings: Arc::new(settings),
        gateway,
        metrics,
        issuers,
        audit,
        certificate,
        providers,
        provider_source,
        digest,
        referred: access.referred,
        draining,
        pending_work,
    })
}

/// A listener's address is taken, not ours, or not allowed.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct CannotListen {
    address: SocketAddr,
    key: &'static str,
    source: std::io::Error,
}

impl CannotListen {
    /// What to do next.
    pub fn hint(&self) -> String {
        format!(
            "another program may be listening there: stop it, or change {}",
            self.key
        )
    }
}

fn listen(address: SocketAddr, key: &'static str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|source| {
        anyhow::Error::from(CannotListen {
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

impl Bound {
    /// A handle that stops the gateway once it runs.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            draining: self.draining.clone(),
            public: self.public.handle(),
        }
    }

    /// Serves until it is stopped; then writes down what is still on its way to the audit trail.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(self) -> anyhow::Result<()> {
        if let Err(error) = self
            .gateway
            .entitlements()
            .record_load(self.digest.clone())
            .await
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the configuration load could not be audited; nothing is issued until the audit trail answers"
            );
        }
        self.metrics.policy_load(true);
        let (gateway, draining) = (self.gateway.clone(), self.draining.clone());
        let watched = Watched {
            gateway: self.gateway,
            settings: self.settings,
            issuers: self.issuers,
            certificate: self.certificate,
            providers: self.providers,
            provider_source: self.provider_source,
            metrics: self.metrics,
            referred: self.referred,
        };
        let management = self.management.handle();
        let (served, _, (), (), (), begun) = tokio::join!(
            async {
                let served = listener::until_ended(self.public, &draining).await;
                management.stop(false).await;
                served
            },
            self.management,
            watched.until(self.draining.begun()),
            refusals::write_until(&gateway, &draining, LAST_WRITES_MAX),
            indexing::fill_until(&self.audit, &draining),
            draining.begun().map(|()| Instant::now()),
        );
        // Callers who hung up are no requests under way, but what was begun for them has an outcome.
        let finished = timeout_at(
            begun + LAST_CALL + listener::DRAIN,
            self.pending_work.finished(),
        );
        if finished.await.is_err() {
            tracing::error!(
                "work was still under way when the time to stop was over; its outcome is not in the audit trail"
            );
        }
        refusals::write_last(&gateway, LAST_WRITES_MAX).await;
        if timeout(LAST_WRITES_MAX, self.audit.close()).await.is_err() {
            tracing::error!(
                "the audit trail was not closed in time: its disk or database does not answer"
            );
        }
        served.context("the listener failed")
    }
}
