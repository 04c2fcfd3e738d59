//! What is looked at before AWS is asked: rate limits, and whether the session still lives.

use crate::caller::Caller;
use crate::identity::Identity;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimitSlot, allow_if_unavailable};

use super::{IssueError, Issuer};

impl Issuer {
    /// The last look before AWS is asked, and before anything of what it answered leaves.
    ///
    /// # Errors
    /// [`IssueError::SessionEnded`], [`IssueError::Unavailable`].
    pub(super) async fn still_lives(&self, caller: Caller<'_>) -> Result<(), IssueError> {
        match self.sessions.has_ended(caller).await? {
            true => Err(IssueError::SessionEnded),
            false => Ok(()),
        }
    }

    /// Takes a place for credentials of this person and, where STS will be asked, one of the account's and Region's. Where
    /// the store does not answer nothing is counted: who got here has a session.
    pub(super) async fn admit_issue(
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
