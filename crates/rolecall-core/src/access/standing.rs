//! Which rules match a person, whatever the circumstances: conditions are not evaluated.
//!
//! Of a person who is known as of an earlier sign-in, a claim may not be known, because no policy named it then. What
//! depends on such a claim is kept apart from what is certain.

use chrono::{DateTime, Utc};

use crate::access::assignment::AssignmentIndex;
use crate::access::attributes::{self, AttributeError};
use crate::access::permission_set::PermissionSet;
use crate::access::policy::Contents;
use crate::access::template::{Placeholder, Template};
use crate::access::who::{Person, RuleKind, Who};
use crate::aws::Partition;
use crate::caller::Facts;
use crate::identity::{ClaimPath, Identity, UnreadReason};

/// The rules whose `who` matches a person.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Assignments that have not expired, in order.
    pub(super) assignments: Vec<AssignmentIndex>,
    /// Assignments that match if a claim that is not known has one of their values.
    pub(super) possible: Vec<AssignmentIndex>,
    /// Deny rules, in order.
    pub(super) denies: Vec<u32>,
    /// Deny rules that match if a claim that is not known has one of their values.
    pub(super) possible_denies: Vec<u32>,
}

impl Contents {
    pub(super) fn standing(&self, person: &Person<'_>, now: DateTime<Utc>) -> Standing {
        let mut standing = Standing::default();
        let identity = person.identity;
        // With the candidates of deny rules, those by claims that are not known are found as well.
        let lookup = match identity.may_have_unread_claims() {
            true => RuleKind::Deny,
            false => RuleKind::Assignment,
        };
        for number in self.assignment_index.candidates(person, lookup) {
            let assignment = &self.assignments[number as usize];
            if assignment.when.has_expired(now) {
                continue;
            }
            let who = &assignment.who;
            if who.mismatch(person, RuleKind::Assignment).is_none() {
                standing.assignments.push(number);
            } else if who.could_match(person) {
                standing.possible.push(number);
            }
        }
        for number in self.deny_index.candidates(person, RuleKind::Deny) {
            let who = &self.denies[number as usize].who;
            if who.mismatch(person, RuleKind::Deny).is_some() {
                continue;
            }
            match depends_on_unknown(who, identity) {
                true => standing.possible_denies.push(number),
                false => standing.denies.push(number),
            }
        }
        standing
    }
}

impl Who {
    /// Whether an assignment matches if claims that are not known have one of its values.
    fn could_match(&self, person: &Person<'_>) -> bool {
        let identity = person.identity;
        let by_others = Self {
            claims: Vec::new(),
            claims_matching: Vec::new(),
            ..self.clone()
        };
        let mut paths = self.claim_paths().map(ClaimPath::as_str);
        depends_on_unknown(self, identity)
            && paths.all(|name| is_unknown(identity, name) || self.matches_claim(identity, name))
            && by_others.mismatch(person, RuleKind::Assignment).is_none()
    }

    /// Whether the values of the claim match each key by it.
    fn matches_claim(&self, identity: &Identity, name: &str) -> bool {
        let exact = self.claims.iter().filter(|(path, _)| path.as_str() == name);
        let mut exact = exact.map(|(_, wanted)| {
            let mut values = identity.claims.values(name);
            values.any(|value| wanted.iter().any(|one| one == value))
        });
        let patterns = self.claims_matching.iter();
        let patterns = patterns.filter(|(path, _)| path.as_str() == name);
        let mut patterns = patterns.map(|(_, pattern)| {
            let mut values = identity.claims.values(name);
            values.any(|value| pattern.matches(value))
        });
        exact.all(|matches| matches) && patterns.all(|matches| matches)
    }
}

/// Whether the values of a claim are not known because it was not kept.
fn is_unknown(identity: &Identity, name: &str) -> bool {
    identity.unread_claim(name) == Some(UnreadReason::NotKept)
}

/// Whether it depends on a claim that is not known whether the rule matches.
fn depends_on_unknown(who: &Who, identity: &Identity) -> bool {
    let mut paths = who.claim_paths();
    paths.any(|path| is_unknown(identity, path.as_str()))
}

/// Why the person cannot have a session of this permission set. `None` also if a claim that it needs is not known.
pub(super) fn unusable(
    set: &PermissionSet,
    partition: Partition,
    facts: &Facts<'_>,
) -> Option<AttributeError> {
    let mut placeholders = set.templates().flat_map(Template::placeholders);
    let is_unknown = placeholders.any(|one| match one {
        Placeholder::Claim(path) => is_unknown(facts.identity(), path.as_str()),
        Placeholder::Email | Placeholder::Name | Placeholder::Subject | Placeholder::Provider => {
            false
        }
    });
    match is_unknown {
        true => None,
        false => attributes::unusable(set, partition, facts),
    }
}
