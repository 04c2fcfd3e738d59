//! The plans of all accounts.

use std::collections::BTreeSet;

use super::account::Findings;
use super::{AccountPlan, Installation, PlanError, PlanNote};
use crate::access::Policy;
use crate::aws::AccountId;

/// The plans of accounts, and what an administrator should know about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By name of the account. Accounts without an assigned permission set are left out.
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
    let assigned = policy.assigned_roles();
    for of_account in assigned.chunk_by(|one, other| one.account.id == other.account.id) {
        let Some(first) = of_account.first() else {
            continue;
        };
        if only.is_none_or(|only| only.contains(&first.account.id)) {
            let plan = AccountPlan::new(first.account, of_account, installation, &mut findings);
            accounts.extend(plan);
        }
    }
    let Findings { errors, mut notes } = findings;
    if !errors.is_empty() {
        return Err(errors);
    }
    if installation.issuer.scheme() != "https" && accounts.iter().any(|one| one.provider.is_some())
    {
        notes.insert(PlanNote::IssuerNotHttps);
    }
    Ok(Plan { accounts, notes })
}
