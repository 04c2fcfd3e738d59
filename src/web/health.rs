//! The management listener: is it alive, is it ready, what has it counted. Never on the public address.

use actix_web::web::{Data, ServiceConfig, get};
use actix_web::{HttpResponse, Responder};
use std::sync::Arc;
use tokio::sync::watch;

use super::problem::Problem;
use super::site::Site;

/// Set once the gateway has been asked to stop: it answers what it has accepted and takes no more.
#[derive(Clone, Default)]
pub struct Draining(Arc<watch::Sender<bool>>);

impl Draining {
    /// From now on the gateway is not ready.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it has begun.
    pub async fn begun(&self) {
        // The sender lives as long as `self`, so waiting ends only when the value changes.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }

    fn has_begun(&self) -> bool {
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

async fn readyz(site: Data<Site>, draining: Data<Draining>) -> HttpResponse {
    if draining.has_begun() {
        return HttpResponse::ServiceUnavailable().body("draining\n");
    }
    match site.gateway.ready().await {
        Ok(()) => HttpResponse::Ok().body("ready\n"),
        Err((part, error)) => {
            let cause = Problem::from(error).causes.clone();
            tracing::warn!(part, cause, "not ready");
            HttpResponse::ServiceUnavailable().body(format!("{part} does not answer\n"))
        }
    }
}

async fn metrics(site: Data<Site>) -> HttpResponse {
    match site.metrics.text() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
