//! TLS of our own: certificate and key from PEM files, TLS 1.2 and 1.3.

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;

/// Reads the files.
///
/// # Errors
/// When one cannot be read, holds nothing usable, or the two do not belong together.
pub fn config(files: &Tls) -> anyhow::Result<ServerConfig> {
    let shown = files.certificate.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("the certificate {shown} cannot be read as PEM"))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("the key {} cannot be read as PEM", files.key.display()))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("the certificate {shown} and its key do not belong together"))
}
