//! Compares two policies: for people, role by role, who gains and who loses access; and rule by rule without people.
//!
//! Access is compared whatever the circumstances: the conditions of an assignment are compared as conditions. Whoever
//! matches `who` of an assignment that has not expired, and of no deny rule, may use its roles under its conditions.
//!
//! The cost per person depends on the rules that match the person and on the accounts that they cover. A [`Tally`] holds
//! a bounded number of names for each role, so memory does not depend on people times roles.

mod durations;
mod outcome;
mod person;
mod report;
mod role_changes;
mod rules;
mod side;
mod tally;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::access::policy::Policy;
use crate::aws::{AccountId, RoleSessionDuration};

use role_changes::{SetComparison, account_changes};
use side::{Interned, Side, Ways};

pub use report::{RoleDifference, UnknownMatches};
pub use rules::{RuleDifference, RuleEdit};
pub use tally::{AffectedPerson, Tally};

/// Whether a change gives access or takes it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Somebody may do more. A change that cannot be compared counts as a gain.
    Gain,
    /// Somebody may do less, and nobody more.
    Loss,
    /// Neither.
    None,
}

impl Effect {
    /// The effect of several changes: a gain outweighs a loss.
    fn of(changes: &[Change]) -> Self {
        let effects = changes.iter().map(|change| change.effect);
        effects.min().unwrap_or(Self::None)
    }
}

/// One difference of a role or a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Its effect.
    pub effect: Effect,
    /// The setting that differs: `conditions`, `session_duration`, `session_policy`, …
    pub what: &'static str,
    /// The difference, for people.
    pub text: String,
}

/// Two policies, prepared for the comparison.
pub struct Comparison {
    old: Side,
    new: Side,
    ways: Ways,
    /// Every account of either policy, by ID; with its name, that of the new policy first.
    accounts: Vec<(AccountId, String)>,
    /// Lists of accounts that rules cover.
    lists: Vec<Vec<u32>>,
    /// Permission sets that rules cover.
    masks: Vec<Vec<u32>>,
    /// Differences of each account, as an index in `account_changes`.
    account_change: Vec<u32>,
    /// Distinct differences of accounts; the first is empty.
    account_changes: Vec<Vec<Change>>,
    /// Every permission set of either policy, by name.
    sets: Vec<SetComparison>,
    now: DateTime<Utc>,
}

impl Comparison {
    /// Prepares the comparison. Assignments that have expired at `now` grant nothing.
    pub fn new(old: &Policy, new: &Policy, now: DateTime<Utc>) -> Self {
        let both = [old, new];
        let mut accounts: BTreeMap<AccountId, String> = BTreeMap::new();
        for account in both.iter().flat_map(|policy| policy.accounts()) {
            accounts.insert(account.id.clone(), account.name.to_string());
        }
        let accounts: Vec<(AccountId, String)> = accounts.into_iter().collect();
        let mut names: Vec<&str> = both
            .iter()
            .flat_map(|policy| policy.permission_sets())
            .map(|set| set.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let of = |policy: &Policy, name: &str| {
            let set = policy.0.set_by_name(name)?;
            Some(policy.0.sets[set as usize].clone())
        };
        let sets: Vec<SetComparison> = names
            .iter()
            .map(|name| SetComparison::new(name, of(old, name), of(new, name)))
            .collect();
        let mut interned = Interned::default();
        let old_side = Side::new(old, &accounts, &names, &mut interned, now);
        let new_side = Side::new(new, &accounts, &names, &mut interned, now);
        let mut distinct = vec![Vec::new()];
        let account_change = accounts
            .iter()
            .map(|(id, _)| {
                let changes = account_changes(old, new, id);
                let known = distinct.iter().position(|one| *one == changes);
                let at = known.unwrap_or_else(|| {
                    distinct.push(changes);
                    distinct.len() - 1
                });
                u32::try_from(at).unwrap_or_default()
            })
            .collect();
        Self {
            old: old_side,
            new: new_side,
            ways: interned.ways,
            lists: interned.lists,
            masks: interned.masks,
            accounts,
            account_change,
            account_changes: distinct,
            sets,
            now,
        }
    }

    /// Number of roles per account: permission sets and variants of either policy.
    fn slots(&self) -> usize {
        self.sets.iter().map(|set| set.slots.len()).sum()
    }

    /// The old policy.
    pub fn old(&self) -> &Policy {
        &self.old.policy
    }

    /// The new policy.
    pub fn new_policy(&self) -> &Policy {
        &self.new.policy
    }
}

/// The longest session that these assignments allow with the limits of the permission set and variant. Assignments
/// without conditions always apply; of the others, each alone is considered.
fn longest(
    ways: impl Iterator<Item = (bool, Option<RoleSessionDuration>)> + Clone,
    of_set: Option<RoleSessionDuration>,
    of_variant: Option<RoleSessionDuration>,
) -> RoleSessionDuration {
    let always: Vec<Option<RoleSessionDuration>> = ways
        .clone()
        .filter(|(is_conditional, _)| !is_conditional)
        .map(|(_, limit)| limit)
        .collect();
    let base = always.iter().flatten().copied().chain(of_set).min();
    let or_default =
        |limit: Option<RoleSessionDuration>| limit.unwrap_or(RoleSessionDuration::DEFAULT);
    let alone = (!always.is_empty()).then(|| or_default(base));
    let conditional = ways.filter(|(is_conditional, _)| *is_conditional);
    let each = conditional.map(|(_, limit)| or_default(base.into_iter().chain(limit).min()));
    let longest = alone.into_iter().chain(each).max();
    let longest = or_default(longest);
    of_variant.map_or(longest, |limit| limit.min(longest))
}
