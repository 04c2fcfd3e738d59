//! Counts differences by role, with a bounded number of names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::access::compare::Effect;
use crate::access::compare::outcome::{Delta, Kind};
use crate::base::limits;

/// Why people have a difference: rules by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// An assignment of the new policy.
    Through(u32),
    /// A deny rule of the old policy.
    NoLongerDenied(u32),
    /// Session tags and source identity can be rendered now.
    Usable,
    /// A deny rule of the new policy.
    Denied(u32),
    /// An assignment of the old policy.
    NoLongerThrough(u32),
    /// A session tag or the source identity cannot be rendered.
    Unusable,
}

/// A rule of the new policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnknownRule {
    Assignment(u32),
    Deny(u32),
}

/// People with one difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) count: u64,
    /// The first of them, ascending.
    pub(super) first: Vec<u32>,
    /// A sum over all of them, to compare two lists.
    pub(super) sum: u64,
    pub(super) causes: Vec<Cause>,
}

impl Names {
    fn add(&mut self, person: u32, causes: &[Cause]) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(mixed(person));
        if self.first.len() < limits::COMPARED_NAMES_MAX {
            self.first.push(person);
        }
        self.add_causes(causes);
    }

    fn add_causes(&mut self, causes: &[Cause]) {
        for cause in causes {
            if self.causes.len() >= limits::COMPARED_CAUSES_MAX {
                return;
            }
            if let Err(at) = self.causes.binary_search(cause) {
                self.causes.insert(at, *cause);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.first.extend(other.first);
        self.first.sort_unstable();
        self.first.truncate(limits::COMPARED_NAMES_MAX);
        self.add_causes(&other.causes);
    }
}

/// A number that is not the sum of others by accident (splitmix64).
fn mixed(person: u32) -> u64 {
    let mut z = u64::from(person)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many roles differ for one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AffectedPerson {
    /// Number under which the person was added.
    #[serde(skip)]
    pub person: u32,
    /// Roles that the person did not have.
    pub gained: u64,
    /// Roles that permit more than before.
    pub loosened: u64,
    /// Roles that the person no longer has.
    pub lost: u64,
    /// Roles that permit less than before.
    pub tightened: u64,
}

impl AffectedPerson {
    /// Whether the person may do more than before.
    pub fn gains(&self) -> bool {
        self.gained > 0 || self.loosened > 0
    }

    /// Whether the person has lost a role, or may do less with one.
    pub fn loses(&self) -> bool {
        self.lost > 0 || self.tightened > 0
    }

    fn is_affected(&self) -> bool {
        self.gains() || self.loses()
    }
}

/// Permission set, differences of the account, and the ways of both policies.
pub(super) type RoleKey = (usize, u32, (Vec<u32>, Vec<u32>));
/// Position among the slots of the permission set, number of the difference, and its kind.
type SlotDelta = (u32, u32, Kind);

/// The differences of all people that were added.
#[derive(Default)]
pub struct Tally {
    /// Number of people that were added.
    pub(super) compared: u64,
    pub(super) deltas: Vec<Delta>,
    numbers: HashMap<Delta, u32>,
    known: HashMap<RoleKey, Arc<[SlotDelta]>>,
    pub(super) roles: HashMap<u64, Vec<(u32, Names)>>,
    /// Roles beyond the limit that are not listed.
    pub(super) left_off: bool,
    current: AffectedPerson,
    pub(super) people: Vec<AffectedPerson>,
    /// Rules of the new policy that may match by claims that are not known.
    pub(super) unknown: BTreeMap<UnknownRule, Names>,
}

impl Tally {
    /// The differences for a key; computed once.
    pub(super) fn deltas(
        &mut self,
        key: RoleKey,
        compute: impl FnOnce((&[u32], &[u32])) -> Vec<(u32, Delta)>,
    ) -> Arc<[SlotDelta]> {
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let computed = compute((&key.2.0, &key.2.1));
        let numbered: Arc<[SlotDelta]> = computed
            .into_iter()
            .map(|(slot, delta)| {
                let kind = delta.kind;
                (slot, self.number(delta), kind)
            })
            .collect();
        if self.known.len() >= limits::COMPARED_KEYS_MAX {
            self.known.clear();
        }
        self.known.insert(key, Arc::clone(&numbered));
        numbered
    }

    fn number(&mut self, delta: Delta) -> u32 {
        if let Some(number) = self.numbers.get(&delta) {
            return *number;
        }
        let number = u32::try_from(self.deltas.len()).unwrap_or(u32::MAX);
        self.deltas.push(delta.clone());
        self.numbers.insert(delta, number);
        number
    }

    pub(super) fn begin(&mut self, person: u32) {
        self.current = AffectedPerson {
            person,
            ..AffectedPerson::default()
        };
    }

    pub(super) fn finish(&mut self) {
        if self.current.is_affected() {
            self.people.push(self.current);
        }
    }

    pub(super) fn record(&mut self, role: u64, delta: u32, person: u32, causes: &[Cause]) {
        let known = &self.deltas[delta as usize];
        let count = match (known.kind, known.effect()) {
            (Kind::Gained, _) => Some(&mut self.current.gained),
            (Kind::Lost, _) => Some(&mut self.current.lost),
            (Kind::Changed, Effect::Gain) => Some(&mut self.current.loosened),
            (Kind::Changed, Effect::Loss) => Some(&mut self.current.tightened),
            (Kind::Changed, Effect::None) => None,
        };
        if let Some(count) = count {
            *count += 1;
        }
        let is_full = self.roles.len() >= limits::COMPARED_ROLES_MAX;
        if is_full && !self.roles.contains_key(&role) {
            self.left_off = true;
            return;
        }
        let of_role = self.roles.entry(role).or_default();
        match of_role.iter_mut().find(|(number, _)| *number == delta) {
            Some((_, names)) => names.add(person, causes),
            None => {
                let mut names = Names::default();
                names.add(person, causes);
                of_role.push((delta, names));
            }
        }
    }

    pub(super) fn add_unknown(&mut self, rule: UnknownRule, person: u32) {
        self.unknown.entry(rule).or_default().add(person, &[]);
    }

    /// Adds the differences of other people.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.compared += other.compared;
        self.left_off |= other.left_off;
        self.people.extend(other.people);
        self.people.sort_by_key(|one| one.person);
        for (rule, names) in other.unknown {
            self.unknown.entry(rule).or_default().merge(names);
        }
        let numbers: Vec<u32> = other
            .deltas
            .into_iter()
            .map(|delta| self.number(delta))
            .collect();
        for (role, differences) in other.roles {
            let of_role = self.roles.entry(role).or_default();
            for (delta, names) in differences {
                let delta = numbers[delta as usize];
                match of_role.iter_mut().find(|(number, _)| *number == delta) {
                    Some((_, known)) => known.merge(names),
                    None => of_role.push((delta, names)),
                }
            }
        }
        self
    }

    /// Number of people that were added.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Everyone for whom a role differs, in the order in which they were added.
    pub fn people(&self) -> &[AffectedPerson] {
        &self.people
    }
}
