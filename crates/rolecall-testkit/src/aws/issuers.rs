//! Keys of issuers, fetched as IAM does: discovery document, then JWKS, cached for one hour.
//!
//! Keys without `kid` or `alg` and keys after the first 100 are ignored. An unknown `kid` causes another fetch.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::error::AwsError;
use super::keys::{Jwk, Key};

const CACHE_TTL: TimeDelta = TimeDelta::hours(1);
const DOCUMENT_LIMIT: usize = 1 << 20;
const KEYS_MAX: usize = 100;

/// Keys of an issuer by `kid`, and when they were fetched.
struct KeySet {
    fetched: DateTime<Utc>,
    keys: HashMap<String, Arc<Key>>,
}

/// Why the keys of an issuer are not available.
enum Unavailable {
    /// No connection, or no response before the timeout.
    Unreachable,
    /// The response is not a valid document.
    Unusable(anyhow::Error),
}

/// Cache of the keys of all issuers.
pub(super) struct KeyCache {
    http: reqwest::Client,
    sets: RwLock<HashMap<String, Arc<KeySet>>>,
    /// Serializes fetches. A request that waited for another's fetch uses its result.
    fetching: tokio::sync::Mutex<()>,
}

impl KeyCache {
    /// A cache for `http` issuers, and for `https` issuers with a certificate of `authority`.
    pub fn new(authority: Option<&[u8]>) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder();
        if let Some(pem) = authority {
            builder = builder.add_root_certificate(reqwest::Certificate::from_pem(pem)?);
        }
        let http = builder
            .tls_built_in_root_certs(false)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(KeyCache {
            http,
            sets: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the key `kid` of `issuer`.
    pub async fn key(
        &self,
        issuer: &str,
        kid: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Key>, AwsError> {
        let before = self.set(issuer);
        if let Some(key) = before.as_ref().and_then(|set| fresh_key(set, kid, now)) {
            return Ok(key);
        }
        let _turn = self.fetching.lock().await;
        let fetched_meanwhile = self
            .set(issuer)
            .filter(|set| before.as_ref().is_none_or(|b| !Arc::ptr_eq(b, set)));
        if let Some(key) = fetched_meanwhile.and_then(|set| fresh_key(&set, kid, now)) {
            return Ok(key);
        }
        match self.fetch(issuer).await {
            Ok(keys) => {
                let set = Arc::new(KeySet { fetched: now, keys });
                self.sets
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(issuer.to_owned(), Arc::clone(&set));
                fresh_key(&set, kid, now).ok_or_else(AwsError::no_verification_key)
            }
            Err(Unavailable::Unreachable) => Err(AwsError::idp_unreachable()),
            Err(Unavailable::Unusable(reason)) => {
                tracing::debug!(
                    issuer,
                    reason = format!("{reason:#}"),
                    "the issuer's keys cannot be used"
                );
                Err(AwsError::no_verification_key())
            }
        }
    }

    fn set(&self, issuer: &str) -> Option<Arc<KeySet>> {
        self.sets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(issuer)
            .cloned()
    }

    async fn fetch(&self, issuer: &str) -> Result<HashMap<String, Arc<Key>>, Unavailable> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
            // Required by OpenID Connect Discovery 1.0 section 3; their content does not matter to IAM.
            #[serde(rename = "response_types_supported")]
            _response_types: Vec<String>,
            #[serde(rename = "subject_types_supported")]
            _subject_types: Vec<String>,
            #[serde(rename = "id_token_signing_alg_values_supported")]
            _algs: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<serde_json::Value>,
        }
        let document = self
            .get(&format!(
                "{}/.well-known/openid-configuration",
                issuer.trim_end_matches('/')
            ))
            .await?;
        let discovery: Discovery = serde_json::from_slice(&document)
            .context("discovery document")
            .map_err(Unavailable::Unusable)?;
        if discovery.issuer != issuer {
            return Err(Unavailable::Unusable(anyhow::anyhow!(
                "the discovery document has a different issuer"
            )));
        }
        let jwks: Jwks = serde_json::from_slice(&self.get(&discovery.jwks_uri).await?)
            .context("JWKS")
            .map_err(Unavailable::Unusable)?;
        let mut keys = HashMap::new();
        for value in jwks.keys.into_iter().take(KEYS_MAX) {
            let read = serde_json::from_value::<Jwk>(value)
                .map_err(anyhow::Error::from)
                .and_then(|jwk| Ok((jwk.kid.clone().context("no kid")?, Key::read(&jwk)?)));
            match read {
                Ok((kid, key)) => {
                    keys.insert(kid, Arc::new(key));
                }
                Err(reason) => tracing::debug!(
                    issuer,
                    reason = format!("{reason:#}"),
                    "a key of the issuer is ignored"
                ),
            }
        }
        Ok(keys)
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, Unavailable> {
        let mut response =
            self.http
                .get(url)
                .send()
                .await
                .map_err(|error| match error.is_builder() {
                    true => Unavailable::Unusable(error.into()),
                    false => Unavailable::Unreachable,
                })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(Unavailable::Unusable(anyhow::anyhow!(
                "{url} returned {}",
                response.status()
            )));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|_| Unavailable::Unreachable)?
        {
            if body.len() + chunk.len() > DOCUMENT_LIMIT {
                return Err(Unavailable::Unusable(anyhow::anyhow!(
                    "the document at {url} is too large"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn fresh_key(set: &KeySet, kid: &str, now: DateTime<Utc>) -> Option<Arc<Key>> {
    (now - set.fetched < CACHE_TTL)
        .then(|| set.keys.get(kid).cloned())
        .flatten()
}
