//! An actix-web server on loopback, on a thread of its own, that ends with its handle.
//!
//! It may be started anywhere, inside a tokio test too: it brings its own runtime and shares nothing with the caller's.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use anyhow::{Context, Result};

/// A server that is listening. Dropping it closes the listener and every connection.
pub struct LocalServer {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl LocalServer {
    /// Listens on 127.0.0.1, on `port`, or on one that the system picks when it is 0. It answers before this returns.
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
        let address = address.context("the server is bound to no address")?;
        Ok(Self {
            address,
            handle,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        // The order to stop is sent at once; the future only waits for it.
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
    async fn it_answers_until_it_is_dropped() -> Result<()> {
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
