//! Who may use a role: what the rules say, and what they mean for one person.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::access::catalog::{Account, VariantName};
use crate::access::permission_set::PermissionSet;
use crate::access::policy::Policy;
use crate::access::standing;
use crate::access::views::RuleView;
use crate::access::who::Person;
use crate::aws::{AccountId, RoleArn};
use crate::caller::Facts;

/// The rules that cover a permission set in an account.
#[derive(Clone, Debug)]
pub struct RoleRules<'p> {
    /// The account.
    pub account: &'p Account,
    /// The permission set; its variants are granted and denied with it.
    pub permission_set: &'p PermissionSet,
    /// Assignments that grant it, in the order of the files.
    pub assignments: Vec<RuleView>,
    /// Deny rules that withhold it from people, in the order of the files.
    pub denies: Vec<RuleView>,
}

/// What the rules mean for one person, whatever the circumstances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PersonAccess {
    /// The assignments that match the person.
    pub assignments: Vec<MatchingAssignment>,
    /// IDs of the deny rules that match the person.
    pub denied_by: Vec<String>,
    /// Why the person has no session although an assignment matches: a session tag or the source identity cannot be
    /// rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unusable: Option<String>,
    /// IDs of the assignments that match if a claim that is not known has one of their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<String>,
    /// IDs of the deny rules that match if a claim that is not known has one of their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible_denies: Vec<String>,
}

/// An assignment that matches a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatchingAssignment {
    /// ID of the assignment.
    pub id: String,
    /// What its conditions require; empty if it always applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
}

impl PersonAccess {
    /// Whether the person may use the role when the conditions of an assignment are met.
    pub fn is_allowed(&self) -> bool {
        !self.assignments.is_empty()
            && self.denied_by.is_empty()
            && self.possible_denies.is_empty()
            && self.unusable.is_none()
    }

    /// Whether an assignment matches and a deny rule withholds the role.
    pub fn is_denied(&self) -> bool {
        !self.assignments.is_empty() && !self.denied_by.is_empty()
    }

    /// Whether it depends on a claim that is not known.
    pub fn is_unknown(&self) -> bool {
        let may_have = match self.assignments.is_empty() {
            true => !self.possible.is_empty(),
            false => !self.possible_denies.is_empty(),
        };
        may_have && self.denied_by.is_empty() && self.unusable.is_none()
    }
}

impl Policy {
    /// The rules that cover this permission set in this account; `None` if one of them does not exist.
    pub fn role_rules(
        &self,
        account: &AccountId,
        permission_set: &str,
        now: DateTime<Utc>,
    ) -> Option<RoleRules<'_>> {
        let contents = &*self.0;
        let at = *contents.account_by_id.get(account)?;
        let set = contents.set_by_name(permission_set)?;
        let assignments = contents.assignments.iter();
        let denies = contents.denies.iter();
        Some(RoleRules {
            account: &contents.accounts[at as usize],
            permission_set: &contents.sets[set as usize],
            assignments: assignments
                .filter(|one| one.scope.holds(at, set))
                .map(|one| RuleView::of_assignment(one, now))
                .collect(),
            denies: denies
                .filter(|one| one.scope.holds(at, set))
                .map(RuleView::of_deny)
                .collect(),
        })
    }

    /// What the rules that cover this permission set in this account mean for a person. Conditions are not evaluated, except
    /// that an expired assignment grants nothing.
    pub fn access_of(
        &self,
        facts: &Facts<'_>,
        account: &AccountId,
        permission_set: &str,
    ) -> PersonAccess {
        let contents = &*self.0;
        let at = contents.account_by_id.get(account).copied();
        let set = contents.set_by_name(permission_set);
        let (Some(at), Some(set)) = (at, set) else {
            return PersonAccess::default();
        };
        let standing = contents.standing(&Person::new(facts), facts.circumstances().now);
        let assignment = |number: &u32| &contents.assignments[*number as usize];
        let covering = |numbers: &[u32]| -> Vec<u32> {
            let numbers = numbers.iter();
            let held = numbers.filter(|number| assignment(number).scope.holds(at, set));
            held.copied().collect()
        };
        let matching = covering(&standing.assignments);
        let denies = |numbers: &[u32]| -> Vec<String> {
            let denies = numbers
                .iter()
                .map(|number| &contents.denies[*number as usize]);
            let denies = denies.filter(|deny| deny.scope.holds(at, set));
            denies.map(|deny| deny.id.to_string()).collect()
        };
        let unusable = match matching.is_empty() {
            true => None,
            false => standing::unusable(&contents.sets[set as usize], contents.partition, facts),
        };
        PersonAccess {
            assignments: matching
                .iter()
                .map(|number| MatchingAssignment {
                    id: assignment(number).id.to_string(),
                    requires: assignment(number).when.requirements(),
                })
                .collect(),
            denied_by: denies(&standing.denies),
            possible_denies: denies(&standing.possible_denies),
            unusable: unusable.map(|error| error.to_string()),
            possible: covering(&standing.possible)
                .iter()
                .map(|number| assignment(number).id.to_string())
                .collect(),
        }
    }
}

impl RoleRules<'_> {
    /// The roles of the permission set and of its variants in the account, with their ARNs.
    pub fn roles(&self, policy: &Policy) -> Vec<(String, RoleArn)> {
        let set = self.permission_set;
        let role = |variant: Option<&VariantName>, path: &crate::aws::RolePath| {
            let label = format!("{}/{}", self.account.name, set.role_name(variant));
            let arn = RoleArn::new(policy.0.partition, self.account.id.clone(), path.clone());
            (label, arn)
        };
        let variants = set.variants.iter();
        let variants =
            variants.map(|one| role(Some(&one.name), one.role.as_ref().unwrap_or(&set.role)));
        std::iter::once(role(None, &set.role))
            .chain(variants)
            .collect()
    }
}
