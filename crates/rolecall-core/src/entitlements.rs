//! Which roles a person may use at this moment: the policy that serves, and the facts that it is asked about.
//!
//! May import [`crate::access`], [`crate::audit`] and what those may import.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::{Grants, Policy, PolicyChanges, RoleAccess, RoleRequest};
use crate::audit::{AuditEventKind, Journal};
use crate::aws::AccountId;
use crate::base::Clock;
use crate::caller::{Caller, Circumstances, ClientInfo, Facts, Flow};
use crate::record::StoreError;

/// How much a client could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientReach {
    /// How many roles.
    pub roles: usize,
    /// In how many accounts.
    pub accounts: usize,
}

/// Today's policy over what is known of a caller.
pub struct Entitlements {
    policy: ArcSwap<Policy>,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
}

impl Entitlements {
    /// Entitlements under `policy`.
    pub fn new(policy: Policy, journal: Arc<Journal>, clock: Arc<dyn Clock>) -> Self {
        Self {
            policy: ArcSwap::from_pointee(policy),
            journal,
            clock,
        }
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Everything that the policy may look at, of this caller and from where they are now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when a source of facts does not answer: what is not known is never taken for absent. The
    /// sign-in itself is the only source, which always answers.
    #[expect(
        clippy::unused_async,
        reason = "callers await what sources of facts beyond the sign-in will ask for"
    )]
    pub async fn facts<'a>(
        &self,
        caller: Caller<'a>,
        origin: &ClientInfo,
    ) -> Result<Facts<'a>, StoreError> {
        let circumstances = Circumstances {
            now: self.clock.now(),
            address: origin.address,
            device_flow: caller.flow == Some(Flow::Device),
        };
        Ok(Facts::new(caller.identity, circumstances))
    }

    /// Today's grants of the caller.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn grants<'a>(
        &self,
        caller: impl Into<Caller<'a>>,
        origin: &ClientInfo,
    ) -> Result<Grants, StoreError> {
        let facts = self.facts(caller.into(), origin).await?;
        Ok(self.policy.load().grants(&facts))
    }

    /// Those of them that are in one account.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn grants_in<'a>(
        &self,
        account: &AccountId,
        caller: impl Into<Caller<'a>>,
        origin: &ClientInfo,
    ) -> Result<Grants, StoreError> {
        let facts = self.facts(caller.into(), origin).await?;
        Ok(self.policy.load().grants_in(account, &facts))
    }

    /// The access that the caller has to this role today; none where they have no such role.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn role<'a>(
        &self,
        role: &RoleRequest,
        caller: impl Into<Caller<'a>>,
        origin: &ClientInfo,
    ) -> Result<Option<RoleAccess>, StoreError> {
        let grants = self.grants_in(&role.account, caller, origin).await?;
        Ok(role.find_in(&grants))
    }

    /// What a client could use at once if this person allowed it, in the flow and from the address from which it asks.
    ///
    /// # Errors
    /// As [`Entitlements::facts`].
    pub async fn client_reach<'a>(
        &self,
        person: impl Into<Caller<'a>>,
        flow: Flow,
        origin: &ClientInfo,
    ) -> Result<ClientReach, StoreError> {
        let caller = Caller {
            flow: Some(flow),
            ..person.into()
        };
        let grants = self.grants(caller, origin).await?;
        let accounts: HashSet<_> = grants
            .iter()
            .map(|grant| grant.account().id.clone())
            .collect();
        Ok(ClientReach {
            roles: grants.iter().count(),
            accounts: accounts.len(),
        })
    }

    /// Lets a new policy serve from the next request on; says how much it changes. `digest` names what was read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the change could not be audited; the old policy serves on.
    pub async fn replace_policy(
        &self,
        policy: Policy,
        digest: String,
    ) -> Result<PolicyChanges, StoreError> {
        let changes = policy.changes_since(&self.policy());
        self.record(digest, Some(changes)).await?;
        self.policy.store(Arc::new(policy));
        Ok(changes)
    }

    /// Audits that the configuration of this digest serves.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_load(&self, digest: String) -> Result<(), StoreError> {
        self.record(digest, None).await
    }

    async fn record(
        &self,
        digest: String,
        changes: Option<PolicyChanges>,
    ) -> Result<(), StoreError> {
        let changes = changes.map(Into::into);
        let loaded = AuditEventKind::ConfigurationLoaded { digest, changes };
        self.journal
            .append(&self.journal.own_context(), loaded)
            .await
    }

    /// Audits that a configuration was refused and the old one serves on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_refused_load(&self, errors: u64) -> Result<(), StoreError> {
        let refused = AuditEventKind::ConfigurationRefused { mistakes: errors };
        self.journal
            .append(&self.journal.own_context(), refused)
            .await
    }
}
