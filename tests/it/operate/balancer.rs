//! A stateless load balancer: each connection goes to the next of the current gateways.
//!
//! All replicas are reached through it, which shows that no stickiness is needed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Listens on loopback; stops when dropped.
pub struct Balancer {
    address: SocketAddr,
    gateways: Arc<Mutex<Vec<SocketAddr>>>,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// Starts without gateways: connections are closed.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let gateways = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(
            TcpListener::from_std(listener)?,
            Arc::clone(&gateways),
        ));
        Ok(Self {
            address,
            gateways,
            _tasks: tasks,
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Distributes new connections to these gateways.
    pub fn lead_to(&self, gateways: &[SocketAddr]) {
        *self.gateways.lock().unwrap_or_else(PoisonError::into_inner) = gateways.to_vec();
    }
}

async fn serve(listener: TcpListener, gateways: Arc<Mutex<Vec<SocketAddr>>>) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let gateway = {
            let gateways = gateways.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            gateways.get(turn % gateways.len().max(1)).copied()
        };
        let Some(gateway) = gateway else { continue };
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(gateway).await {
                // If one side closes the connection, the other side sees the end of its stream.
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
