//! What a change of the matching rules means for one role.

use crate::access::compare::durations::longer;
use crate::access::compare::role_changes::{Limits, Slot};
use crate::access::compare::side::Ways;
use crate::access::compare::{Change, Comparison, Effect, longest};
use crate::access::condition::Condition;
use crate::aws::RoleSessionDuration;

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Gained,
    Changed,
    Lost,
}

/// The difference of one role for people who have the same rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Delta {
    pub(super) kind: Kind,
    /// What the new access requires, one text for each alternative; empty if it has no conditions, or is lost.
    pub(super) requires: Vec<String>,
    /// The longest session of the new access.
    pub(super) duration: Option<RoleSessionDuration>,
    pub(super) changes: Vec<Change>,
}

impl Delta {
    pub(super) fn effect(&self) -> Effect {
        match self.kind {
            Kind::Gained => Effect::Gain,
            Kind::Lost => Effect::Loss,
            Kind::Changed => Effect::of(&self.changes),
        }
    }
}

impl Comparison {
    /// The difference of each slot of a permission set, for the ways in which each policy grants it; empty: not granted.
    pub(super) fn deltas(
        &self,
        set: usize,
        account_change: u32,
        (old, new): (&[u32], &[u32]),
    ) -> Vec<(u32, Delta)> {
        let account = &self.account_changes[account_change as usize];
        let slots = (0u32..).zip(&self.sets[set].slots);
        slots
            .filter_map(|(at, slot)| Some((at, self.delta(slot, account, (old, new))?)))
            .collect()
    }

    fn delta(
        &self,
        slot: &Slot,
        account: &[Change],
        (old_ways, new_ways): (&[u32], &[u32]),
    ) -> Option<Delta> {
        let old = slot.old.filter(|_| !old_ways.is_empty());
        let new = slot.new.filter(|_| !new_ways.is_empty());
        let (ways, limits) = match (old, new) {
            (None, None) => return None,
            (Some(_), None) => {
                return Some(Delta {
                    kind: Kind::Lost,
                    requires: Vec::new(),
                    duration: None,
                    changes: Vec::new(),
                });
            }
            (_, Some(limits)) => (new_ways, limits),
        };
        let alternatives = widest(&self.ways, ways);
        let duration = self.longest(ways, limits);
        let mut delta = Delta {
            kind: Kind::Gained,
            requires: requirements(&alternatives),
            duration: Some(duration),
            changes: Vec::new(),
        };
        if let Some(old_limits) = old {
            delta.kind = Kind::Changed;
            let before = widest(&self.ways, old_ways);
            delta.changes.extend(conditions(&before, &alternatives));
            let earlier = self.longest(old_ways, old_limits);
            delta.changes.extend(durations(earlier, duration));
            if duration <= earlier && self.lasts_longer((old_ways, old_limits), (ways, limits)) {
                delta.changes.push(longer());
            }
            delta.changes.extend(slot.changes.iter().cloned());
            delta.changes.extend(account.iter().cloned());
            if delta.changes.is_empty() {
                return None;
            }
        }
        Some(delta)
    }

    pub(super) fn longest(&self, ways: &[u32], limits: Limits) -> RoleSessionDuration {
        let limited = ways.iter().map(|way| self.ways.limit(*way));
        longest(limited, limits.of_set, limits.of_variant)
    }
}

/// The conditions of which each is met in a case in which no other is.
fn widest<'w>(all: &'w Ways, ways: &[u32]) -> Vec<&'w Condition> {
    let mut widest: Vec<&Condition> = Vec::new();
    for way in ways {
        let condition = all.condition(*way);
        if widest.iter().any(|wide| wide.covers(condition)) {
            continue;
        }
        widest.retain(|narrow| !condition.covers(narrow));
        widest.push(condition);
    }
    widest
}

/// What each alternative requires; empty if one of them requires nothing.
fn requirements(alternatives: &[&Condition]) -> Vec<String> {
    let texts = alternatives.iter();
    let mut texts: Vec<String> = texts
        .map(|condition| condition.requirements().join(" and "))
        .collect();
    texts.sort();
    match texts.first() {
        Some(first) if first.is_empty() => Vec::new(),
        Some(_) | None => texts,
    }
}

/// The conditions in one text.
pub(super) fn required(requires: &[String]) -> String {
    match requires {
        [] => "no condition".to_owned(),
        [_, ..] => requires.join(", or "),
    }
}

fn conditions(old: &[&Condition], new: &[&Condition]) -> Option<Change> {
    let beyond = |these: &[&Condition], those: &[&Condition]| {
        let mut these = these.iter();
        these.any(|one| !those.iter().any(|other| other.covers(one)))
    };
    let effect = match (beyond(new, old), beyond(old, new)) {
        (true, _) => Effect::Gain,
        (false, true) => Effect::Loss,
        (false, false) => return None,
    };
    let (old, new) = (requirements(old), requirements(new));
    Some(Change {
        effect,
        what: "conditions",
        text: format!("requires {} instead of {}", required(&new), required(&old)),
    })
}

/// The difference of two durations.
pub(super) fn durations(old: RoleSessionDuration, new: RoleSessionDuration) -> Option<Change> {
    (old != new).then(|| Change {
        effect: if new > old {
            Effect::Gain
        } else {
            Effect::Loss
        },
        what: "session_duration",
        text: format!("sessions last up to {new} instead of {old}"),
    })
}
