//! Which assignments and deny rules cover which accounts in a new policy, compared with an old one.
//!
//! An account that moves to another organizational unit, or whose tags or name change, matches other selectors. The comparison
//! is by rule, account and permission set, so it does not depend on who the people are.

use std::collections::{HashMap, HashSet};

use crate::access::assignment::Scope;
use crate::access::catalog::{Account, PermissionSetName};
use crate::access::policy::{Contents, Policy};
use crate::aws::AccountId;

/// A rule that covers other permission sets in an account than before.
#[derive(Clone, Debug)]
pub struct CoverageChange<'p> {
    /// What has changed.
    pub kind: CoverageKind,
    /// `id` of the assignment or deny rule.
    pub rule: &'p str,
    /// The account, in the policy that covers it.
    pub account: &'p Account,
    /// The permission sets.
    pub permission_sets: Vec<&'p PermissionSetName>,
    /// For [`CoverageKind::Assigned`]: deny rules that cover some of the permission sets for some people.
    pub denied_by: Vec<&'p str>,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageKind {
    /// An assignment grants the permission sets in the account; it did not before.
    Assigned,
    /// A deny rule no longer covers permission sets that assignments grant in the account.
    NoLongerDenied,
    /// An assignment no longer grants the permission sets in the account.
    NoLongerAssigned,
    /// A deny rule covers permission sets that assignments grant in the account; it did not before.
    Denied,
}

impl CoverageKind {
    /// Whether people can gain access by the change.
    pub fn is_gain(self) -> bool {
        match self {
            Self::Assigned | Self::NoLongerDenied => true,
            Self::NoLongerAssigned | Self::Denied => false,
        }
    }
}

impl Policy {
    /// The changes of coverage since `old`, gains first; without `old`, everything that this policy grants.
    pub fn coverage_changes<'p>(&'p self, old: Option<&'p Self>) -> Vec<CoverageChange<'p>> {
        let new = View::new(&self.0);
        let old = old.map(|old| View::new(&old.0));
        let assignments: Rules = |view| &view.assignments;
        let denies: Rules = |view| &view.denies;
        let mut assigned = AssignedSets::new(&new);
        let mut changes = Vec::new();
        for covered in beyond(&new, old.as_ref(), assignments) {
            let denied_by = new.denied_by(&covered);
            changes.push(covered.change(CoverageKind::Assigned, denied_by));
        }
        for covered in beyond(&new, old.as_ref(), denies) {
            let covered = assigned.restrict(covered);
            changes.extend(covered.map(|covered| covered.change(CoverageKind::Denied, Vec::new())));
        }
        if let Some(old) = &old {
            for covered in beyond(old, Some(&new), denies) {
                let covered = assigned.restrict(covered);
                let change =
                    |covered: Covered<'p>| covered.change(CoverageKind::NoLongerDenied, Vec::new());
                changes.extend(covered.map(change));
            }
            for covered in beyond(old, Some(&new), assignments) {
                changes.push(covered.change(CoverageKind::NoLongerAssigned, Vec::new()));
            }
        }
        changes
            .sort_by(|a, b| (a.kind, a.rule, &a.account.id).cmp(&(b.kind, b.rule, &b.account.id)));
        changes
    }
}

type Rules = for<'v, 'p> fn(&'v View<'p>) -> &'v HashMap<&'p str, &'p Scope>;

/// The rules of a policy by ID.
struct View<'p> {
    contents: &'p Contents,
    assignments: HashMap<&'p str, &'p Scope>,
    denies: HashMap<&'p str, &'p Scope>,
}

/// An account with permission sets that a rule covers there.
struct Covered<'p> {
    rule: &'p str,
    account: &'p Account,
    sets: Vec<&'p PermissionSetName>,
}

