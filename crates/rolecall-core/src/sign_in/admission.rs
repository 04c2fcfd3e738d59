//! Rate limits of sign-ins: who is counted where.

use crate::audit::RequestContext;
use crate::base::secret::{SecretDigest, SessionSecret};
use crate::record::rate_limit::{
    AddressSlots, LimitName, RateLimitError, RateLimitSlot, SAML_RESPONSES,
};

use super::SignIns;

impl SignIns {
    /// Takes a place for a sign-in that begins: the address's, or where it has none left, one of the live session that
    /// the browser shows. What comes back is to be kept until the sign-in is completed.
    pub(super) async fn admit_sign_in(
        &self,
        context: &RequestContext,
        session: Option<&SessionSecret>,
    ) -> Result<Option<AddressSlots>, RateLimitError> {
        let rate = self.rates.limits().sign_in;
        let address = context.origin.address;
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

    /// Gives the places of a sign-in back that could not begin.
    pub(super) async fn give_sign_in_back(&self, begun: Option<&AddressSlots>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.rates.limits().sign_in);
        // A place that is not given back is free again when its window ends.
        match self.rates.release_for_address(limit, rate, taken).await {
            Ok(()) | Err(_) => {}
        }
    }

    /// Gives the places of a sign-in back that was completed, and remembers its address.
    pub(super) async fn sign_in_completed(&self, begun: Option<&AddressSlots>) {
        let Some(taken) = begun else {
            return;
        };
        let (limit, rate) = (LimitName::SignIn, self.rates.limits().sign_in);
        // As above; the address is remembered the next time.
        match self
            .rates
            .release_completed_for_address(limit, rate, taken)
            .await
        {
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes one of the few SAML responses that are verified for the sign-in of this `state`.
    pub(super) async fn admit_response(&self, state: SecretDigest) -> Result<(), RateLimitError> {
        let bucket = state.to_string();
        let slot = RateLimitSlot::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        self.rates.acquire(&[slot]).await.map(drop)
    }

    /// Gives the place back of a response that could not be verified for want of the provider or the store.
    pub(super) async fn give_response_back(&self, state: SecretDigest) {
        let bucket = state.to_string();
        let slot = RateLimitSlot::new(LimitName::SamlResponses, SAML_RESPONSES, &bucket);
        // One that is not given back is one response less.
        match self.rates.release(&[slot]).await {
            Ok(()) | Err(_) => {}
        }
    }
}
