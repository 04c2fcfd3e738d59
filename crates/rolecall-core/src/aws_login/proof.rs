//! The steps that a proof of possession takes at the token endpoint (RFC 9449): the request is admitted, the proof verified,
//! bound to a key and consumed. Each step consumes the result of the one before, so none can be left out; credentials are
//! issued and client sessions created only for a [`ConsumedProof`].

use super::dpop::{DpopError, DpopProof, UsedProof};
use super::refused::AdmittedRequest;
use super::{AwsLogins, LoginError, LoginTokenRequest};
use crate::base::KeyThumbprint;
use crate::record::StoreError;

/// A proof that was verified for this request: signature, method, address and time are right.
pub(super) struct VerifiedProof(DpopProof);

/// A verified proof of the key that the session is bound to, or will be.
pub(super) struct BoundProof(DpopProof);

/// A proof that no other request can use.
pub(super) struct ConsumedProof(DpopProof);

impl VerifiedProof {
    /// Checks that the proof was made with the key that the session is bound to (RFC 9449 5).
    ///
    /// # Errors
    /// [`DpopError::OtherKey`].
    pub(super) fn bound_to(self, key: KeyThumbprint) -> Result<BoundProof, DpopError> {
        self.0.check_key(key)?;
        Ok(BoundProof(self.0))
    }

    /// For a code, which is not bound to a key: the session that it creates will be bound to that of the proof.
    pub(super) fn bound_to_new_session(self) -> BoundProof {
        BoundProof(self.0)
    }
}

impl ConsumedProof {
    /// The key that made it.
    pub(super) fn key(&self) -> KeyThumbprint {
        self.0.key
    }
}

impl AwsLogins {
    /// Checks the `DPoP` headers of an admitted request (RFC 9449 4.3), all but whether the proof is new.
    ///
    /// # Errors
    /// [`LoginError::Proof`].
    pub(super) fn verify_proof<'r>(
        &self,
        admitted: AdmittedRequest<'r>,
        unverified_headers: &[&str],
    ) -> Result<(&'r LoginTokenRequest, VerifiedProof), LoginError> {
        let url = self.issuing.own_url("/v1/token");
        let now = self.clock.now();
        let proof = DpopProof::verify(unverified_headers, "POST", &url, now)?;
        Ok((admitted.into_request(), VerifiedProof(proof)))
    }

    /// Consumes a proof, so that it is used once (RFC 9449 11.1).
    ///
    /// # Errors
    /// [`DpopError::Replayed`], [`LoginError::Unavailable`].
    pub(super) async fn consume_proof(
        &self,
        BoundProof(proof): BoundProof,
    ) -> Result<ConsumedProof, LoginError> {
        let mark = UsedProof {};
        let until = proof.replay_until();
        let records = &self.records;
        match records.insert(proof.replay_key(), &mark, until).await {
            Ok(()) => Ok(ConsumedProof(proof)),
            Err(StoreError::Exists | StoreError::Conflict) => Err(DpopError::Replayed.into()),
            Err(error @ StoreError::Unavailable(_)) => Err(error.into()),
        }
    }

    /// Releases a proof after an outage: AWS's clients repeat the request with the same one.
    pub(super) async fn release_after_outage<T>(
        &self,
        ConsumedProof(proof): ConsumedProof,
        outcome: &Result<T, LoginError>,
    ) {
        if outcome.as_ref().is_err_and(LoginError::is_transient) {
            let records = &self.records;
            match records.take::<UsedProof>(proof.replay_key()).await {
                // If this fails, the next attempt fails too, and the one after that brings a new proof.
                Ok(_) | Err(_) => {}
            }
        }
    }
}
