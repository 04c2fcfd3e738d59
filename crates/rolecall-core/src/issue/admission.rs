//! Checks before AWS is called: rate limits, and whether the session is live.

use crate::access::{Grant, Trust};
use crate::audit::CredentialDelivery;
use crate::caller::Caller;
use crate::identity::Identity;
use crate::record::rate_limit::{LimitExceeded, LimitName, RateLimitSlot, allow_if_unavailable};

use super::{IssueError, IssueRequest, Issuer};

/// What an issue takes of AWS's quotas for STS, of which each account has one in a Region.
pub(super) struct StsQuota {
    /// The account that requests the credentials, and the Region.
    bucket: String,
    calls: u32,
    /// The account of the credentials, and the Region.
    issued_bucket: String,
    /// Calls that the new credentials sign.
    issued_calls: u32,
}

impl StsQuota {
    /// `None` if STS is not called. With the gateway's own credentials all accounts share one quota, and each intermediate role is a
    /// call. Calls that the new credentials sign count for their own account.
    pub(super) fn of(grant: &Grant, issue: &IssueRequest<'_>) -> Option<Self> {
        let (account, trust) = (grant.account(), grant.trust());
        let posts = issue.delivery == CredentialDelivery::Console && trust.console_post().is_some();
        let waits = trust.needs_browser() && issue.provider_proof.is_none();
        if posts || waits {
            return None;
        }
        let (payer, hops) = match trust {
            Trust::Caller(caller) => ("caller", caller.via.len()),
            Trust::GatewayOidc
            | Trust::GatewaySaml(_)
            | Trust::ProviderSaml(_)
            | Trust::ProviderOidc(_)
            | Trust::FederationToken(_) => (account.id.as_str(), 0),
        };
        let region = account.sts_region.as_ref().map(ToString::to_string);
        let region = region.unwrap_or_default();
        Some(Self {
            bucket: format!("{payer}/{region}"),
            calls: 1 + u32::try_from(hops).unwrap_or_default(),
            issued_bucket: format!("{}/{region}", account.id),
            issued_calls: u32::from(account.verify || issue.reports_caller)
                + u32::from(issue.delivery == CredentialDelivery::Decode),
        })
    }

    /// The calls by quota.
    fn buckets(&self) -> impl Iterator<Item = (&str, u32)> {
        let is_shared = self.bucket == self.issued_bucket;
        let (calls, more) = match is_shared {
            true => (self.calls + self.issued_calls, 0),
            false => (self.calls, self.issued_calls),
        };
        [(self.bucket.as_str(), calls), (&self.issued_bucket, more)]
            .into_iter()
            .filter(|(_, calls)| *calls > 0)
    }
}

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

    /// Acquires a slot for credentials of this person and, if STS will be called, one for each call.
    /// Nothing is counted while the store is unavailable: the caller has a session.
    pub(super) async fn admit_request(
        &self,
        identity: &Identity,
        sts: Option<&StsQuota>,
    ) -> Result<(), LimitExceeded> {
        let limits = &self.rates.limits();
        let person = identity.key().to_string();
        let mut slots = vec![RateLimitSlot::new(
            LimitName::Credentials,
            limits.credentials,
            &person,
        )];
        let buckets = sts.into_iter().flat_map(StsQuota::buckets);
        slots.extend(buckets.map(|(bucket, calls)| {
            RateLimitSlot::new(LimitName::StsRate, limits.sts_rate, bucket).times(calls)
        }));
        allow_if_unavailable(self.rates.acquire(&slots).await.map(drop))
    }
}