impl<'p> Covered<'p> {
    fn change(self, kind: CoverageKind, denied_by: Vec<&'p str>) -> CoverageChange<'p> {
        let Self {
            rule,
            account,
            sets,
        } = self;
        CoverageChange {
            kind,
            rule,
            account,
            permission_sets: sets,
            denied_by,
        }
    }
}

impl<'p> View<'p> {
    fn new(contents: &'p Contents) -> Self {
        let assignments = contents.assignments.iter();
        let denies = contents.denies.iter();
        Self {
            contents,
            assignments: assignments.map(|rule| (&*rule.id, &rule.scope)).collect(),
            denies: denies.map(|rule| (&*rule.id, &rule.scope)).collect(),
        }
    }

    fn accounts(&self, scope: &'p Scope) -> impl Iterator<Item = &'p Account> {
        let accounts = &self.contents.accounts;
        scope
            .accounts
            .iter()
            .map(|index| &accounts[*index as usize])
    }

    fn sets(&self, scope: &'p Scope) -> impl Iterator<Item = &'p PermissionSetName> {
        let sets = &self.contents.sets;
        scope.sets.numbers().map(|index| &sets[index as usize].name)
    }

    /// The deny rules that cover one of the permission sets in the account.
    fn denied_by(&self, covered: &Covered<'p>) -> Vec<&'p str> {
        let Some(account) = self.contents.account_by_id.get(&covered.account.id) else {
            return Vec::new();
        };
        let applies = |scope: &'p Scope| {
            scope.covers(*account) && self.sets(scope).any(|set| covered.sets.contains(&set))
        };
        let denies = self
            .contents
            .denies
            .iter()
            .filter(|deny| applies(&deny.scope));
        denies.map(|deny| &*deny.id).collect()
    }
}

/// What the rules of `one` cover and the rules of the same ID in `other` do not.
fn beyond<'p>(one: &View<'p>, other: Option<&View<'p>>, rules: Rules) -> Vec<Covered<'p>> {
    let mut found = Vec::new();
    for (rule, scope) in rules(one) {
        let counterpart = other.and_then(|other| Some((other, *rules(other).get(rule)?)));
        let (accounts, sets): (HashSet<&AccountId>, HashSet<&PermissionSetName>) = match counterpart
        {
            Some((view, scope)) => (
                view.accounts(scope).map(|account| &account.id).collect(),
                view.sets(scope).collect(),
            ),
            None => Default::default(),
        };
        let all: Vec<&PermissionSetName> = one.sets(scope).collect();
        let more: Vec<&PermissionSetName> = all
            .iter()
            .copied()
            .filter(|set| !sets.contains(set))
            .collect();
        for account in one.accounts(scope) {
            let sets = if accounts.contains(&account.id) {
                &more
            } else {
                &all
            };
            if !sets.is_empty() {
                let sets = sets.clone();
                found.push(Covered {
                    rule,
                    account,
                    sets,
                });
            }
        }
    }
    found
}

/// The permission sets that assignments of a policy grant in each account. Computed for each account once.
struct AssignedSets<'v, 'p> {
    view: &'v View<'p>,
    known: HashMap<AccountId, HashSet<&'p PermissionSetName>>,
}

impl<'v, 'p> AssignedSets<'v, 'p> {
    fn new(view: &'v View<'p>) -> Self {
        let known = HashMap::new();
        Self { view, known }
    }

    /// Only the permission sets that an assignment grants in the account; `None` if there is none.
    fn restrict(&mut self, covered: Covered<'p>) -> Option<Covered<'p>> {
        let view = self.view;
        let index = *view.contents.account_by_id.get(&covered.account.id)?;
        let id = covered.account.id.clone();
        let assigned = self.known.entry(id).or_insert_with(|| {
            let assignments = view.contents.assignments.iter();
            let here = assignments.filter(|rule| rule.scope.covers(index));
            here.flat_map(|rule| view.sets(&rule.scope)).collect()
        });
        let sets = covered
            .sets
            .iter()
            .copied()
            .filter(|set| assigned.contains(set));
        let sets: Vec<&PermissionSetName> = sets.collect();
        (!sets.is_empty()).then_some(Covered { sets, ..covered })
    }
}
