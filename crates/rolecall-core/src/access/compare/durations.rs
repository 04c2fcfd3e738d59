//! Whether sessions can last longer.
//!
//! A session is as long as the shortest limit of all assignments that apply. So a limit that no longer applies can lengthen
//! sessions although the longest session of a role is the same.

use crate::access::compare::role_changes::Limits;
use crate::access::compare::side::Rule;
use crate::access::compare::{Change, Comparison, Effect, longest};
use crate::access::condition::Condition;
use crate::aws::RoleSessionDuration;

/// A limit, and the condition under which it applies.
type Limit<'c> = (&'c Condition, RoleSessionDuration);

/// The change if a limit no longer shortens sessions.
pub(super) fn longer() -> Change {
    Change {
        effect: Effect::Gain,
        what: "session_duration",
        text: "sessions last longer where a limit no longer applies".to_owned(),
    }
}

impl Comparison {
    /// Whether sessions can last longer in a case in which both versions grant the role.
    pub(super) fn lasts_longer(
        &self,
        (old_ways, old): (&[u32], Limits),
        (new_ways, new): (&[u32], Limits),
    ) -> bool {
        let always = Condition::default();
        let before = self.limits_of(&always, old_ways, old.of_set);
        let after = self.limits_of(&always, new_ways, new.of_set);
        let longest = self.longest(new_ways, new);
        let is_kept = |(condition, limit): &Limit<'_>| {
            let mut shorter = after.iter().filter(|(_, one)| one <= limit);
            longest <= *limit || shorter.any(|(wide, _)| wide.covers(condition))
        };
        let is_variant_kept = old.of_variant.is_none_or(|limit| longest <= limit);
        if !is_variant_kept || !before.iter().all(is_kept) {
            return true;
        }
        // Where no limit applied, sessions lasted for the default.
        let mut ways = old_ways.iter();
        let is_limited = old.of_set.is_some() || ways.all(|way| self.ways.limit(*way).1.is_some());
        let is_bounded = |(condition, limit): &Limit<'_>| {
            *limit <= RoleSessionDuration::DEFAULT
                || before.iter().any(|(wide, _)| wide.covers(condition))
        };
        longest > RoleSessionDuration::DEFAULT && !is_limited && !after.iter().all(is_bounded)
    }

    fn limits_of<'c>(
        &'c self,
        always: &'c Condition,
        ways: &[u32],
        of_set: Option<RoleSessionDuration>,
    ) -> Vec<Limit<'c>> {
        let mut limits: Vec<Limit<'c>> = Vec::new();
        for way in ways {
            if let (_, Some(limit)) = self.ways.limit(*way) {
                limits.push((self.ways.condition(*way), limit));
            }
        }
        limits.extend(of_set.map(|limit| (always, limit)));
        limits
    }

    /// Whether one way limits sessions at least as much as another, whenever the other applies.
    pub(super) fn limits_as(&self, one: u32, other: u32) -> bool {
        let (_, limit) = self.ways.limit(one);
        let (_, other_limit) = self.ways.limit(other);
        let is_shorter = match (limit, other_limit) {
            (Some(limit), Some(other)) => limit <= other,
            (None, Some(_)) => false,
            (Some(_) | None, None) => true,
        };
        let (condition, narrow) = (self.ways.condition(one), self.ways.condition(other));
        is_shorter && condition.covers(narrow)
    }

    /// Whether assignments of the new policy allow sessions of the same roles that are longer than the limit of a rule.
    pub(super) fn exceeds_limit(&self, rule: &Rule) -> bool {
        let (_, Some(limit)) = self.ways.limit(rule.way) else {
            return false;
        };
        let exceeds = |one: &Rule, set: u32| {
            let of_set = self.sets[set as usize].new.as_ref();
            let of_set = of_set.and_then(|set| set.session_duration);
            let limits = self.ways.limit(one.way).1.into_iter().chain(of_set);
            limits.min().unwrap_or(RoleSessionDuration::DEFAULT) > limit
        };
        let mut live = self.new.assignments.iter().filter(|one| !one.expired);
        live.any(|one| {
            let mut sets = self.masks[rule.mask as usize].iter();
            self.share_role(rule, one)
                && sets.any(|set| self.covers_set(one, *set) && exceeds(one, *set))
        })
    }

    /// Whether the new policy allows sessions of a permission set, or of its variant, that exceed a limit of the old one.
    pub(super) fn exceeds_old_limits(&self, set: u32, old: Limits, new: Limits) -> bool {
        let live = self.new.assignments.iter().filter(|one| !one.expired);
        let granting = live.filter(|one| self.covers_set(one, set));
        let mut limits: Vec<(bool, Option<RoleSessionDuration>)> = granting
            .map(|one| (true, self.ways.limit(one.way).1))
            .collect();
        limits.push((true, None));
        let longest = longest(limits.iter().copied(), new.of_set, new.of_variant);
        let mut old = [old.of_set, old.of_variant].into_iter().flatten();
        old.any(|limit| longest > limit)
    }

    fn covers_set(&self, rule: &Rule, set: u32) -> bool {
        self.masks[rule.mask as usize].binary_search(&set).is_ok()
    }

    /// Whether two rules cover the same role.
    pub(super) fn share_role(&self, one: &Rule, other: &Rule) -> bool {
        let share = |all: &[Vec<u32>], one: u32, other: u32| {
            let has = |number: &u32| all[other as usize].binary_search(number).is_ok();
            one == other || all[one as usize].iter().any(has)
        };
        share(&self.masks, one.mask, other.mask) && share(&self.lists, one.list, other.list)
    }
}
