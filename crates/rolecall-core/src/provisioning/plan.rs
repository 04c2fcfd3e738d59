//! The plans of all accounts.

use std::collections::BTreeSet;

use super::account::Findings;
use super::{AccountPlan, Installation, PlanError, PlanNote, ProviderPlan, intermediate};
use crate::access::Policy;
use crate::aws::AccountId;

/// The plans of accounts, and what an administrator should know about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By name of the account. Accounts without an assigned permission set are left out, unless they have roles of `via` or the
    /// gateway's principal; those that are not in the policy are last, by ID.
    pub accounts: Vec<AccountPlan>,
    /// Notes, without duplicates.
    pub notes: BTreeSet<PlanNote>,
}

/// Plans the accounts of the policy, or only those with these IDs.
///
/// # Errors
/// Every error.
pub fn plan(
    policy: &Policy,
    installation: &Installation<'_>,
    only: Option<&BTreeSet<AccountId>>,
) -> Result<Plan, BTreeSet<PlanError>> {
    let mut findings = Findings::default();
    let mut accounts = Vec::new();
    let is_wanted = |id: &AccountId| only.is_none_or(|only| only.contains(id));
    let assigned = policy.assigned_roles();
    for of_account in assigned.chunk_by(|one, other| one.account.id == other.account.id) {
        let Some(first) = of_account.first() else {
            continue;
        };
        if is_wanted(&first.account.id) {
            let plan = AccountPlan::new(first.account, of_account, installation, &mut findings);
            accounts.extend(plan);
        }
    }
    if !installation.existing.gateway {
        intermediate::add(
            &assigned,
            installation,
            is_wanted,
            &mut accounts,
            &mut findings,
        );
    }
    let Findings { errors, mut notes } = findings;
    if !errors.is_empty() {
        return Err(errors);
    }
    let is_own = |provider: &ProviderPlan| match provider {
        ProviderPlan::Oidc { url, .. } => url == installation.issuer_url(),
        ProviderPlan::Saml { .. } => false,
    };
    let mut providers = accounts.iter().flat_map(|account| &account.provider);
    if installation.issuer.scheme() != "https" && providers.any(is_own) {
        notes.insert(PlanNote::IssuerNotHttps);
    }
    Ok(Plan { accounts, notes })
}
