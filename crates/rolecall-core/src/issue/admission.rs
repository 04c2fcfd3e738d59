//! Checks before AWS is called: rate limits, and whether the session is live.

use crate::caller::Caller;
use crate::identity::Identity;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimitSlot, allow_if_unavailable};

use super::{IssueError, Issuer};

impl Issuer {
    /// Checks that the session is live: before AWS is called, and before the response is delivered.
    ///
    /// # Errors
    /// [`IssueError::SessionEnded`], [`IssueError::Unavailable`].
    pub(super) async fn check_session(&self, caller: Caller<'_>) -> Result<(), IssueError> {
        match self.sessions.has_ended(caller).await? {
            true => Err(IssueError::SessionEnded),
            false => Ok(()),
        }
    }

    /// Acquires a slot for credentials of this person and, if STS will be called, one of the account and Region.
    /// Nothing is counted while the store is unavailable: the caller has a session.
    pub(super) async fn admit_request(
        &self,
        identity: &Identity,
        sts: Option<&str>,
    ) -> Result<(), LimitExceeded> {
        let limits = &self.rates.limits();
        let person = identity.key().to_string();
        let mut slots = vec![RateLimitSlot::new(
            LimitName::Credentials,
            limits.credentials,
            &person,
        )];
        slots.extend(
            sts.map(|bucket| RateLimitSlot::new(LimitName::StsRate, limits.sts_rate, bucket)),
        );
        allow_if_unavailable(self.rates.acquire(&slots).await.map(drop))
    }
}
