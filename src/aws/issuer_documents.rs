//! The two documents of the gateway as an OIDC provider: discovery document and key set. AWS fetches them from the gateway,
//! or from another address at which they are published (`[issuer] url`).

mod comparison;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use comparison::{Comparison, Difference, Severity};

use super::keys::{KeyAlgorithm, KeyId, KeySet};

/// Path of the discovery document, below the issuer (OpenID Connect Discovery 1.0 section 4).
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Path of the key set, below the issuer.
pub const JWKS_PATH: &str = "/jwks";

/// A published document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerDocument {
    /// The body; the same bytes for the same keys.
    pub body: Arc<str>,
    /// A strong entity tag, including quotes (RFC 9110 section 8.8.3).
    pub etag: Arc<str>,
}

impl IssuerDocument {
    pub(super) fn of(body: String) -> Self {
        let etag = format!(
            "\"{}\"",
            URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16])
        );
        Self {
            body: body.into(),
            etag: etag.into(),
        }
    }
}

/// Why a key is in the key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedUse {
    /// It signs.
    Active,
    /// It will sign after the next rotation.
    Next,
    /// It signed before the last rotation; its tokens may still be in use.
    Replaced,
}

/// The documents of an issuer with these keys.
#[derive(Clone, Debug)]
pub struct IssuerDocuments {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3).
    pub discovery: IssuerDocument,
    /// `/jwks` (RFC 7517 section 5).
    pub jwks: IssuerDocument,
    issuer: String,
    keys: BTreeMap<KeyId, (PublishedUse, Value)>,
    expired: BTreeSet<KeyId>,
    retired: BTreeSet<KeyId>,
}

impl IssuerDocuments {
    /// The documents of the issuer with this URL, which has no trailing slash.
    pub fn new(issuer: &str, keys: &KeySet) -> Self {
        let jwks: Vec<&Value> = keys.published.iter().map(|key| key.jwk()).collect();
        let mut algorithms: Vec<KeyAlgorithm> =
            keys.published.iter().map(|key| key.algorithm()).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let algorithms: Vec<&str> = algorithms.into_iter().map(KeyAlgorithm::as_str).collect();
        let discovery = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}{JWKS_PATH}"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "scopes_supported": ["openid"],
            "claims_supported": [
                "iss", "sub", "aud", "iat", "exp", "jti",
                "https://aws.amazon.com/roles", "https://aws.amazon.com/tags",
                "https://aws.amazon.com/source_identity",
            ],
        });
        let use_of = |id: &KeyId| match keys.next.contains(id) {
            true => PublishedUse::Next,
            false if id == keys.active.id() => PublishedUse::Active,
            false => PublishedUse::Replaced,
        };
        let by_id = keys.published.iter().map(|key| {
            let id = key.id();
            (id.clone(), (use_of(id), key.jwk().clone()))
        });
        Self {
            discovery: IssuerDocument::of(discovery.to_string()),
            jwks: IssuerDocument::of(json!({ "keys": jwks }).to_string()),
            issuer: issuer.to_owned(),
            keys: by_id.collect(),
            expired: keys.expired.iter().cloned().collect(),
            retired: keys.retired.iter().cloned().collect(),
        }
    }

    /// The issuer, `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Number of keys in the key set.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The keys in the key set.
    pub fn key_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// Keys that wait for activation.
    pub fn next_keys(&self) -> impl Iterator<Item = &KeyId> {
        let waiting = self.keys.iter();
        waiting.filter_map(|(id, (use_, _))| (*use_ == PublishedUse::Next).then_some(id))
    }

    /// URL of the key set.
    pub fn jwks_uri(&self) -> String {
        format!("{}{JWKS_PATH}", self.issuer)
    }
}
