//! The issuers' keys, as IAM gets them: discovery document, then JWKS, over HTTP, kept for an hour.
//!
//! A key without `kid` or `alg` is no key, nor is any past the hundredth; an unknown `kid` fetches once more.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::error::AwsError;
use super::keys::{Jwk, Key};

const KEPT: TimeDelta = TimeDelta::hours(1);
const DOCUMENT_LIMIT: usize = 1 << 20;
const KEYS_READ: usize = 100;

/// The keys of one issuer by `kid`, and when they were fetched.
struct KeySet {
    fetched: DateTime<Utc>,
    keys: HashMap<String, Arc<Key>>,
}

/// Why an issuer's keys could not be had.
enum Unavailable {
    /// No connection, or no answer in time.
    Unreachable,
    /// An answer that is of no use.
    Unusable(anyhow::Error),
}

/// The key sets of all issuers.
pub(super) struct KeyCache {
    http: reqwest::Client,
    sets: RwLock<HashMap<String, Arc<KeySet>>>,
    /// One fetch at a time: who waited for another's fetch looks at its result first.
    fetching: tokio::sync::Mutex<()>,
}

impl KeyCache {
    /// A cache that fetches over `http`, and over `https` from whom this authority vouches for.
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

    /// The key `kid` of `issuer`.
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
        let meanwhile = self
            .set(issuer)
            .filter(|set| before.as_ref().is_none_or(|b| !Arc::ptr_eq(b, set)));
        if let Some(key) = meanwhile.and_then(|set| fresh_key(&set, kid, now)) {
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
                    "the issuer's keys are of no use"
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
                "the discovery document names another issuer"
            )));
        }
        let jwks: Jwks = serde_json::from_slice(&self.get(&discovery.jwks_uri).await?)
            .context("JWKS")
            .map_err(Unavailable::Unusable)?;
        let mut keys = HashMap::new();
        for value in jwks.keys.into_iter().take(KEYS_READ) {
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
                    "a key is passed over"
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
                "{url} answered {}",
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
                return Err(Unavailable::Unusable(anyhow::anyhow!("{url} is too long")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn fresh_key(set: &KeySet, kid: &str, now: DateTime<Utc>) -> Option<Arc<Key>> {
    (now - set.fetched < KEPT)
        .then(|| set.keys.get(kid).cloned())
        .flatten()
}
