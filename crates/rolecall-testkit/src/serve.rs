//! An actix-web server on loopback, on its own thread.
//!
//! It has its own runtime, so that it can be started in any context, including in a tokio test.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use anyhow::{Context, Result};

/// A running server. Dropping it closes the listener and all connections.
pub struct LocalServer {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Starts a server on 127.0.0.1 and `port`; 0 selects any free port. It serves requests when this returns.
    pub fn start<F>(port: u16, routes: F) -> Result<Self>
    where
        F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("testkit-server".to_owned())
            .spawn(move || {
                actix_web::rt::System::new().block_on(async move {
                    let bound = HttpServer::new(move || App::new().configure(routes.clone()))
                        .workers(1)
                        .disable_signals()
                        .shutdown_timeout(0)
                        .bind((Ipv4Addr::LOCALHOST, port));
                    let bound = bound.map(|server| {
                        let address = server.addrs().first().copied();
                        (address, server.run())
                    });
                    match bound {
                        Ok((address, server)) => {
                            if send.send(Ok((address, server.handle()))).is_ok() {
                                drop(server.await);
                            }
                        }
                        Err(error) => drop(send.send(Err(error))),
                    }
                });
            })?;
        let (address, handle) = receive.recv().context("the server's thread ended")??;
        let address = address.context("the server has no address")?;
        Ok(Self {
            address,
            handle,
            thread: Some(thread),
        })
    }

    /// Address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Origin: `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // The command to stop is sent at once; the future only waits for completion.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{HttpResponse, web};

    #[tokio::test]
    async fn server_stops_when_dropped() -> Result<()> {
        let server = LocalServer::start(0, |routes| {
            routes.route(
                "/",
                web::get().to(|| async { HttpResponse::Ok().body("here") }),
            );
        })?;
        let (address, url) = (server.address(), server.url());
        assert_eq!(reqwest::get(&url).await?.text().await?, "here");
        drop(server);
        assert!(std::net::TcpStream::connect(address).is_err());
        Ok(())
    }
}
