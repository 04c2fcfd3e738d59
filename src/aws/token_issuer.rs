//! The gateway as OpenID provider of IAM: tokens for `AssumeRoleWithWebIdentity`, and the discovery document and key
//! set for AWS.
//!
//! A token contains only what AWS evaluates. `aud` is a single string, and there is no `azp`, which would replace `aud`
//! in trust policies.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rolecall_core::aws::{
    LoginTokenClaims, RoleArn, RoleSessionTags, SourceIdentity, WebIdentityClaims,
    WebIdentityIssuer,
};
use rolecall_core::base::limits::{WEB_IDENTITY_TOKEN_CHARS_MAX, WEB_IDENTITY_TOKEN_LIFE};
use rolecall_core::base::secret::{SecretText, WebIdentityToken};
use rolecall_core::base::{BoxError, Clock};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::keys::{KeyAlgorithm, KeyDirectory, KeyError, KeySet, SigningKey};

/// Length of `sub` that AWS returns (`SubjectFromWebIdentityToken`).
const SUBJECT_CHARS: std::ops::RangeInclusive<usize> = 6..=255;

/// A published document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerDocument {
    /// The body; the same bytes for the same keys.
    pub body: Arc<str>,
    /// A strong entity tag, including quotes (RFC 9110 section 8.8.3).
    pub etag: Arc<str>,
}

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The token is larger than STS accepts: there are too many session tags, or their values are too long.
    #[error(
        "the token for AWS has {0} characters, AWS accepts {WEB_IDENTITY_TOKEN_CHARS_MAX}: configure fewer or shorter session tags"
    )]
    TooLong(usize),
    /// AWS accepts 6 to 255 characters.
    #[error("the subject of a token for AWS has {0} characters, AWS accepts 6 to 255")]
    Subject(usize),
    /// An error of OpenSSL.
    #[error("could not sign the token")]
    Signature(#[source] BoxError),
}

/// Signs tokens with the active key.
pub struct TokenIssuer {
    issuer: String,
    directory: KeyDirectory,
    clock: Arc<dyn Clock>,
    current: ArcSwap<Current>,
}

/// The state after reading the directory.
struct Current {
    active: Arc<SigningKey>,
    /// Signs ID tokens of `aws login`; derived from `active`, not in the JWKS.
    login: Arc<SigningKey>,
    discovery: IssuerDocument,
    jwks: IssuerDocument,
}

impl TokenIssuer {
    /// An issuer with the keys of the directory. `issuer` is `public_url`, an origin without a trailing slash: IAM
    /// compares it byte by byte.
    ///
    /// # Errors
    /// If no key can be loaded.
    pub fn open(
        issuer: impl Into<String>,
        directory: KeyDirectory,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let issuer = issuer.into();
        let now = clock.now();
        let current = Current::new(&issuer, &directory.load(now)?, now)?;
        Ok(Self {
            issuer,
            directory,
            clock,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// Reads the directory again: after a rotation, and regularly, so that expired keys are removed from the JWKS. On
    /// an error, the previous keys stay in use. Blocks on file access.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reload(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        let keys = self.directory.load(now)?;
        let current = Current::new(&self.issuer, &keys, now)?;
        self.current.store(Arc::new(current));
        Ok(())
    }

    /// The issuer, `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3).
    pub fn discovery(&self) -> IssuerDocument {
        self.current.load().discovery.clone()
    }

    /// `/jwks` (RFC 7517 section 5): all published keys with `kid`, `alg`, `use` and `x5c`.
    pub fn jwks(&self) -> IssuerDocument {
        self.current.load().jwks.clone()
    }
}

/// The claims for AWS (IAM User Guide, "Passing session tags using AssumeRoleWithWebIdentity").
#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    /// A list with one role; AWS compares whole ARNs.
    #[serde(
        rename = "https://aws.amazon.com/roles",
        skip_serializing_if = "Option::is_none"
    )]
    roles: Option<[String; 1]>,
    #[serde(
        rename = "https://aws.amazon.com/source_identity",
        skip_serializing_if = "Option::is_none"
    )]
    source_identity: Option<&'a str>,
    #[serde(
        rename = "https://aws.amazon.com/tags",
        skip_serializing_if = "Option::is_none"
    )]
    tags: Option<Tags<'a>>,
}

