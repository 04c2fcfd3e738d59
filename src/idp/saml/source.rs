//! The source of trust in a provider: a metadata file or URL.

use std::sync::Arc;

use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;

use super::metadata::RemoteMetadata;
use super::settings::{MetadataSource, SamlSettings};
use super::trust::SamlTrust;
use crate::idp::http::HttpClient;

/// The metadata of a provider.
pub enum ProviderMetadata {
    /// From a file, parsed with the configuration.
    Fixed(Arc<SamlTrust>, Arc<dyn Clock>),
    /// From a URL, fetched regularly.
    Remote(Box<RemoteMetadata>),
}

impl ProviderMetadata {
    /// The source in the settings; fetches nothing.
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

    /// The current trust.
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

    /// Newer trust than this, whose keys did not match; `None` if there is none.
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
