//! The gateway as OpenID provider of IAM: tokens for `AssumeRoleWithWebIdentity`, and the discovery document and key
//! set for AWS.
//!
//! A token contains only what AWS evaluates. `aud` is a single string, and there is no `azp`, which would replace `aud`
//! in trust policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
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
use serde_json::json;

use super::issuer_documents::{IssuerDocument, IssuerDocuments};
use super::keys::{KeyAlgorithm, KeyDirectory, KeyError, KeyId, KeySet, SigningKey};

/// Length of `sub` that AWS returns (`SubjectFromWebIdentityToken`).
const SUBJECT_CHARS: std::ops::RangeInclusive<usize> = 6..=255;

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

/// Signs tokens with the active key; if AWS cannot find that key where it looks for it, with the one that it replaced, as long
/// as that one is published.
pub struct TokenIssuer {
    issuer: String,
    /// `iss` of the ID tokens of `aws login`, without `/v1`.
    login_issuer: String,
    directory: KeyDirectory,
    clock: Arc<dyn Clock>,
    current: ArcSwap<Current>,
    /// The keys that the address at which AWS looks for them serves; `None` if this is not known, or if it is this gateway.
    served: ArcSwapOption<BTreeSet<KeyId>>,
}

/// The state after reading the directory.
struct Current {
    active: Arc<SigningKey>,
    /// Signs ID tokens of `aws login`; derived from `active`, not in the JWKS.
    login: Arc<SigningKey>,
    /// The keys before `active` that are still published, the latest first.
    replaced: Vec<Arc<SigningKey>>,
    documents: Arc<IssuerDocuments>,
}

impl TokenIssuer {
    /// An issuer with the keys of the directory. `issuer` is the URL at which AWS finds the documents, without a trailing
    /// slash: IAM compares it byte by byte.
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
        let current = Current::new(&issuer, directory.load(now)?, now)?;
        Ok(Self {
            login_issuer: issuer.clone(),
            issuer,
            directory,
            clock,
            current: ArcSwap::from_pointee(current),
            served: ArcSwapOption::empty(),
        })
    }

    /// The same issuer for a gateway at another origin, which issues the ID tokens of `aws login`.
    #[must_use]
    pub fn of_gateway(self, origin: impl Into<String>) -> Self {
        Self {
            login_issuer: origin.into(),
            ..self
        }
    }

    /// Reads the directory again: after a rotation, and regularly, so that expired keys are removed from the JWKS. On
    /// an error, the previous keys stay in use. Blocks on file access.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reload(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        let current = Current::new(&self.issuer, self.directory.load(now)?, now)?;
        self.current.store(Arc::new(current));
        Ok(())
    }

    /// The issuer, `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The documents for AWS.
    pub fn documents(&self) -> Arc<IssuerDocuments> {
        Arc::clone(&self.current.load().documents)
    }

    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3).
    pub fn discovery(&self) -> IssuerDocument {
        self.current.load().documents.discovery.clone()
    }

    /// `/jwks` (RFC 7517 section 5): all published keys with `kid`, `alg`, `use` and `x5c`.
    pub fn jwks(&self) -> IssuerDocument {
        self.current.load().documents.jwks.clone()
    }

    /// Sets the keys that AWS finds, if the documents are served elsewhere.
    pub fn set_served(&self, served: BTreeSet<KeyId>) {
        self.served.store(Some(Arc::new(served)));
    }

    /// The key that signs tokens for AWS.
    pub fn signing_key(&self) -> Arc<SigningKey> {
        let current = self.current.load();
        let served = self.served.load();
        let replaced = served.as_ref().and_then(|served| {
            let is_served = |key: &&Arc<SigningKey>| served.contains(key.id());
            match is_served(&&current.active) {
                true => None,
                false => current.replaced.iter().find(is_served),
            }
        });
        Arc::clone(replaced.unwrap_or(&current.active))
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
    fn new(issuer: &str, keys: KeySet, now: DateTime<Utc>) -> Result<Self, KeyError> {
        Ok(Self {
            login: Arc::new(keys.active.login_key(now)?),
            documents: Arc::new(IssuerDocuments::new(issuer, &keys)),
            active: keys.active,
            replaced: keys.replaced,
        })
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
        let key = self.signing_key();
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
            "iss": format!("{}/v1", self.login_issuer),
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
