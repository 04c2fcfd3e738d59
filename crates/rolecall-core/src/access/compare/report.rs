//! The differences of all people as a report: equal differences of one permission set in several accounts are one entry.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::access::assignment::{Assignment, Deny};
use crate::access::compare::outcome::{Delta, Kind};
use crate::access::compare::tally::{Cause, Names, UnknownRule};
use crate::access::compare::{Change, Comparison, Effect, Tally};
use crate::identity::ClaimPath;

/// A difference of one permission set or variant, in all accounts in which the same people have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleDifference {
    /// `gained`, `changed` or `lost`.
    pub kind: &'static str,
    /// Whether it gives access or takes it away.
    pub effect: Effect,
    /// The roles as on the command line, such as `payments-prod/Developer`, by account.
    pub roles: Vec<String>,
    /// What the new access requires, one text for each alternative; empty if nothing.
    pub requires: Vec<String>,
    /// The longest session of the new access, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// What differs, if the people have the role under both policies.
    pub changes: Vec<Change>,
    /// The rules that explain it, for people; a bounded number of them.
    pub reasons: Vec<String>,
    /// Number of people.
    pub people: u64,
    /// Numbers of the first of them, ascending.
    #[serde(skip)]
    pub first: Vec<u32>,
}

/// A rule of the new policy that may match people by claims that are not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownMatches {
    /// `assignment` or `deny`.
    pub kind: &'static str,
    /// ID of the rule.
    pub id: String,
    /// An assignment may give access, and a deny rule take it away.
    pub effect: Effect,
    /// The claims that it uses.
    pub claims: Vec<String>,
    /// Number of people.
    pub people: u64,
    /// Numbers of the first of them, ascending.
    #[serde(skip)]
    pub first: Vec<u32>,
}

/// One role with one difference.
struct Line<'t> {
    slot: usize,
    delta: &'t Delta,
    names: &'t Names,
    account: usize,
}

impl Comparison {
    /// The differences: gains first, then changes and losses; each by permission set and account.
    pub fn report(&self, tally: &Tally) -> Vec<RoleDifference> {
        let slots = self.slots().max(1);
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (role, differences) in &tally.roles {
            let role = usize::try_from(*role).unwrap_or_default();
            let (account, slot) = (role / slots, role % slots);
            lines.extend(differences.iter().map(|(delta, names)| Line {
                slot,
                delta: &tally.deltas[*delta as usize],
                names,
                account,
            }));
        }
        fn key<'l>(line: &'l Line<'_>) -> impl Ord + use<'l> {
            let (delta, names) = (line.delta, line.names);
            let people = (names.first.as_slice(), names.count, names.sum);
            let causes = names.causes.as_slice();
            (delta.effect(), delta.kind, line.slot, delta, people, causes)
        }
        let name = |line: &Line<'_>| &self.accounts[line.account];
        lines.sort_by(|a, b| {
            let by_name = |line| (&name(line).1, &name(line).0);
            key(a)
                .cmp(&key(b))
                .then_with(|| by_name(a).cmp(&by_name(b)))
        });
        let groups = lines.chunk_by(|a, b| key(a) == key(b));
        groups.map(|group| self.difference(group)).collect()
    }

    fn difference(&self, group: &[Line<'_>]) -> RoleDifference {
        let (delta, names) = (group[0].delta, group[0].names);
        let role = self.role_name(group[0].slot);
        RoleDifference {
            kind: match delta.kind {
                Kind::Gained => "gained",
                Kind::Changed => "changed",
                Kind::Lost => "lost",
            },
            effect: delta.effect(),
            roles: group
                .iter()
                .map(|line| format!("{}/{role}", self.accounts[line.account].1))
                .collect(),
            requires: delta.requires.clone(),
            duration_seconds: delta.duration.map(|duration| duration.seconds()),
            changes: delta.changes.clone(),
            reasons: self.reasons(&names.causes),
            people: names.count,
            first: names.first.clone(),
        }
    }

    /// Name of the role of a slot, such as `Developer@readonly`.
    fn role_name(&self, mut slot: usize) -> String {
        for set in &self.sets {
            match set.slots.get(slot) {
                Some(found) => {
                    return match &found.variant {
                        Some(variant) => format!("{}@{variant}", set.name),
                        None => set.name.clone(),
                    };
                }
                None => slot -= set.slots.len(),
            }
        }
        String::new()
    }

    fn reasons(&self, causes: &[Cause]) -> Vec<String> {
        let assignment = |rules: &[Assignment], number: u32| rules[number as usize].id.to_string();
        let deny = |rules: &[Deny], number: u32| rules[number as usize].id.to_string();
        let (old, new) = (&self.old.policy.0, &self.new.policy.0);
        let mut by_kind: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for cause in causes {
            let (text, id) = match cause {
                Cause::Through(number) => ("through", assignment(&new.assignments, *number)),
                Cause::NoLongerDenied(number) => {
                    ("no longer denied by", deny(&old.denies, *number))
                }
                Cause::Usable => (
                    "its session tags and source identity can be rendered now",
                    String::new(),
                ),
                Cause::Denied(number) => ("denied by", deny(&new.denies, *number)),
                Cause::NoLongerThrough(number) => {
                    ("no longer through", assignment(&old.assignments, *number))
                }
                Cause::Unusable => (
                    "a session tag or its source identity cannot be rendered",
                    String::new(),
                ),
            };
            by_kind.entry(text).or_default().insert(id);
        }
        let texts = by_kind.into_iter().map(|(text, ids)| {
            let ids: Vec<String> = ids.into_iter().collect();
            format!("{text} {}", ids.join(", ")).trim_end().to_owned()
        });
        texts.collect()
    }

    /// Rules of the new policy that may match people by claims that are not known. Whether they do is not known until these
    /// people sign in.
    pub fn unknown_matches(&self, tally: &Tally) -> Vec<UnknownMatches> {
        let unknown = tally.unknown.iter();
        unknown
            .map(|(rule, names)| {
                let contents = &self.new.policy.0;
                let (kind, effect, id, who) = match rule {
                    UnknownRule::Assignment(number) => {
                        let rule = &contents.assignments[*number as usize];
                        ("assignment", Effect::Gain, &rule.id, &rule.who)
                    }
                    UnknownRule::Deny(number) => {
                        let rule = &contents.denies[*number as usize];
                        ("deny", Effect::Loss, &rule.id, &rule.who)
                    }
                };
                let claims = who.claim_paths().map(ClaimPath::as_str);
                UnknownMatches {
                    kind,
                    id: id.to_string(),
                    effect,
                    claims: claims.map(str::to_owned).collect(),
                    people: names.count,
                    first: names.first.clone(),
                }
            })
            .collect()
    }

    /// Whether more roles differ than a report lists.
    pub fn is_cut(&self, tally: &Tally) -> bool {
        tally.left_off
    }
}
