//! Rate limits of sign-ins.

use crate::audit::RequestContext;
use crate::base::secret::{SecretDigest, SessionSecret};
use crate::record::rate_limit::{
    AddressSlots, LimitName, RateLimitError, RateLimitSlot, SAML_RESPONSES,
};

use super::SignIns;

impl SignIns {
    /// Acquires a slot for a new sign-in: of the address, or, if it has none left, of the live session of the browser.
    /// The result is stored until the sign-in is complete.
    pub(super) async fn admit_sign_in(
        &self,
        context: &RequestContext,
        session: Option<&SessionSecret>,
    ) -> Result<Option<AddressSlots>, RateLimitError> {
        let rate = self.rates.limits().sign_in;
        let address = context.client_info.address;
        let taken = self
            .rates
            .acquire_for_address(LimitName::SignIn, rate, address)
            .await;
        let exceeded = match taken {
            Ok(taken) => return Ok(Some(taken)),
            Err(RateLimitError::Exceeded(exceeded)) => exceeded,
            Err(error @ RateLimitError::Unavailable(_)) => return Err(error),
        };
        let live = match session {
            Some(secret) => self.sessions.session(secret).await?,
            None => None,
        };
        let session = live.ok_or(exceeded)?;
        let slot = RateLimitSlot::new(LimitName::SignIn, rate, &session.id.to_string());
        self.rates.acquire(&[slot]).await?;
        Ok(None)
    }

    /// Releases the slots of a sign-in that could not start.
    pub(super) async fn release_sign_in(&self, begun: Option<&AddressSlots>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.rates.limits().sign_in);
        // A slot that is not released becomes free when its window ends.
        match self.rates.release_for_address(limit, rate, taken).await {
            Ok(()) | Err(_) => {}
        }
    }

    /// Releases the slots of a completed sign-in, and records its address as known.
    pub(super) async fn sign_in_completed(&self, begun: Option<&AddressSlots>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.rates.limits().sign_in);
        // As above. The address is recorded after its next sign-in.
        match self
            .rates
            .release_completed_for_address(limit, rate, taken)
            .await
        {
            Ok(()) | Err(_) => {}
        }
    }

    /// Acquires one of the few SAML responses that are verified for the sign-in with this `state`.
    pub(super) async fn admit_response(&self, state: SecretDigest) -> Result<(), RateLimitError> {
        let bucket = state.to_string();
        let slot = RateLimitSlot::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        self.rates.acquire(&[slot]).await.map(drop)
    }

    /// Releases the slot of a response that could not be verified because the provider or the store was unavailable.
    pub(super) async fn release_response(&self, state: SecretDigest) {
        let bucket = state.to_string();
        let slot = RateLimitSlot::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        // Without the release, one response less is verified.
        match self.rates.release(&[slot]).await {
            Ok(()) | Err(_) => {}
        }
    }
}
