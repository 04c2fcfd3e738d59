//! Metadata at an https URL: fetched regularly, and the last valid copy is used during outages.
//!
//! Fetched metadata is only adopted if it describes the same entity, has a signing certificate, the configured
//! signature, and has not expired.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rolecall_core::base::Clock;
use rolecall_core::sign_in::ProviderError;
use url::Url;

use super::aggregate::MetadataReader;
use super::trust::{InvalidMetadata, SamlTrust, TrustOptions};
use crate::idp::cache::{Cached, Fetch, FetchError, Lifetimes};
use crate::idp::http::{HttpClient, HttpError};

/// Maximum age of metadata without `validUntil` while its URL is not reachable: a long weekend.
const STALE_MAX: TimeDelta = TimeDelta::days(7);
/// How long a sign-in waits for newer metadata. The one of a federation can take a minute.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Metadata at a URL.
pub struct RemoteMetadata {
    http: HttpClient,
    url: Url,
    options: Arc<TrustOptions>,
    clock: Arc<dyn Clock>,
    kept: Arc<Cached<SamlTrust>>,
}

impl RemoteMetadata {
    /// Metadata that is fetched on first use and every `refresh`.
    pub fn new(
        http: HttpClient,
        url: Url,
        refresh: TimeDelta,
        options: TrustOptions,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let lifetimes = Lifetimes {
            fresh_for: refresh,
            stale_max: STALE_MAX.max(refresh),
            wait_max: WAIT_MAX,
        };
        Self {
            http,
            url,
            options: Arc::new(options),
            kept: Arc::new(Cached::new(Arc::clone(&clock), lifetimes)),
            clock,
        }
    }

    /// The current trust.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`], if there is none and none can be fetched, or it has expired.
    pub async fn trust(&self) -> Result<Arc<SamlTrust>, ProviderError> {
        let trust = self.kept.get(self.fetch()).await?;
        let Err(expired) = trust.still_valid(self.clock.now()) else {
            return Ok(trust);
        };
        let newer = self.kept.newer_than(&trust, self.fetch()).await?;
        newer.ok_or(expired)
    }

    /// Newer trust than `seen`, whose keys did not match; `None` if an unscheduled fetch is not allowed yet.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`].
    pub async fn newer_than(
        &self,
        seen: &Arc<SamlTrust>,
    ) -> Result<Option<Arc<SamlTrust>>, ProviderError> {
        Ok(self.kept.newer_than(seen, self.fetch()).await?)
    }

    fn fetch(&self) -> Fetch<'static, SamlTrust> {
        let (http, url, clock) = (self.http.clone(), self.url.clone(), Arc::clone(&self.clock));
        let (kept, options) = (Arc::clone(&self.kept), Arc::clone(&self.options));
        Box::pin(async move {
            let before = kept.last();
            let options = pinned(&options, before.as_deref().map(SamlTrust::entity_id));
            let mut reader = MetadataReader::new(&options);
            let reading = http.read_xml(&url, |piece| Ok(reader.take(piece)?));
            reading.await.map_err(|error| match error {
                MetadataFetchError::Http(error) => FetchError::Document {
                    what: "the metadata",
                    url: url.to_string(),
                    error,
                },
                MetadataFetchError::Invalid(error) => FetchError::Misconfigured(error.to_string()),
            })?;
            let trust = reader
                .finish()
                .and_then(|text| adoptable(&text, &options, clock.now()));
            trust.map_err(|error| FetchError::Misconfigured(error.to_string()))
        })
    }
}

/// Why metadata could not be fetched.
enum MetadataFetchError {
    Http(HttpError),
    Invalid(InvalidMetadata),
}

impl From<HttpError> for MetadataFetchError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<InvalidMetadata> for MetadataFetchError {
    fn from(error: InvalidMetadata) -> Self {
        Self::Invalid(error)
    }
}

/// The options for metadata that replaces the one of the entity `before`.
fn pinned(options: &TrustOptions, before: Option<&str>) -> TrustOptions {
    TrustOptions {
        entity_id: options.entity_id.clone().or(before.map(str::to_owned)),
        ..options.clone()
    }
}

/// Parses metadata that has not expired.
fn adoptable(
    text: &str,
    options: &TrustOptions,
    now: DateTime<Utc>,
) -> Result<SamlTrust, InvalidMetadata> {
    let trust = SamlTrust::parse(text, options)?;
    if trust.valid_until().is_some_and(|until| now >= until) {
        return Err(InvalidMetadata("validUntil has passed".to_owned()));
    }
    Ok(trust)
}

#[cfg(test)]
mod tests;
