//! The documents that the address in `[issuer] url` serves, which AWS fetches instead of the gateway's own: fetched as
//! configured in `[egress]`, and compared with the keys of this installation.
//!
//! Redirects are not followed, and the size and the time of a response are limited, as for identity providers.

mod watch;

use std::sync::atomic::{AtomicBool, Ordering};

use rolecall_core::base::Entropy;
use url::Url;

use crate::aws::{Comparison, DISCOVERY_PATH, Difference, IssuerDocuments, JWKS_PATH};
use crate::egress::Egress;
use crate::idp::HttpClient;
use crate::idp::http::HttpError;

pub use watch::keep_compared;

/// A client for the documents below the URL of an issuer.
#[derive(Debug)]
pub struct PublishedDocuments {
    http: HttpClient,
    issuer: Url,
    /// Whether the last comparison found a difference, or could not be made.
    differs: AtomicBool,
}

/// A document cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{url} cannot be fetched: {source}")]
pub struct UnreachableDocument {
    url: Url,
    source: HttpError,
}

impl UnreachableDocument {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        match &self.source {
            HttpError::Redirect { .. } => {
                "serve the document at this URL itself: AWS is not known to follow redirects"
            }
            HttpError::Status { .. } => {
                "run `rolecalld keys publish`, upload both documents, and allow everybody to read them; S3 returns 403 for a missing object"
            }
            HttpError::ContentType { .. } | HttpError::TooLarge(_) => {
                "this is not the document of `rolecalld keys publish`: upload it, with the content type application/json"
            }
            HttpError::Refused(_) | HttpError::LocalDestination(_) => {
                "correct `url` in [issuer]: it must be a public address"
            }
            HttpError::Connect { .. } | HttpError::Timeout(_) | HttpError::Broken { .. } => {
                "AWS fetches the document at this URL from the internet, by https with a certificate of a public authority; if only this host cannot reach it, see [egress]"
            }
        }
    }
}

/// A difference between the served documents and this installation.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DifferentDocument(pub Difference);

impl DifferentDocument {
    /// The next step for the operator.
    pub fn hint(&self) -> &'static str {
        self.0.hint()
    }
}

impl PublishedDocuments {
    /// A client for the documents of this issuer.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(issuer: Url, egress: &Egress) -> Result<Self, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            http: HttpClient::new(egress)?,
            issuer,
            differs: AtomicBool::new(false),
        })
    }

    /// Whether the last comparison found a difference, or could not be made.
    pub fn differs(&self) -> bool {
        self.differs.load(Ordering::Relaxed)
    }

    /// Fetches both documents and compares them with these.
    ///
    /// # Errors
    /// If a document cannot be fetched.
    pub async fn compare(&self, own: &IssuerDocuments) -> Result<Comparison, UnreachableDocument> {
        let discovery = self.fetch(DISCOVERY_PATH).await?;
        let jwks = self.fetch(JWKS_PATH).await?;
        Ok(own.compare(&discovery, &jwks))
    }

    async fn fetch(&self, path: &str) -> Result<Vec<u8>, UnreachableDocument> {
        let mut url = self.issuer.clone();
        url.set_path(&format!(
            "{}{path}",
            self.issuer.path().trim_end_matches('/')
        ));
        let fetched = self.http.get_json(&url).await;
        fetched.map_err(|source| UnreachableDocument { url, source })
    }
}

/// Up to a fifth more than `seconds`, so that replicas that were started together do not stay together.
fn spread(seconds: u64, entropy: &dyn Entropy) -> std::time::Duration {
    let mut random = [0];
    entropy.fill(&mut random);
    let more = seconds * 1_000 / 5 * u64::from(random[0]) / u64::from(u8::MAX);
    std::time::Duration::from_millis(seconds * 1_000 + more)
}
