//! The public listener: HTTP/1.1 over TCP or TLS. It does not use `HttpServer`, because connections are counted before
//! their TLS handshake.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use actix_http::body::BoxBody;
use actix_http::{HttpServiceBuilder, Request, Response};
use actix_service::{IntoServiceFactory as _, Service, ServiceFactory, ServiceFactoryExt as _};
use actix_service::{apply_fn_factory, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use rustls::ServerConfig;

use super::connections::Connections;
use crate::web::health::Draining;
use crate::web::{self, Site};

/// Time limit for completing accepted requests after a stop.
pub(super) const DRAIN: Duration = Duration::from_secs(25);
/// Time limit for receiving a request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for a client to read the response when a connection is closed.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECTIONS_PER_WORKER_MAX: usize = 10_000;
/// Upper limit of concurrent TLS handshakes, each of which can take three seconds. It equals the connection limit, so
/// that silent clients cannot block more handshakes than connections.
const HANDSHAKES_PER_WORKER_MAX: usize = CONNECTIONS_PER_WORKER_MAX;

/// Serves `site` on `listener`, with TLS if configured.
///
/// # Errors
/// If the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    site: Data<Site>,
    tls: Option<ServerConfig>,
    connections: Arc<Connections>,
) -> io::Result<Server> {
    actix_tls::accept::max_concurrent_tls_connect(HANDSHAKES_PER_WORKER_MAX);
    let builder = Server::build()
        .max_concurrent_connections(CONNECTIONS_PER_WORKER_MAX)
        .shutdown_timeout(DRAIN.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let stopping = move || {
        let stopping = stopping.clone();
        async move { stopping.notified().await }
    };
    let app = move || {
        let app = App::new()
            .app_data(site.clone())
            .wrap(from_fn(web::guard))
            .configure(web::routes)
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        map_config(app, |()| AppConfig::default())
    };
    let builder = match tls {
        None => builder.listen("public", listener, move || {
            let http = http(stopping.clone(), address).finish(app());
            bounded(http.tcp(), connections.clone())
        })?,
        Some(config) => builder.listen("public", listener, move || {
            let http = http(stopping.clone(), address).finish(app());
            bounded(http.rustls_0_23(config.clone()), connections.clone())
        })?,
    };
    Ok(builder.run())
}

/// Configures HTTP: timeouts, and no keep-alive once `stopping` completes.
fn http<T, S, F>(
    stopping: impl Fn() -> F + 'static,
    address: SocketAddr,
) -> HttpServiceBuilder<T, S>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    <S::Service as Service<Request>>::Future: 'static,
    F: Future<Output = ()> + 'static,
{
    HttpServiceBuilder::default()
        .graceful_shutdown_signal(stopping)
        .keep_alive(KEEP_ALIVE)
        // If the client disconnects, the request is dropped; the audit trail records this for credentials.
        .h1_allow_half_closed(false)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .local_addr(address)
}

/// Closes connections of an address that has reached its limit before reading from them.
fn bounded<F>(
    service: F,
    connections: Arc<Connections>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = F::Error, InitError = F::InitError>
where
    F: ServiceFactory<TcpStream, Config = (), Response = ()>,
{
    apply_fn_factory(service, move |stream: TcpStream, service: &F::Service| {
        let peer = stream.peer_addr().ok();
        let counted = peer.and_then(|peer| connections.accept(peer.ip()));
        let served = counted.map(|counted| (service.call(stream), counted));
        async move {
            match served {
                Some((served, _counted)) => served.await,
                None => Ok(()),
            }
        }
    })
}

/// Waits for the public listener. If it ends unexpectedly, the whole server ends.
///
/// # Errors
/// The error of the listener, or that it ended unexpectedly.
pub async fn until_ended<T, E: Into<anyhow::Error>>(
    listener: impl Future<Output = Result<T, E>>,
    draining: &Draining,
) -> anyhow::Result<T> {
    let ended = listener.await.map_err(Into::into);
    let was_asked = draining.has_begun();
    draining.begin();
    anyhow::ensure!(
        was_asked || ended.is_err(),
        "the public listener ended unexpectedly"
    );
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listener_that_ends_unexpectedly_is_an_error() {
        let draining = Draining::default();
        let ends = || async { Ok::<_, std::io::Error>(7) };
        let ended = until_ended(ends(), &draining);
        let waiting = Duration::from_secs(5);
        let both = tokio::time::timeout(waiting, async { tokio::join!(ended, draining.begun()) });
        let (ended, ()) = both.await.unwrap();
        assert_eq!(
            ended.unwrap_err().to_string(),
            "the public listener ended unexpectedly"
        );
        assert_eq!(
            until_ended(ends(), &draining).await.unwrap(),
            7,
            "a requested stop is not an error"
        );
    }
}
