//! TLS of our own: certificate and key from PEM files, TLS 1.2 and 1.3. Both are read again when they change.

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

/// The certificate of this moment.
pub struct Certificate {
    files: Tls,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, holds nothing usable, or the two do not belong together.
    pub fn open(files: &Tls) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(read(files)?),
            files: files.clone(),
        }))
    }

    /// Reads the files again; connections from now on get what they hold.
    ///
    /// # Errors
    /// As [`Self::open`], and when the key has become open to everybody; the old certificate stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        if let Some(complaint) = config::complaint(&self.files.key) {
            anyhow::bail!(complaint);
        }
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Where it is read from.
    pub fn files(&self) -> [PathBuf; 2] {
        [self.files.certificate.clone(), self.files.key.clone()]
    }

    /// What a listener speaks TLS with.
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
        .with_context(|| format!("the certificate {shown} cannot be read as PEM"))?;
    anyhow::ensure!(!chain.is_empty(), "there is no certificate in {shown}");
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("the key {} cannot be read as PEM", files.key.display()))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .with_context(|| format!("the certificate {shown} and its key do not belong together"))
}
