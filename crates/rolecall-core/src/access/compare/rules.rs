//! The differences of two policies rule by rule, without people.
//!
//! Who matches a rule is not known, so the effect is a bound: a rule that another rule of the other policy covers
//! completely gives nothing new, and every other addition counts as a gain.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::access::assignment::{Assignment, Deny, RuleLocation};
use crate::access::compare::durations::longer;
use crate::access::compare::outcome::durations;
use crate::access::compare::side::{Rule, Side};
use crate::access::compare::{Change, Comparison, Effect};
use crate::access::views::{WhoView, place};
use crate::access::who::Who;
use crate::aws::RoleSessionDuration;

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEdit {
    /// Only the new policy has it.
    Added,
    /// It differs.
    Changed,
    /// Only the old policy has it.
    Removed,
}

/// An entry that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleDifference {
    /// `assignment`, `deny`, `permission_set` or `account`.
    pub kind: &'static str,
    /// ID or name of the entry.
    pub id: String,
    /// What happened to it.
    pub edit: RuleEdit,
    /// Whether it may give access or take it away.
    pub effect: Effect,
    /// File and line, in the new policy if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What differs.
    pub changes: Vec<Change>,
}

/// An assignment or a deny rule of one side.
#[derive(Clone, Copy)]
struct Entry<'s> {
    id: &'s str,
    who: &'s Who,
    location: &'s RuleLocation,
    rule: Rule,
}

impl Comparison {
    /// The entries that differ: assignments and deny rules by ID, permission sets and accounts by name.
    pub fn rule_differences(&self) -> Vec<RuleDifference> {
        let mut differences =
            self.of_kind("assignment", assignments(&self.old), assignments(&self.new));
        differences.extend(self.of_kind("deny", denies(&self.old), denies(&self.new)));
        differences.extend(self.set_differences());
        differences.extend(self.account_differences());
        differences
    }

