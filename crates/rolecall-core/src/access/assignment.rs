//! Resolved assignments and deny rules: which people are granted, or denied, which permission sets in which accounts.

use std::path::Path;
use std::sync::Arc;

use crate::access::condition::Condition;
use crate::access::match_counter::Bits;
use crate::access::who::Who;
use crate::aws::RoleSessionDuration;

/// Index of an account in the policy. Accounts are sorted by name and id, so sorted indexes are sorted names.
pub(super) type AccountIndex = u32;
/// Index of a permission set in the policy. Permission sets are sorted by name.
pub(super) type SetIndex = u32;
/// Index of an assignment in the policy, in the order of the files.
pub(super) type AssignmentIndex = u32;

/// File and line of an entry.
#[derive(Clone, Debug)]
pub(super) struct RuleLocation {
    pub(super) path: Arc<Path>,
    pub(super) line: usize,
}

/// The pairs of an account and a permission set that a rule covers: each of the accounts with each of the permission
/// sets.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Accounts that it covers, sorted.
    pub(super) accounts: Arc<[AccountIndex]>,
    pub(super) sets: Arc<SetMask>,
}

impl Scope {
    pub(super) fn holds(&self, account: AccountIndex, set: SetIndex) -> bool {
        self.sets.holds(set) && self.covers(account)
    }

    pub(super) fn covers(&self, account: AccountIndex) -> bool {
        self.accounts.binary_search(&account).is_ok()
    }

    /// The accounts, or `only` if it is one of them.
    pub(super) fn accounts_within(&self, only: Option<AccountIndex>) -> &[AccountIndex] {
        match only.map(|account| self.accounts.binary_search(&account)) {
            None => &self.accounts,
            Some(Ok(at)) => &self.accounts[at..=at],
            Some(Err(_)) => &[],
        }
    }

    /// Each account, or `only`, with each permission set; sorted.
    pub(super) fn pairs_within(
        &self,
        only: Option<AccountIndex>,
    ) -> impl Iterator<Item = (AccountIndex, SetIndex)> {
        let with_each = |account| self.sets.numbers().map(move |set| (account, set));
        let accounts = self.accounts_within(only).iter().copied();
        accounts.flat_map(with_each)
    }
}

/// A set of permission sets: the index and bits of every 64-bit word that is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetMask(Vec<(usize, u64)>);

impl SetMask {
    /// Creates a mask from indexes in ascending order.
    pub(super) fn new(sets: impl IntoIterator<Item = SetIndex>) -> Self {
        let mut words: Vec<(usize, u64)> = Vec::new();
        for set in sets {
            let (word, bit) = bit_of(set);
            match words.last_mut() {
                Some((last, bits)) if *last == word => *bits |= bit,
                Some(_) | None => words.push((word, bit)),
            }
        }
        Self(words)
    }

    /// The union of the masks.
    pub(super) fn union<'m>(masks: impl Iterator<Item = &'m Self>) -> Self {
        let mut union: Vec<(usize, u64)> = Vec::new();
        for (word, bits) in masks.flat_map(|mask| &mask.0) {
            match union.binary_search_by_key(word, |(at, _)| *at) {
                Ok(at) => union[at].1 |= bits,
                Err(at) => union.insert(at, (*word, *bits)),
            }
        }
        Self(union)
    }

    pub(super) fn words(&self) -> &[(usize, u64)] {
        &self.0
    }

    /// The indexes in ascending order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = SetIndex> {
        self.0.iter().flat_map(|(word, bits)| {
            let first = u32::try_from(word * 64).unwrap_or(u32::MAX);
            Bits(*bits).map(move |bit| first + bit)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn holds(&self, set: SetIndex) -> bool {
        let (word, bit) = bit_of(set);
        self.0
            .iter()
            .any(|(at, bits)| *at == word && bits & bit != 0)
    }
}

/// Index of the word that contains bit `number`, and the bit within it.
pub(super) fn bit_of(number: u32) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}

/// An entry `[[assignment]]` with resolved names.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) id: Arc<str>,
    pub(super) location: RuleLocation,
    pub(super) who: Who,
    pub(super) scope: Scope,
    pub(super) when: Condition,
    pub(super) session_duration: Option<RoleSessionDuration>,
    pub(super) owner: Option<String>,
}

/// An entry `[[deny]]` with resolved names.
#[derive(Debug)]
pub(super) struct Deny {
    pub(super) id: Arc<str>,
    pub(super) location: RuleLocation,
    pub(super) who: Who,
    pub(super) scope: Scope,
    pub(super) reason: Option<String>,
}
