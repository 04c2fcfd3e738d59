//! TLS of the public listener: certificate and key from PEM files, TLS 1.2 and 1.3. Both are reloaded when they change.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::{self, Tls};

/// The current certificate.
pub struct Certificate {
    files: Tls,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// If a file cannot be read or has no usable content, or if the key does not match the certificate.
    pub fn open(files: &Tls) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(read(files)?),
            files: files.clone(),
        }))
    }

    /// Reads the files again, for new connections.
    ///
    /// # Errors
    /// As [`Self::open`], and if the key file is accessible to all users; the previous certificate stays in use.
    pub fn reload(&self) -> anyhow::Result<()> {
        if let Some(secret_file_error) = config::secret_file_error(&self.files.key) {
            anyhow::bail!(secret_file_error);
        }
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Paths of certificate and key.
    pub fn files(&self) -> [PathBuf; 2] {
        [self.files.certificate.clone(), self.files.key.clone()]
    }

    /// The TLS configuration of a listener.
    pub fn config(self: &Arc<Self>) -> ServerConfig {
        ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(self.clone())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = &self.files;
        f.debug_struct("Certificate").field("files", files).finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(files: &Tls) -> anyhow::Result<CertifiedKey> {
    let shown = files.certificate.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {shown} as PEM"))?;
    anyhow::ensure!(!chain.is_empty(), "{shown} does not contain a certificate");
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("cannot read the private key {} as PEM", files.key.display()))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .with_context(|| format!("the private key does not match the certificate {shown}"))
}
