//! The floor of the portal: an actix handler that does nothing but send bytes it was given.

use std::io;
use std::net::SocketAddr;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::http::Answer;

/// A server with as many workers as the gateway has. Ends when dropped.
pub struct BareHandler {
    /// Where it listens.
    pub address: SocketAddr,
    _running: JoinSet<io::Result<()>>,
}

struct Sent {
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl BareHandler {
    /// Sends what this answer says, headers and all.
    pub fn start(answer: &Answer<'_>) -> anyhow::Result<Self> {
        // The server adds these itself.
        let own = ["content-length", "date", "connection", "transfer-encoding"];
        let headers = answer
            .headers()
            .filter(|(name, _)| !own.contains(&name.to_ascii_lowercase().as_str()));
        let sent = Data::new(Sent {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: Bytes::copy_from_slice(answer.body),
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
            address: address.context("the bare handler listens nowhere")?,
            _running: running,
        })
    }
}

async fn send(sent: Data<Sent>) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::OK);
    for (name, value) in &sent.headers {
        response.insert_header((name.as_str(), value.as_str()));
    }
    response.body(sent.body.clone())
}
