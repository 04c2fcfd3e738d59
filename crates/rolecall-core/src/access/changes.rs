//! The differences between two policies.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;

use super::assignment::Scope;
use super::policy::{Contents, Policy};

/// Number of entries that were added, removed or changed. Each entry counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChanges {
    /// Changed `[[assignment]]` entries, by ID.
    pub assignments: usize,
    /// Changed `[[deny]]` entries, by ID.
    pub denies: usize,
    /// Changed pairs of an account and a permission set, among those that an assignment of either policy covers. A
    /// change of the account or of the permission set counts.
    pub roles: usize,
}

impl fmt::Display for PolicyChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            assignments,
            denies,
            roles,
        } = self;
        let s = |number: &usize| if *number == 1 { "" } else { "s" };
        write!(
            f,
            "{assignments} assignment{}, {denies} deny rule{} and {roles} role{} changed",
            s(assignments),
            s(denies),
            s(roles)
        )
    }
}

impl Policy {
    /// The changes from `old` to this policy.
    pub fn changes_since(&self, old: &Self) -> PolicyChanges {
        let (new, old) = (&*self.0, &*old.0);
        PolicyChanges {
            assignments: differing(&new.assignments_by_id(), &old.assignments_by_id()),
            denies: differing(&new.denies_by_id(), &old.denies_by_id()),
            roles: differing(&new.roles(), &old.roles()),
        }
    }
}

/// Number of keys that only one map has, or whose values differ.
fn differing<K: Eq + Hash, V: PartialEq>(new: &HashMap<K, V>, old: &HashMap<K, V>) -> usize {
    let changed = |(key, value): &(&K, &V)| old.get(*key) != Some(*value);
    let added_or_changed = new.iter().filter(changed).count();
    added_or_changed + old.keys().filter(|key| !new.contains_key(*key)).count()
}

// Indexes of accounts and permission sets differ between policies, so entries are compared by name.
impl Contents {
    fn assignments_by_id(&self) -> HashMap<&str, String> {
        let described = self.assignments.iter().map(|assignment| {
            let (who, when) = (&assignment.who, &assignment.when);
            let (duration, owner) = (assignment.session_duration, &assignment.owner);
            let pairs = self.pairs(&assignment.scope);
            let text = format!("{who:?} {when:?} {duration:?} {owner:?} {pairs:?}");
            (&*assignment.id, text)
        });
        described.collect()
    }

    fn denies_by_id(&self) -> HashMap<&str, String> {
        let described = self.denies.iter().map(|deny| {
            let (who, reason) = (&deny.who, &deny.reason);
            let pairs = self.pairs(&deny.scope);
            (&*deny.id, format!("{who:?} {reason:?} {pairs:?}"))
        });
        described.collect()
    }

    /// Every role that an assignment grants, with its account and permission set.
    fn roles(&self) -> HashMap<(&str, &str), (String, String)> {
        let scopes = self.assignments.iter().map(|assignment| &assignment.scope);
        let assigned: BTreeSet<_> = scopes.flat_map(|scope| scope.pairs_within(None)).collect();
        let accounts: Vec<String> = texts(&self.accounts);
        let sets: Vec<String> = texts(&self.sets);
        let role = |(account, set): (u32, u32)| {
            let (account, set) = (account as usize, set as usize);
            let names = (
                self.accounts[account].id.as_str(),
                self.sets[set].name.as_str(),
            );
            (names, (accounts[account].clone(), sets[set].clone()))
        };
        assigned.into_iter().map(role).collect()
    }

    fn pairs(&self, scope: &Scope) -> (Vec<&str>, Vec<&str>) {
        let mut accounts: Vec<&str> = scope
            .accounts
            .iter()
            .map(|account| self.accounts[*account as usize].id.as_str())
            .collect();
        accounts.sort_unstable();
        let sets = scope.sets.numbers();
        let sets = sets.map(|set| self.sets[set as usize].name.as_str());
        (accounts, sets.collect())
    }
}

fn texts<T: fmt::Debug>(entries: &[T]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}
