//! Ports for programs that cannot select a port themselves.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::net::TcpSocket;

/// Ports of loopback that are reserved as long as this exists.
///
/// A socket is bound to each port and does not listen: connections are refused, and the kernel assigns the port to no other
/// process that asks for any port. A server with `SO_REUSEADDR`, as nearly all set it, can listen on it.
#[derive(Debug)]
pub struct Ports<const N: usize> {
    numbers: [u16; N],
    _held: Vec<TcpSocket>,
}

impl<const N: usize> Ports<N> {
    /// Reserves different ports.
    ///
    /// # Errors
    /// If no port is free.
    pub fn reserve() -> Result<Self> {
        let mut held = Vec::with_capacity(N);
        let mut numbers = [0; N];
        for number in &mut numbers {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket
                .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
                .context("no free port on loopback")?;
            *number = socket.local_addr()?.port();
            held.push(socket);
        }
        Ok(Self {
            numbers,
            _held: held,
        })
    }

    /// The numbers of the ports.
    pub fn numbers(&self) -> [u16; N] {
        self.numbers
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn only_a_server_that_names_the_port_gets_it() -> Result<()> {
        let ports = Ports::<2>::reserve()?;
        let [port, other] = ports.numbers();
        assert_ne!(port, other);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        for _ in 0..2 {
            let server = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err());
            drop(server);
        }
        // More than there are ports to assign.
        for _ in 0..70_000 {
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            assert!(!ports.numbers().contains(&any.local_addr()?.port()));
        }
        Ok(())
    }
}
