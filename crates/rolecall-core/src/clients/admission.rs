//! Rate limits of clients.

use crate::audit::RequestContext;
use crate::base::limits;
use crate::record::rate_limit::{
    DEVICE_AUTHORIZATIONS, LimitExceeded, LimitName, RateLimit, RateLimitError, RateLimitSlot,
    allow_if_unavailable,
};
use crate::session::Session;

use super::Clients;

impl Clients {
    /// Acquires a slot for [`Clients::register_client`]. Registration does not need the store, so it is not limited
    /// while the store is unavailable.
    ///
    /// # Errors
    /// [`LimitExceeded`].
    pub async fn admit_registration(&self, context: &RequestContext) -> Result<(), LimitExceeded> {
        let (rate, address) = (self.rates.limits().register, context.client_info.address);
        let taken = self
            .rates
            .acquire_for_address(LimitName::Register, rate, address);
        allow_if_unavailable(taken.await.map(drop))
    }

    /// Acquires a slot for a device authorization.
    pub(super) async fn admit_device_authorization(
        &self,
        context: &RequestContext,
    ) -> Result<(), RateLimitError> {
        let (limit, address) = (LimitName::DeviceAuthorization, context.client_info.address);
        self.rates
            .acquire_for_address(limit, DEVICE_AUTHORIZATIONS, address)
            .await
            .map(drop)
    }

    /// The slots for user codes that are entered in this session: one of the session, one of the person.
    pub(super) fn user_code_slots(&self, session: &Session) -> [RateLimitSlot; 2] {
        let slot = |max, bucket: String| {
            let rate = RateLimit::new(max, limits::WRONG_CODES_WINDOW);
            RateLimitSlot::new(LimitName::UserCodes, rate, &bucket)
        };
        [
            slot(limits::WRONG_CODES_PER_SESSION_MAX, session.id.to_string()),
            slot(
                limits::WRONG_CODES_PER_PERSON_MAX,
                session.identity.key().to_string(),
            ),
        ]
    }
}
