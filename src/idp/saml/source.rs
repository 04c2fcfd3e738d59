//! Where trust in a provider comes from: a file that was read with the configuration, or an address.

use std::sync::Arc;

use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;

use super::metadata::RemoteMetadata;
use super::settings::{MetadataSource, SamlSettings};
use super::trust::SamlTrust;
use crate::idp::http::HttpClient;

/// A provider's metadata, wherever it is.
pub enum Source {
    /// Read once; it changes with the configuration.
    Fixed(Arc<SamlTrust>, Arc<dyn Clock>),
    /// Fetched in turn.
    Remote(Box<RemoteMetadata>),
}

impl Source {
    /// Where the settings say; fetches nothing.
    pub fn new(settings: &SamlSettings, http: HttpClient, clock: Arc<dyn Clock>) -> Self {
        match &settings.metadata {
            MetadataSource::File(trust) => Self::Fixed(Arc::clone(trust), clock),
            MetadataSource::Url { url, refresh } => {
                let options = settings.options.clone();
                let remote = RemoteMetadata::new(http, url.clone(), *refresh, options, clock);
                Self::Remote(Box::new(remote))
            }
        }
    }

    /// The trust of today.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn trust(&self) -> Result<Arc<SamlTrust>, ProviderError> {
        match self {
            Self::Fixed(trust, clock) => {
                trust.still_valid(clock.now())?;
                Ok(Arc::clone(trust))
            }
            Self::Remote(remote) => remote.trust().await,
        }
    }

    /// Newer trust than this, because it did not do; none where there is no newer.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn newer_than(
        &self,
        seen: &Arc<SamlTrust>,
    ) -> Result<Option<Arc<SamlTrust>>, ProviderError> {
        match self {
            Self::Fixed(..) => Ok(None),
            Self::Remote(remote) => remote.newer_than(seen).await,
        }
    }
}
