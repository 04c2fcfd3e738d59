//! The keys of an issuer, as IAM gets them: discovery document, then JWKS, over HTTP, kept for an hour.
//!
//! A key without `kid` or `alg` is no key, nor is any past the hundredth; an unknown `kid` fetches once more. Accepted are
//! RS256/384/512 and ES256/384/512 and nothing else, each only with the key that names it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use serde::Deserialize;

use super::refusal::Refusal;

const KEPT: TimeDelta = TimeDelta::hours(1);
const DOCUMENT_LIMIT: usize = 1 << 20;
const KEYS_READ: usize = 100;

enum Material {
    Rsa(PKey<Public>),
    /// The key and the bytes of each half of a signature.
    Ec(EcKey<Public>, usize),
}

/// One public key with its one algorithm.
pub(super) struct Key {
    alg: String,
    digest: MessageDigest,
    material: Material,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    alg: Option<String>,
    kty: String,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    fn read(jwk: &Jwk) -> anyhow::Result<Key> {
        let number = |text: &Option<String>| -> anyhow::Result<BigNum> {
            Ok(BigNum::from_slice(&URL_SAFE_NO_PAD.decode(
                text.as_deref().context("a number is missing")?,
            )?)?)
        };
        let alg = jwk.alg.as_deref().context("no alg")?;
        let digest = match alg.get(2..) {
            Some("256") => MessageDigest::sha256(),
            Some("384") => MessageDigest::sha384(),
            Some("512") => MessageDigest::sha512(),
            Some(_) | None => bail!("unsupported alg"),
        };
        let material = match (alg, jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RS256" | "RS384" | "RS512", "RSA", None) => {
                let rsa = Rsa::from_public_components(number(&jwk.n)?, number(&jwk.e)?)?;
                ensure!(rsa.size() >= 256, "an RSA key has at least 2048 bits");
                Material::Rsa(PKey::from_rsa(rsa)?)
            }
            ("ES256", "EC", Some("P-256")) => ec(
                Nid::X9_62_PRIME256V1,
                32,
                &number(&jwk.x)?,
                &number(&jwk.y)?,
            )?,
            ("ES384", "EC", Some("P-384")) => {
                ec(Nid::SECP384R1, 48, &number(&jwk.x)?, &number(&jwk.y)?)?
            }
            ("ES512", "EC", Some("P-521")) => {
                ec(Nid::SECP521R1, 66, &number(&jwk.x)?, &number(&jwk.y)?)?
            }
            _ => bail!("alg, kty and crv do not fit each other"),
        };
        Ok(Key {
            alg: alg.to_owned(),
            digest,
            material,
        })
    }

    /// Whether this key, with the algorithm of the token's header, made the signature.
    pub fn verifies(&self, alg: &str, signed: &[u8], signature: &[u8]) -> bool {
        alg == self.alg && self.check(signed, signature).unwrap_or(false)
    }

    fn check(&self, signed: &[u8], signature: &[u8]) -> Result<bool, openssl::error::ErrorStack> {
        match &self.material {
            Material::Rsa(key) => {
                Verifier::new(self.digest, key)?.verify_oneshot(signature, signed)
            }
            Material::Ec(_, width) if signature.len() != 2 * width => Ok(false),
            Material::Ec(key, width) => {
                let (r, s) = signature.split_at(*width);
                EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?
                    .verify(&hash(self.digest, signed)?, key)
            }
        }
    }
}

fn ec(curve: Nid, width: usize, x: &BigNum, y: &BigNum) -> anyhow::Result<Material> {
    let group = EcGroup::from_curve_name(curve)?;
    let key = EcKey::from_public_key_affine_coordinates(&group, x, y)?;
    key.check_key()?;
    Ok(Material::Ec(key, width))
}

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
    ) -> Result<Arc<Key>, Refusal> {
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
                fresh_key(&set, kid, now).ok_or_else(Refusal::no_verification_key)
            }
            Err(Unavailable::Unreachable) => Err(Refusal::idp_unreachable()),
            Err(Unavailable::Unusable(reason)) => {
                tracing::debug!(
                    issuer,
                    reason = format!("{reason:#}"),
                    "the issuer's keys are of no use"
                );
                Err(Refusal::no_verification_key())
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