#[derive(Serialize)]
struct Tags<'a> {
    #[serde(serialize_with = "principal_tags")]
    principal_tags: &'a RoleSessionTags,
    #[serde(serialize_with = "transitive_tag_keys")]
    transitive_tag_keys: &'a RoleSessionTags,
}

fn principal_tags<S: Serializer>(tags: &RoleSessionTags, into: S) -> Result<S::Ok, S::Error> {
    into.collect_map(tags.iter().map(|(key, value)| (key, [value])))
}

fn transitive_tag_keys<S: Serializer>(tags: &RoleSessionTags, into: S) -> Result<S::Ok, S::Error> {
    into.collect_seq(tags.transitive())
}

impl Current {
    fn new(issuer: &str, keys: &KeySet, now: DateTime<Utc>) -> Result<Self, KeyError> {
        let jwks: Vec<&Value> = keys.published.iter().map(|key| key.jwk()).collect();
        let mut algorithms: Vec<KeyAlgorithm> =
            keys.published.iter().map(|key| key.algorithm()).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let algorithms: Vec<&str> = algorithms.into_iter().map(KeyAlgorithm::as_str).collect();
        Ok(Self {
            active: Arc::clone(&keys.active),
            login: Arc::new(keys.active.login_key(now)?),
            jwks: IssuerDocument::of(json!({ "keys": jwks }).to_string()),
            discovery: IssuerDocument::of(
                json!({
                    "issuer": issuer,
                    "jwks_uri": format!("{issuer}/jwks"),
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
                })
                .to_string(),
            ),
        })
    }
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

/// A JWS in compact serialization (RFC 7515 section 3.1).
async fn signed(key: Arc<SigningKey>, payload: Vec<u8>) -> Result<String, BoxError> {
    let mut token = key.jwt_header().to_owned();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = match key.algorithm() {
        // Takes about 40 microseconds.
        KeyAlgorithm::Es256 => key.sign(token.as_bytes())?,
        // Takes a millisecond or more: use a blocking thread.
        KeyAlgorithm::Rs256 => {
            let message = token.clone();
            tokio::task::spawn_blocking(move || key.sign(message.as_bytes())).await??
        }
    };
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

#[async_trait]
impl WebIdentityIssuer for TokenIssuer {
    async fn mint(&self, claims: &WebIdentityClaims) -> Result<WebIdentityToken, BoxError> {
        let subject_chars = claims.subject.as_str().chars().count();
        if !SUBJECT_CHARS.contains(&subject_chars) {
            return Err(MintError::Subject(subject_chars).into());
        }
        let key = Arc::clone(&self.current.load().active);
        let now = self.clock.now();
        let tags = Some(&claims.tags).filter(|tags| !tags.is_empty());
        let payload = Payload {
            iss: &self.issuer,
            sub: claims.subject.as_str(),
            aud: &claims.audience,
            iat: now.timestamp(),
            exp: (now + WEB_IDENTITY_TOKEN_LIFE).timestamp(),
            jti: &claims.token_id,
            roles: claims.role.as_ref().map(|role| [RoleArn::to_string(role)]),
            source_identity: claims.source_identity.as_ref().map(SourceIdentity::as_str),
            tags: tags.map(|tags| Tags {
                principal_tags: tags,
                transitive_tag_keys: tags,
            }),
        };
        let token = signed(key, serde_json::to_vec(&payload)?)
            .await
            .map_err(MintError::Signature)?;
        if token.len() > WEB_IDENTITY_TOKEN_CHARS_MAX {
            return Err(MintError::TooLong(token.len()).into());
        }
        Ok(WebIdentityToken::new(token))
    }

    async fn mint_login_token(&self, claims: &LoginTokenClaims) -> Result<SecretText, BoxError> {
        let payload = json!({
            "iss": format!("{}/v1", self.issuer),
            "sub": claims.session_arn,
            "aud": claims.client_id,
            "iat": self.clock.now().timestamp(),
            "exp": claims.expires_at.timestamp(),
        });
        let key = Arc::clone(&self.current.load().login);
        let token = signed(key, payload.to_string().into_bytes());
        let token = token.await.map_err(MintError::Signature)?;
        Ok(SecretText::new(token))
    }
}