    fn of_kind(
        &self,
        kind: &'static str,
        old: Vec<Entry<'_>>,
        new: Vec<Entry<'_>>,
    ) -> Vec<RuleDifference> {
        let by_id = |entries: &[Entry<'_>]| -> BTreeMap<String, usize> {
            let entries = entries.iter().enumerate();
            entries
                .map(|(at, entry)| (entry.id.to_owned(), at))
                .collect()
        };
        let (old_ids, new_ids) = (by_id(&old), by_id(&new));
        let ids: BTreeSet<&String> = old_ids.keys().chain(new_ids.keys()).collect();
        let is_assignment = kind == "assignment";
        let mut differences = Vec::new();
        for id in ids {
            let before = old_ids.get(id).map(|at| old[*at]);
            let after = new_ids.get(id).map(|at| new[*at]);
            let is_same = |(a, b): (Entry<'_>, Entry<'_>)| {
                a.rule.content == b.rule.content && a.rule.who == b.rule.who
            };
            if before.zip(after).is_some_and(is_same) {
                continue;
            }
            // What the new policy has beyond the old one, and the other way round.
            let beyond = |one: Option<Entry<'_>>, others: &[Entry<'_>]| {
                one.filter(|one| !one.rule.expired)
                    .is_some_and(|one| !others.iter().any(|other| self.covers(*other, one)))
            };
            let (more, less) = (beyond(after, &old), beyond(before, &new));
            let frees = is_assignment && before.is_some_and(|one| self.frees_sessions(one, &new));
            let gives = if is_assignment { more || frees } else { less };
            let effect = match (gives, more || less) {
                (true, _) => Effect::Gain,
                (false, true) => Effect::Loss,
                (false, false) => Effect::None,
            };
            let location = after.or(before).map(|entry| place(entry.location));
            let mut changes = self.entry_changes(before, after, is_assignment);
            changes.extend(frees.then(longer));
            differences.push(RuleDifference {
                kind,
                id: id.clone(),
                edit: match (before, after) {
                    (None, _) => RuleEdit::Added,
                    (Some(_), Some(_)) => RuleEdit::Changed,
                    (Some(_), None) => RuleEdit::Removed,
                },
                effect,
                place: location,
                changes,
            });
        }
        differences
    }

    /// Whether `wide` matches everyone whom `narrow` matches and covers its roles at least as long and as unconditionally.
    fn covers(&self, wide: Entry<'_>, narrow: Entry<'_>) -> bool {
        self.covers_roles(wide, narrow) && self.way_covers(wide.rule.way, narrow.rule.way)
    }

    /// Whether `wide` matches everyone whom `narrow` matches and covers its roles.
    fn covers_roles(&self, wide: Entry<'_>, narrow: Entry<'_>) -> bool {
        let contains = |all: &[Vec<u32>], wide: u32, narrow: u32| {
            let has = |one: &u32| all[wide as usize].binary_search(one).is_ok();
            wide == narrow || all[narrow as usize].iter().all(has)
        };
        contains(&self.masks, wide.rule.mask, narrow.rule.mask)
            && contains(&self.lists, wide.rule.list, narrow.rule.list)
            && wide.who.covers(narrow.who)
    }

    /// Whether an assignment of the old policy limited sessions that can last longer with the assignments of the new one.
    fn frees_sessions(&self, one: Entry<'_>, new: &[Entry<'_>]) -> bool {
        let mut live = new.iter().filter(|other| !other.rule.expired);
        !one.rule.expired
            && self.exceeds_limit(&one.rule)
            && !live.any(|other| {
                self.covers_roles(*other, one) && self.limits_as(other.rule.way, one.rule.way)
            })
    }

    fn way_covers(&self, wide: u32, narrow: u32) -> bool {
        if wide == narrow {
            return true;
        }
        let (_, wide_limit) = self.ways.limit(wide);
        let (_, narrow_limit) = self.ways.limit(narrow);
        let lasts = match (wide_limit, narrow_limit) {
            (Some(wide), Some(narrow)) => wide >= narrow,
            (wide, narrow) => wide == narrow,
        };
        lasts
            && self
                .ways
                .condition(wide)
                .covers(self.ways.condition(narrow))
    }

    fn entry_changes(
        &self,
        before: Option<Entry<'_>>,
        after: Option<Entry<'_>>,
        grants: bool,
    ) -> Vec<Change> {
        let (more, less) = match grants {
            true => (Effect::Gain, Effect::Loss),
            false => (Effect::Loss, Effect::Gain),
        };
        let change = |effect, what, text| Change { effect, what, text };
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (None, Some(entry)) => return vec![change(more, "who", self.summary(entry))],
            (Some(entry), None) => return vec![change(less, "who", self.summary(entry))],
            (None, None) => return Vec::new(),
        };
        let mut changes = Vec::new();
        let (old_who, new_who) = (WhoView::new(before.who), WhoView::new(after.who));
        if old_who != new_who {
            let effect = match (after.who.covers(before.who), before.who.covers(after.who)) {
                (true, true) => Effect::None,
                (true, false) => more,
                (false, true) => less,
                (false, false) => Effect::Gain,
            };
            changes.push(change(
                effect,
                "who",
                format!("{new_who} instead of {old_who}"),
            ));
        }
        let mut lists = |what, old: Vec<String>, new: Vec<String>| {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                let these = these.iter();
                these.filter(|one| !those.contains(one)).cloned().collect()
            };
            for (effect, verb, names) in [
                (more, "also", only(&new, &old)),
                (less, "no longer", only(&old, &new)),
            ] {
                if !names.is_empty() {
                    changes.push(change(effect, what, format!("{verb} {}", bounded(&names))));
                }
            }
        };
        let accounts = |entry: Entry<'_>| self.account_names(entry.rule.list);
        if before.rule.list != after.rule.list {
            lists("accounts", accounts(before), accounts(after));
        }
        let sets = |entry: Entry<'_>| self.set_names(entry.rule.mask);
        if before.rule.mask != after.rule.mask {
            lists("permission_sets", sets(before), sets(after));
        }
        if grants && before.rule.way != after.rule.way {
            changes.extend(self.way_changes(before.rule.way, after.rule.way));
        }
        changes
    }

    fn way_changes(&self, before: u32, after: u32) -> Vec<Change> {
        let mut changes = Vec::new();
        let (old, new) = (self.ways.condition(before), self.ways.condition(after));
        if old != new {
            let effect = match (new.covers(old), old.covers(new)) {
                (true, _) | (false, false) => Effect::Gain,
                (false, true) => Effect::Loss,
            };
            let text = |requirements: Vec<String>| match requirements.is_empty() {
                true => "no condition".to_owned(),
                false => requirements.join(" and "),
            };
            let (new, old) = (text(new.requirements()), text(old.requirements()));
            changes.push(Change {
                effect,
                what: "conditions",
                text: format!("requires {new} instead of {old}"),
            });
        }
        let limits = [before, after].map(|way| self.ways.limit(way).1);
        let text = |limit: Option<RoleSessionDuration>| match limit {
            None => "no limit".to_owned(),
            Some(limit) => limit.to_string(),
        };
        match limits {
            [Some(old), Some(new)] => changes.extend(durations(old, new)),
            [old, new] if old != new => changes.push(Change {
                effect: Effect::Gain,
                what: "session_duration",
                text: format!("{} instead of {}", text(new), text(old)),
            }),
            [_, _] => {}
        }
        changes
    }

    /// What an entry is for.
    fn summary(&self, entry: Entry<'_>) -> String {
        format!(
            "{}: {} in {}",
            WhoView::new(entry.who),
            bounded(&self.set_names(entry.rule.mask)),
            bounded(&self.account_names(entry.rule.list))
        )
    }

    fn account_names(&self, list: u32) -> Vec<String> {
        let list = self.lists[list as usize].iter();
        let mut names: Vec<String> = list
            .map(|account| self.accounts[*account as usize].1.clone())
            .collect();
        names.sort();
        names
    }

    fn set_names(&self, mask: u32) -> Vec<String> {
        let mask = self.masks[mask as usize].iter();
        mask.map(|set| self.sets[*set as usize].name.clone())
            .collect()
    }

    fn set_differences(&self) -> Vec<RuleDifference> {
        let mut differences = Vec::new();
        let sets = (0u32..).zip(&self.sets);
        for (number, set) in sets.filter(|(_, set)| set.differs) {
            for slot in &set.slots {
                let id = match &slot.variant {
                    Some(variant) => format!("{}@{variant}", set.name),
                    None => set.name.clone(),
                };
                let mut changes = slot.changes.clone();
                let (edit, effect) = match (slot.old, slot.new) {
                    (None, None) => continue,
                    // A permission set gives nothing without an assignment; a variant is granted with its permission set.
                    (None, Some(_)) => match set.old {
                        Some(_) => (RuleEdit::Added, Effect::Gain),
                        None => (RuleEdit::Added, Effect::None),
                    },
                    (Some(_), None) => (RuleEdit::Removed, Effect::Loss),
                    (Some(old), Some(new)) => {
                        let longest = |one: super::role_changes::Limits| {
                            let limits = std::iter::once((false, None));
                            super::longest(limits, one.of_set, one.of_variant)
                        };
                        let (earlier, later) = (longest(old), longest(new));
                        changes.extend(durations(earlier, later));
                        if later <= earlier && self.exceeds_old_limits(number, old, new) {
                            changes.push(longer());
                        }
                        if changes.is_empty() {
                            continue;
                        }
                        (RuleEdit::Changed, Effect::of(&changes))
                    }
                };
                differences.push(RuleDifference {
                    kind: "permission_set",
                    id,
                    edit,
                    effect,
                    place: None,
                    changes,
                });
            }
        }
        differences
    }

    fn account_differences(&self) -> Vec<RuleDifference> {
        let changed = self.accounts.iter().zip(&self.account_change);
        let changed = changed.filter(|(_, change)| **change != 0);
        changed
            .map(|((_, name), change)| {
                let changes = self.account_changes[*change as usize].clone();
                RuleDifference {
                    kind: "account",
                    id: name.clone(),
                    edit: RuleEdit::Changed,
                    effect: Effect::of(&changes),
                    place: None,
                    changes,
                }
            })
            .collect()
    }
}

/// The first names, and how many there are beyond them.
fn bounded(names: &[String]) -> String {
    const NAMES_MAX: usize = 10;
    let first = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>();
    match names.len().checked_sub(NAMES_MAX) {
        None | Some(0) => first.join(", "),
        Some(more) => format!("{} and {more} more", first.join(", ")),
    }
}

fn assignments(side: &Side) -> Vec<Entry<'_>> {
    let entries = side.policy.0.assignments.iter().zip(&side.assignments);
    let entry = |(one, rule): (_, &Rule)| {
        let one: &Assignment = one;
        Entry {
            id: &one.id,
            who: &one.who,
            location: &one.location,
            rule: *rule,
        }
    };
    entries.map(entry).collect()
}

fn denies(side: &Side) -> Vec<Entry<'_>> {
    let entries = side.policy.0.denies.iter().zip(&side.denies);
    let entry = |(one, rule): (_, &Rule)| {
        let one: &Deny = one;
        Entry {
            id: &one.id,
            who: &one.who,
            location: &one.location,
            rule: *rule,
        }
    };
    entries.map(entry).collect()
}
