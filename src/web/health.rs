//! The management listener: liveness, readiness and metrics. Not available on the public address.

use actix_web::web::{Data, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse, Responder};
use rolecall_core::gateway::Health;
use rolecall_core::record::StoreError;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

use crate::web::site::Site;

/// Set when the gateway shuts down: it completes accepted requests and accepts no new ones.
#[derive(Clone, Default)]
pub struct Draining(Arc<watch::Sender<bool>>);

impl Draining {
    /// Starts draining: the gateway reports that it is not ready.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits until draining has started.
    pub async fn begun(&self) {
        // The sender lives as long as `self`, so waiting ends only when the value changes.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }

    /// Waits until draining started this long ago.
    pub async fn begun_for(&self, duration: Duration) {
        self.begun().await;
        tokio::time::sleep(duration).await;
    }

    /// Whether draining has started.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }
}

/// The management routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/livez", get().to(livez))
        .route("/readyz", get().to(readyz))
        .route("/metrics", get().to(metrics));
}

async fn livez() -> impl Responder {
    "alive\n"
}

/// Whether this replica should receive traffic; with `?full`, whether every dependency works.
async fn readyz(request: HttpRequest, site: Data<Site>, draining: Data<Draining>) -> HttpResponse {
    if draining.has_begun() {
        return HttpResponse::ServiceUnavailable().body("draining\n");
    }
    if request.query_string().split('&').any(|key| key == "full") {
        let differ = (site.settings.issuer_documents_differ)();
        return full_readiness(&site.gateway.health().await, differ);
    }
    match site.gateway.ready().await {
        Ok(()) => HttpResponse::Ok().body("ready\n"),
        Err((part, error)) => {
            report(part, &error);
            HttpResponse::ServiceUnavailable().body(format!("{part} does not work\n"))
        }
    }
}

fn full_readiness(health: &Health, issuer_documents_differ: bool) -> HttpResponse {
    let mut text = String::new();
    for (part, error) in health.faults() {
        report(part, error);
        text.push_str(&format!("{part} does not work\n"));
    }
    if !health.own_credentials {
        text.push_str("aws credentials do not work\n");
    }
    if issuer_documents_differ {
        text.push_str("the published issuer documents do not match\n");
    }
    match text.is_empty() {
        true => HttpResponse::Ok().body("ready\n"),
        false => HttpResponse::ServiceUnavailable().body(text),
    }
}

fn report(part: &str, error: &StoreError) {
    tracing::warn!(part, error = error as &dyn StdError, "not ready");
}

/// The metrics. The gauges of the store and the audit log are measured on each request.
async fn metrics(site: Data<Site>) -> HttpResponse {
    let health = site.gateway.health().await;
    let free = (site.settings.disk_free)();
    site.metrics
        .health(health.store.is_ok(), health.trail.is_ok(), free);
    match site.metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
