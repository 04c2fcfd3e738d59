//! Permission sets that are assigned in an account, for the roles that must exist in it.

use std::collections::BTreeMap;

use crate::access::catalog::Account;
use crate::access::permission_set::PermissionSet;
use crate::access::policy::Policy;
use crate::aws::RoleSessionDuration;

/// A permission set that at least one assignment grants in an account.
#[derive(Clone, Copy, Debug)]
pub struct AssignedRole<'p> {
    /// The account.
    pub account: &'p Account,
    /// The permission set.
    pub permission_set: &'p PermissionSet,
    /// The longest session that a person can have. A variant can have a shorter one.
    pub duration_max: RoleSessionDuration,
}

impl Policy {
    /// The permission sets that are assigned in each account, by name of the account and of the permission set.
    pub fn assigned_roles(&self) -> Vec<AssignedRole<'_>> {
        let mut longest = BTreeMap::new();
        for assignment in &self.0.assignments {
            for (account, set) in assignment.scope.pairs_within(None) {
                let of_set = self.0.sets[set as usize].session_duration;
                let limits = of_set.into_iter().chain(assignment.session_duration);
                // A person can have this assignment alone, and others can only shorten the session.
                let duration = limits.min().unwrap_or(RoleSessionDuration::DEFAULT);
                let known = longest.entry((account, set)).or_insert(duration);
                *known = duration.max(*known);
            }
        }
        let role = |((account, set), duration_max): ((u32, u32), _)| AssignedRole {
            account: &self.0.accounts[account as usize],
            permission_set: &self.0.sets[set as usize],
            duration_max,
        };
        longest.into_iter().map(role).collect()
    }
}
