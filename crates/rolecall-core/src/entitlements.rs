//! Entitlements: the current policy, and the facts with which it is evaluated.
//!
//! May import [`crate::access`], [`crate::audit`] and what those may import.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::{Grants, Policy, PolicyChanges, RoleAccess, RoleRequest};
use crate::audit::{AuditEventKind, Journal};
use crate::aws::{AccountId, CallerIdentity, OwnCredentialsState};
use crate::base::{BoxError, Clock};
use crate::caller::{Caller, Circumstances, ClientInfo, Facts, Flow};
use crate::record::StoreError;

/// A source of facts did not answer, so it is not known what the caller may use.
#[derive(Debug, thiserror::Error)]
#[error("what the access policy depends on cannot be looked up")]
pub struct FactsUnavailable(#[source] pub BoxError);

/// The access that a client would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessSummary {
    /// Number of roles.
    pub roles: usize,
    /// Number of accounts.
    pub accounts: usize,
}

/// Evaluates the current policy for callers.
pub struct Entitlements {
    policy: ArcSwap<Policy>,
    own_credentials: ArcSwap<OwnCredentialsState>,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
}

impl Entitlements {
    /// Creates entitlements with `policy`.
    pub fn new(policy: Policy, journal: Arc<Journal>, clock: Arc<dyn Clock>) -> Self {
        Self {
            policy: ArcSwap::from_pointee(policy),
            own_credentials: ArcSwap::default(),
            journal,
            clock,
        }
    }

    /// The current policy.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Collects the facts about this caller with this client address.
    ///
    /// # Errors
    /// [`FactsUnavailable`] if a source of facts is unavailable: unknown facts are never taken for absent ones.
    /// At present the sign-in is the only source, and it is always available.
    #[expect(
        clippy::unused_async,
        reason = "callers await what sources of facts beyond the sign-in will ask for"
    )]
    pub async fn facts<'a>(
        &self,
        caller: Caller<'a>,
        client_info: &ClientInfo,
    ) -> Result<Facts<'a>, FactsUnavailable> {
        let circumstances = Circumstances {
            now: self.clock.now(),
            address: client_info.address,
            device_flow: caller.flow == Some(Flow::Device),
        };
        let own = self.own_credentials.load_full();
        Ok(Facts::new(caller.identity, circumstances).with_own_credentials(own))
    }

    /// The state of the gateway's own AWS credentials.
    pub fn own_credentials(&self) -> Arc<OwnCredentialsState> {
        self.own_credentials.load_full()
    }

    /// Records the principal of the gateway's own credentials.
    pub fn identified(&self, identity: &CallerIdentity) {
        self.own_credentials
            .rcu(|own| own.identified(identity.clone()));
    }

    /// Records that STS rejects the gateway's credentials: their principal is unknown until the next call.
    pub fn unidentified(&self) {
        self.own_credentials.rcu(|own| own.unidentified());
    }

    /// Records that STS refused a session of this account as too long for role chaining.
    pub fn chaining_reported(&self, account: &AccountId) {
        let now = self.clock.now();
        self.own_credentials
            .rcu(|own| own.chaining_reported(account.clone(), now));
    }

    /// The current grants of the caller.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn grants<'a>(
        &self,
        caller: impl Into<Caller<'a>>,
        client_info: &ClientInfo,
    ) -> Result<Grants, FactsUnavailable> {
        let facts = self.facts(caller.into(), client_info).await?;
        Ok(self.policy.load().grants(&facts))
    }

    /// The current grants of the caller in one account.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn grants_in<'a>(
        &self,
        account: &AccountId,
        caller: impl Into<Caller<'a>>,
        client_info: &ClientInfo,
    ) -> Result<Grants, FactsUnavailable> {
        let facts = self.facts(caller.into(), client_info).await?;
        Ok(self.policy.load().grants_in(account, &facts))
    }

    /// The current access of the caller to this role; `None` if they have no such role.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn role<'a>(
        &self,
        role: &RoleRequest,
        caller: impl Into<Caller<'a>>,
        client_info: &ClientInfo,
    ) -> Result<Option<RoleAccess>, FactsUnavailable> {
        let grants = self.grants_in(&role.account, caller, client_info).await?;
        Ok(role.find_in(&grants))
    }

    /// The access that a client would get if this person approved it, in its flow and with its address.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn access_summary<'a>(
        &self,
        person: impl Into<Caller<'a>>,
        flow: Flow,
        client_info: &ClientInfo,
    ) -> Result<AccessSummary, FactsUnavailable> {
        let caller = Caller {
            flow: Some(flow),
            ..person.into()
        };
        let grants = self.grants(caller, client_info).await?;
        let accounts: HashSet<_> = grants
            .iter()
            .map(|grant| grant.account().id.clone())
            .collect();
        Ok(AccessSummary {
            roles: grants.iter().count(),
            accounts: accounts.len(),
        })
    }

    /// Replaces the policy for all following requests. Returns the changes. `digest` identifies the files of the policy.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the change cannot be audited; the previous policy remains in use.
    pub async fn replace_policy(
        &self,
        policy: Policy,
        digest: String,
    ) -> Result<PolicyChanges, StoreError> {
        let changes = policy.changes_since(&self.policy());
        self.record(digest.clone(), Some(digest), Some(changes))
            .await?;
        self.policy.store(Arc::new(policy));
        Ok(changes)
    }

    /// Audits that the configuration with this digest is in use; `policy` is the digest of the policy's files, if they
    /// were read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_load(
        &self,
        digest: String,
        policy: Option<String>,
    ) -> Result<(), StoreError> {
        self.record(digest, policy, None).await
    }

    async fn record(
        &self,
        digest: String,
        policy: Option<String>,
        changes: Option<PolicyChanges>,
    ) -> Result<(), StoreError> {
        let changes = changes.map(Into::into);
        let loaded = AuditEventKind::ConfigurationLoaded {
            digest,
            policy,
            changes,
        };
        self.journal
            .append(&self.journal.internal_context(), loaded)
            .await
    }

    /// Audits that a configuration was rejected and the previous one remains in use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_refused_load(&self, errors: u64) -> Result<(), StoreError> {
        let refused = AuditEventKind::ConfigurationRefused { mistakes: errors };
        self.journal
            .append(&self.journal.internal_context(), refused)
            .await
    }
}
