//! One of the two policies, with accounts and permission sets numbered alike in both.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::access::assignment::Scope;
use crate::access::condition::Condition;
use crate::access::policy::Policy;
use crate::access::who::Who;
use crate::aws::{AccountId, RoleSessionDuration};

/// A policy. Rules have the indexes that they have in the policy.
pub(super) struct Side {
    pub(super) policy: Policy,
    pub(super) assignments: Vec<Rule>,
    pub(super) denies: Vec<Rule>,
}

/// What a rule covers, as numbers that are equal for equal contents of either policy.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Its accounts.
    pub(super) list: u32,
    /// Its permission sets.
    pub(super) mask: u32,
    /// Conditions and duration of an assignment.
    pub(super) way: u32,
    /// All of these.
    pub(super) content: u32,
    /// The people.
    pub(super) who: u32,
    /// Whether it has expired.
    pub(super) expired: bool,
}

/// Numbers of distinct values.
struct Numbers<T>(HashMap<T, u32>);

impl<T: Eq + Hash> Numbers<T> {
    fn of(&mut self, value: T, on_first: impl FnOnce()) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(value).or_insert_with(|| {
            on_first();
            next
        })
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Conditions and durations of assignments.
#[derive(Default)]
pub(super) struct Ways(Vec<(Condition, Option<RoleSessionDuration>)>);

impl Ways {
    pub(super) fn condition(&self, way: u32) -> &Condition {
        &self.0[way as usize].0
    }

    /// Whether it has conditions, and its duration.
    pub(super) fn limit(&self, way: u32) -> (bool, Option<RoleSessionDuration>) {
        let (condition, limit) = &self.0[way as usize];
        (*condition != Condition::default(), *limit)
    }
}

/// Everything that both sides share.
#[derive(Default)]
pub(super) struct Interned {
    pub(super) ways: Ways,
    pub(super) lists: Vec<Vec<u32>>,
    list_numbers: Numbers<Vec<u32>>,
    pub(super) masks: Vec<Vec<u32>>,
    mask_numbers: Numbers<Vec<u32>>,
    way_numbers: Numbers<String>,
    contents: Numbers<(u32, u32, u32)>,
    people: Numbers<String>,
}

impl Side {
    pub(super) fn new(
        policy: &Policy,
        accounts: &[(AccountId, String)],
        sets: &[&str],
        interned: &mut Interned,
        now: DateTime<Utc>,
    ) -> Self {
        let contents = &*policy.0;
        let number = |at: Result<usize, usize>| at.ok().and_then(|at| u32::try_from(at).ok());
        let accounts: Vec<u32> = contents
            .accounts
            .iter()
            .filter_map(|own| number(accounts.binary_search_by(|(id, _)| id.cmp(&own.id))))
            .collect();
        let sets: Vec<u32> = contents
            .sets
            .iter()
            .filter_map(|own| number(sets.binary_search(&own.name.as_str())))
            .collect();
        // Many rules share one list, so each is translated once.
        let mut lists: HashMap<usize, u32> = HashMap::new();
        let mut masks: HashMap<usize, u32> = HashMap::new();
        let mut scope = |scope: &Scope, interned: &mut Interned| {
            let list = *lists
                .entry(Arc::as_ptr(&scope.accounts).addr())
                .or_insert_with(|| {
                    let own = scope.accounts.iter();
                    interned.list(own.map(|own| accounts[*own as usize]).collect())
                });
            let mask = *masks
                .entry(Arc::as_ptr(&scope.sets).addr())
                .or_insert_with(|| {
                    let own = scope.sets.numbers();
                    interned.mask(own.map(|own| sets[own as usize]).collect())
                });
            (list, mask)
        };
        let assignments = contents.assignments.iter().map(|one| {
            let (list, mask) = scope(&one.scope, interned);
            let way = interned.way(&one.when, one.session_duration);
            interned.rule((list, mask, way), &one.who, one.when.has_expired(now))
        });
        let assignments = assignments.collect();
        let denies = contents.denies.iter().map(|one| {
            let (list, mask) = scope(&one.scope, interned);
            interned.rule((list, mask, u32::MAX), &one.who, false)
        });
        let denies = denies.collect();
        Self {
            policy: policy.clone(),
            assignments,
            denies,
        }
    }
}

impl Interned {
    fn list(&mut self, mut list: Vec<u32>) -> u32 {
        list.sort_unstable();
        let lists = &mut self.lists;
        let copy = list.clone();
        self.list_numbers.of(list, || lists.push(copy))
    }

    fn mask(&mut self, mut mask: Vec<u32>) -> u32 {
        mask.sort_unstable();
        let masks = &mut self.masks;
        let copy = mask.clone();
        self.mask_numbers.of(mask, || masks.push(copy))
    }

    fn way(&mut self, when: &Condition, limit: Option<RoleSessionDuration>) -> u32 {
        let ways = &mut self.ways.0;
        let text = format!("{when:?} {limit:?}");
        self.way_numbers
            .of(text, || ways.push((when.clone(), limit)))
    }

    fn rule(&mut self, (list, mask, way): (u32, u32, u32), who: &Who, expired: bool) -> Rule {
        Rule {
            list,
            mask,
            way,
            content: self.contents.of((list, mask, way), || {}),
            who: self.people.of(format!("{who:?}"), || {}),
            expired,
        }
    }
}
