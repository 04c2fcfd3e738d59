//! Which rules match a person, whatever the circumstances: conditions are not evaluated.

use chrono::{DateTime, Utc};

use crate::access::assignment::AssignmentIndex;
use crate::access::policy::Contents;
use crate::access::who::{Person, RuleKind, UnmetCondition};

/// The rules whose `who` matches a person.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Assignments that have not expired, in order.
    pub(super) assignments: Vec<AssignmentIndex>,
    /// Assignments that match if a claim that is not known has one of their values.
    pub(super) possible: Vec<AssignmentIndex>,
    /// Deny rules, in order. A claim that is not known counts as a match.
    pub(super) denies: Vec<u32>,
}

impl Contents {
    pub(super) fn standing(&self, person: &Person<'_>, now: DateTime<Utc>) -> Standing {
        let mut standing = Standing::default();
        // Unknown claims are presumed to match when candidates of deny rules are looked up.
        let lookup = match person.identity.may_have_unread_claims() {
            true => RuleKind::Deny,
            false => RuleKind::Assignment,
        };
        for number in self.assignment_index.candidates(person, lookup) {
            let assignment = &self.assignments[number as usize];
            if assignment.when.has_expired(now) {
                continue;
            }
            match assignment.who.mismatch(person, RuleKind::Assignment) {
                None => standing.assignments.push(number),
                Some(UnmetCondition::Claim(..) | UnmetCondition::ClaimMatching(..)) => {
                    if assignment.who.mismatch(person, RuleKind::Deny).is_none() {
                        standing.possible.push(number);
                    }
                }
                Some(
                    UnmetCondition::Provider(_)
                    | UnmetCondition::Users
                    | UnmetCondition::Subjects
                    | UnmetCondition::Groups(_),
                ) => {}
            }
        }
        let denies = self.deny_index.candidates(person, RuleKind::Deny);
        let holds = |number: &u32| {
            let deny = &self.denies[*number as usize];
            deny.who.mismatch(person, RuleKind::Deny).is_none()
        };
        standing.denies = denies.into_iter().filter(holds).collect();
        standing
    }
}
