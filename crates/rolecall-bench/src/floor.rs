//! The floor of the portal page: an actix handler that sends a fixed response.

use std::io;
use std::net::SocketAddr;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::http::Response;

/// A server with as many workers as the gateway. Dropping it stops the server.
pub struct BareHandler {
    /// Address of the listener.
    pub address: SocketAddr,
    _running: JoinSet<io::Result<()>>,
}

struct FixedResponse {
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl BareHandler {
    /// Starts a server that sends this response with its headers.
    pub fn start(response: &Response<'_>) -> anyhow::Result<Self> {
        // The server adds these headers itself.
        let added_by_server = ["content-length", "date", "connection", "transfer-encoding"];
        let headers = response
            .headers()
            .filter(|(name, _)| !added_by_server.contains(&name.to_ascii_lowercase().as_str()));
        let sent = Data::new(FixedResponse {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: Bytes::copy_from_slice(response.body),
        });
        let app = move || {
            App::new()
                .app_data(sent.clone())
                .route("/", web::get().to(send))
        };
        let server = HttpServer::new(app)
            .disable_signals()
            .bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().copied();
        let mut running = JoinSet::new();
        running.spawn(server.run());
        Ok(Self {
            address: address.context("the server has no address")?,
            _running: running,
        })
    }
}

async fn send(sent: Data<FixedResponse>) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::OK);
    for (name, value) in &sent.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    response.body(sent.body.clone())
}
