//! Verification of an ID token (OpenID Connect Core 3.1.3.7), in order: strict parsing of the compact form, allowed
//! algorithm, signature by a key of the provider, claims.
//!
//! Each step has its own type, so that claims cannot be read before the signature is verified.

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

/// An ID token with an unverified signature. Its claims are not accessible.
pub struct UnverifiedIdToken(UnverifiedJws);

/// An ID token with a valid signature of the provider. Its claims are unchecked.
pub struct SignedIdToken {
    /// The payload: claims that are not checked yet.
    claims: Map<String, Value>,
    /// The key that verified the signature, and the algorithm.
    signature: (CoreJsonWebKey, Algorithm),
}

/// The cached keys of a provider, with the means to fetch newer ones.
pub struct ProviderKeys<'a> {
    /// Cached keys of the provider.
    pub kept: &'a Arc<Cached<KeySet>>,
    /// The client that fetches newer keys.
    pub http: &'a HttpClient,
    /// `jwks_uri` of the metadata.
    pub jwks_uri: &'a Url,
}

impl UnverifiedIdToken {
    /// Parses a compact token that is signed with one of these algorithms.
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

    /// Verifies the signature, then parses the payload as an object without duplicate members.
    ///
    /// # Errors
    /// [`RejectReason::Signature`], [`RejectReason::Malformed`], or [`ProviderError::Unavailable`] if there are no
    /// keys.
    pub async fn signed_by(self, keys: ProviderKeys<'_>) -> Result<SignedIdToken, ProviderError> {
        let key = keys.verifying(&self.0).await?;
        Ok(SignedIdToken {
            claims: self.0.payload()?,
            signature: (key, self.0.algorithm),
        })
    }
}

impl SignedIdToken {
    /// Checks the protocol claims, and returns them with all claims.
    ///
    /// # Errors
    /// [`ProviderError::Rejected`] for the first failed check.
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
    /// The current keys.
    ///
    /// # Errors
    /// [`FetchError`], if there are none and none can be fetched.
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
            KeySet::parse(&document).map_err(|why| {
                FetchError::malformed(format!("invalid JWKS of the provider: {why}"))
            })
        })
    }

    /// Finds the key that verifies the token; fetches newer keys if none matches.
    async fn verifying(&self, jws: &UnverifiedJws) -> Result<CoreJsonWebKey, ProviderError> {
        let refused = |why: &str| ProviderError::rejected(RejectReason::Signature, why);
        let keys = self.current().await?;
        match keys.verify(jws) {
            Ok(key) => return Ok(key.clone()),
            Err(NotVerified::BadSignature) => return Err(refused("invalid signature")),
            Err(NotVerified::NoKey) => {}
        }
        let Some(keys) = self.kept.newer_than(&keys, self.fetch()).await? else {
            return Err(refused(
                "no key of the provider matches the token, and its keys were fetched recently",
            ));
        };
        keys.verify(jws).cloned().map_err(|why| match why {
            NotVerified::NoKey => refused("no key of the provider matches the token"),
            NotVerified::BadSignature => refused("invalid signature"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn algorithm_is_checked_before_the_payload() {
        let parts = [r#"{"alg":"ES256"}"#, "not JSON", "signature"];
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
