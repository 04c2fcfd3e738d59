//! A forward proxy on loopback with CONNECT tunnels (RFC 9110 9.3.6), and a TLS server in front of an HTTP server.
//!
//! The proxy resolves hosts with a table, so that a server on loopback can have any name.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::CertificateAuthority;
use crate::lock;

/// Settings of a [`Proxy`].
#[derive(Clone, Default)]
pub struct ProxySettings {
    /// Required username and password, if any.
    pub credentials: Option<(String, String)>,
    /// Addresses of the reachable hosts.
    pub hosts: HashMap<String, SocketAddr>,
}

/// A running proxy. Dropping it stops the proxy.
pub struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<(String, u16)>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on any free port.
    pub fn start(settings: ProxySettings) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::<Mutex<Vec<(String, u16)>>>::default();
        let ended = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("testkit-proxy".to_owned())
            .spawn({
                let (requests, ended) = (Arc::clone(&requests), Arc::clone(&ended));
                move || {
                    for client in listener.incoming() {
                        if ended.load(Ordering::SeqCst) {
                            break;
                        }
                        let (settings, requests) = (settings.clone(), Arc::clone(&requests));
                        if let Ok(client) = client {
                            std::thread::spawn(move || drop(serve(client, &settings, &requests)));
                        }
                    }
                }
            })?;
        Ok(Self {
            address,
            requests,
            ended,
            thread: Some(thread),
        })
    }

    /// URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The target (`HOST:PORT`) and the status code of all requests.
    pub fn requests(&self) -> Vec<(String, u16)> {
        lock(&self.requests).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(
    client: TcpStream,
    settings: &ProxySettings,
    requests: &Mutex<Vec<(String, u16)>>,
) -> Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or_else(|| line.trim())
        .to_owned();
    let mut authorization = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("proxy-authorization")
        {
            authorization = Some(value.trim().to_owned());
        }
    }
    let expected = settings
        .credentials
        .as_ref()
        .map(|(name, password)| format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
    let host = target.rsplit_once(':').map_or("", |(host, _)| host);
    let status = match settings.hosts.get(host) {
        _ if expected.is_some() && authorization != expected => 407,
        None => 502,
        Some(_) => 200,
    };
    lock(requests).push((target.clone(), status));
    let mut client = client;
    write!(client, "HTTP/1.1 {status} -\r\n\r\n")?;
    let Some(address) = settings.hosts.get(host).filter(|_| status == 200) else {
        client.shutdown(Shutdown::Both)?;
        return Ok(());
    };
    let upstream = TcpStream::connect(address)?;
    let (mut there, mut back) = (upstream.try_clone()?, upstream);
    let up = std::thread::spawn(move || {
        drop(copy(&mut reader, &mut there));
        drop(there.shutdown(Shutdown::Write));
    });
    drop(copy(&mut back, &mut client));
    drop(client.shutdown(Shutdown::Both));
    drop(up.join());
    Ok(())
}

/// A TLS server with a certificate of a private authority that forwards requests to an HTTP server.
pub struct TlsFront {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Starts a TLS server for `names` in front of `upstream`, an `http` origin on loopback.
    pub fn start(authority: &CertificateAuthority, names: &[&str], upstream: &str) -> Result<Self> {
        let certificate = authority.issue(names)?;
        let chain = vec![CertificateDer::from_pem_slice(
            &certificate.certificate_pem,
        )?];
        let key = PrivateKeyDer::from_pem_slice(&certificate.key_pem)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let upstream = web::Data::new(upstream.to_owned());
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("testkit-tls-front".to_owned())
            .spawn(move || {
                actix_web::rt::System::new().block_on(async move {
                    let app = move || {
                        App::new()
                            .app_data(upstream.clone())
                            .default_service(web::to(forward))
                    };
                    let bound = HttpServer::new(app)
                        .workers(1)
                        .disable_signals()
                        .shutdown_timeout(0)
                        .bind_rustls_0_23((Ipv4Addr::LOCALHOST, 0), tls);
                    match bound {
                        Ok(server) => {
                            let address = server.addrs().first().copied();
                            let server = server.run();
                            if send.send(Ok((address, server.handle()))).is_ok() {
                                drop(server.await);
                            }
                        }
                        Err(error) => drop(send.send(Err(error))),
                    }
                });
            })?;
        let (address, handle) = receive.recv().context("the server's thread ended")??;
        Ok(Self {
            address: address.context("the server is bound to no address")?,
            handle,
            thread: Some(thread),
        })
    }

    /// Address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn forward(
    upstream: web::Data<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match send_upstream(&upstream, &request, body).await {
        Ok(answer) => answer,
        Err(error) => HttpResponse::BadGateway().body(error.to_string()),
    }
}

async fn send_upstream(
    upstream: &str,
    request: &HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let url = format!("{upstream}{}", request.uri());
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes())?;
    // Signatures of AWS cover the host and other headers.
    let host = request.connection_info().host().to_owned();
    let mut forwarded_request = reqwest::Client::new().request(method, url).body(body);
    forwarded_request = forwarded_request.header(HOST.as_str(), host);
    for (name, value) in request.headers() {
        if ![CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING].contains(name) {
            forwarded_request = forwarded_request.header(name.as_str(), value.as_bytes());
        }
    }
    let response = forwarded_request.send().await?;
    let mut forwarded = HttpResponse::build(StatusCode::from_u16(response.status().as_u16())?);
    if let Some(kind) = response.headers().get("content-type") {
        forwarded.insert_header((CONTENT_TYPE, kind.as_bytes()));
    }
    Ok(forwarded.body(response.bytes().await?))
}
