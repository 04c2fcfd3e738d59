//! The certificates that the issuer sends, for the thumbprints of OIDC providers.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use openssl::hash::{MessageDigest, hash};
use rolecall_core::base::BoxError;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use url::Url;

use crate::egress::{AddressClass, Egress};

/// Time limit for a connection, and for each read and write.
const TIMEOUT: Duration = Duration::from_secs(5);

/// SHA-1 thumbprints of the certificates that the server at this URL sends, leaf first. Blocks.
///
/// # Errors
/// If the server is reached through a proxy, or its certificate is not valid.
pub fn served(url: &Url, egress: &Egress) -> Result<Vec<String>, BoxError> {
    if egress.proxy_for(url).is_some() {
        return Err("the issuer is reached through the proxy".into());
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = address(host, url.port_or_known_default().unwrap_or(443))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let config = ClientConfig::builder()
        .with_root_certificates(trusted(egress)?)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(chain.iter().filter_map(|der| thumbprint(der)).collect())
}

/// The first address of the host that may be called.
fn address(host: &str, port: u16) -> Result<SocketAddr, BoxError> {
    let mut addresses = (host, port).to_socket_addrs()?;
    let found = addresses.find(|one| AddressClass::of(one.ip()) != AddressClass::Blocked);
    found.ok_or_else(|| "the host has no address that may be called".into())
}

fn trusted(egress: &Egress) -> Result<RootCertStore, BoxError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for bundle in egress.ca_certificates() {
        for certificate in CertificateDer::pem_slice_iter(bundle.pem().as_bytes()) {
            store.add(certificate?)?;
        }
    }
    Ok(store)
}

fn thumbprint(der: &[u8]) -> Option<String> {
    let digest = hash(MessageDigest::sha1(), der).ok()?;
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
