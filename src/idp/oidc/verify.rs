//! The verification of an ID token (OpenID Connect Core 3.1.3.7), each step once and in this order: the compact form is read
//! strictly, its algorithm is an allowed one, its signature fits a key of the provider, its claims say what is expected.
//!
//! Each step has a type of its own, so that no claim can be read before the signature was verified.

use std::sync::Arc;

use openidconnect::core::CoreJsonWebKey;
use rolecall_core::sign_in::{ProviderError, RejectReason};
use serde_json::{Map, Value};
use url::Url;

use super::checks::{self, Expected, Verified};
use super::jwks::{KeySet, NotVerified};
use super::jws::{Algorithm, UnverifiedJws, not_allowed};
use super::protocol_claims::ProtocolClaims;
use crate::idp::cache::{Cached, Fetch, FetchError};
use crate::idp::http::HttpClient;

/// An ID token whose signature nobody has verified yet. It tells nothing of its claims.
pub struct UnverifiedIdToken(UnverifiedJws);

/// An ID token with the signature of a provider's key. Nobody has compared its claims with anything yet.
pub struct SignedIdToken {
    /// The payload.
    claims: Map<String, Value>,
    /// The key whose signature fitted, and with which algorithm.
    signature: (CoreJsonWebKey, Algorithm),
}

/// A provider's keys: those that are kept, and where newer ones are.
pub struct ProviderKeys<'a> {
    /// Those that are kept.
    pub kept: &'a Arc<Cached<KeySet>>,
    /// Fetches newer ones.
    pub http: &'a HttpClient,
    /// `jwks_uri`
    pub jwks_uri: &'a Url,
}

impl UnverifiedIdToken {
    /// Reads a compact token that is signed with one of these algorithms.
    ///
    /// # Errors
    /// [`RejectReason::Malformed`], [`RejectReason::Algorithm`].
    pub fn parse(text: &str, allowed: &[Algorithm]) -> Result<Self, ProviderError> {
        let jws = UnverifiedJws::parse(text)?;
        if !allowed.contains(&jws.algorithm) {
            return Err(not_allowed(jws.algorithm.name()));
        }
        Ok(Self(jws))
    }

    /// Verifies the signature, then reads the payload: an object without duplicate members.
    ///
    /// # Errors
    /// [`RejectReason::Signature`], [`RejectReason::Malformed`], and [`ProviderError::Unavailable`] without any keys.
    pub async fn signed_by(self, keys: ProviderKeys<'_>) -> Result<SignedIdToken, ProviderError> {
        let key = keys.verifying(&self.0).await?;
        Ok(SignedIdToken {
            claims: self.0.payload()?,
            signature: (key, self.0.algorithm),
        })
    }
}

impl SignedIdToken {
    /// Compares the claims of the protocol with what is expected: what they say for certain, and all claims.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] with the first reason found.
    pub fn verified(
        self,
        expected: &Expected<'_>,
    ) -> Result<(Verified, Map<String, Value>), ProviderError> {
        let (key, algorithm) = &self.signature;
        let claims = ProtocolClaims::read(&self.claims)?;
        let verified = checks::check(&claims, (key, *algorithm), expected)?;
        Ok((verified, self.claims))
    }
}

impl ProviderKeys<'_> {
    /// The keys of today.
    ///
    /// # Errors
    /// [`FetchError`], when there are none and none can be fetched.
    pub async fn current(&self) -> Result<Arc<KeySet>, FetchError> {
        self.kept.get(self.fetch()).await
    }

    fn fetch(&self) -> Fetch<'static, KeySet> {
        let (http, jwks_uri) = (self.http.clone(), self.jwks_uri.clone());
        Box::pin(async move {
            let document = http.get_json(&jwks_uri).await;
            let document = document.map_err(|error| FetchError::Document {
                what: "the key set (jwks_uri)",
                url: jwks_uri.to_string(),
                error,
            })?;
            KeySet::parse(&document)
                .map_err(|why| FetchError::malformed(format!("the provider's JWKS: {why}")))
        })
    }

    /// The key that verifies the token's signature; asks for newer keys when none fits.
    async fn verifying(&self, jws: &UnverifiedJws) -> Result<CoreJsonWebKey, ProviderError> {
        let refused = |why: &str| ProviderError::rejected(RejectReason::Signature, why);
        let keys = self.current().await?;
        match keys.verify(jws) {
            Ok(key) => return Ok(key.clone()),
            Err(NotVerified::BadSignature) => return Err(refused("the signature does not verify")),
            Err(NotVerified::NoKey) => {}
        }
        let Some(keys) = self.kept.newer_than(&keys, self.fetch()).await? else {
            return Err(refused(
                "no key of the provider fits the token, and its keys were fetched a moment ago",
            ));
        };
        keys.verify(jws).cloned().map_err(|why| match why {
            NotVerified::NoKey => refused("no key of the provider fits the token"),
            NotVerified::BadSignature => refused("the signature does not verify"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn the_algorithm_counts_before_anything_is_read_of_the_payload() {
        let parts = [r#"{"alg":"ES256"}"#, "no JSON", "signature"];
        let token = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        assert!(UnverifiedIdToken::parse(&token, &[Algorithm::Rs256, Algorithm::Es256]).is_ok());
        assert!(matches!(
            UnverifiedIdToken::parse(&token, &[Algorithm::Rs256]),
            Err(ProviderError::Rejected {
                reason: RejectReason::Algorithm,
                ..
            })
        ));
    }
}
