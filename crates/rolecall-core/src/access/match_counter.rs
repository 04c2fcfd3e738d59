//! Evaluates the matching rules of one person: for each account that an assignment covers, the permission sets that are
//! granted and not denied.
//!
//! Rows exist only for covered accounts, so time and memory do not depend on the other accounts. If one account is
//! requested, only that one is evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::assignment::{AccountIndex, AssignmentIndex, SetIndex, SetMask, bit_of};
use crate::access::condition::Unmet;
use crate::access::permission_set::PermissionSet;
use crate::access::policy::{Applicable, Contents};
use crate::aws::RoleChaining;

pub(super) struct MatchCounter {
    pub(super) contents: Arc<Contents>,
    pub(super) applicable: Applicable,
    /// Whether roles that the gateway assumes with its own AWS credentials count as chained.
    pub(super) chaining: RoleChaining,
    /// The requested account; `None`: all accounts.
    only: Option<AccountIndex>,
    /// The covered accounts, sorted; one row each.
    accounts: Vec<AccountIndex>,
    /// The granted permission sets; `width` words per row.
    sets: Vec<u64>,
    width: usize,
    /// Index in `row_groups` of the first group of each row, and the end of the last row.
    starts: Vec<usize>,
    row_groups: Vec<usize>,
    /// Assignments that match, grouped by their list of accounts.
    groups: Vec<Vec<AssignmentIndex>>,
    /// The granted permission sets that the person cannot use, because the attributes of the session cannot be
    /// rendered.
    unusable: BTreeMap<SetIndex, Vec<Unmet>>,
}

/// The permission sets of one row.
fn sets_in(words: &[u64]) -> impl Iterator<Item = SetIndex> {
    let each = (0u32..).zip(words);
    each.flat_map(|(word, bits)| Bits(*bits).map(move |bit| word * 64 + bit))
}

impl MatchCounter {
    pub(super) fn new(
        contents: Arc<Contents>,
        applicable: Applicable,
        chaining: RoleChaining,
        only: Option<AccountIndex>,
        unusable: impl Fn(&PermissionSet) -> Option<Unmet>,
    ) -> Self {
        let groups = by_accounts(&contents, &applicable.assignments);
        let scope = |number: &AssignmentIndex| &contents.assignments[*number as usize].scope;
        // All assignments of a group have the same accounts.
        let accounts_of = |group: &Vec<AssignmentIndex>| -> &[AccountIndex] {
            let first = group.first();
            first.map_or(&[], |number| scope(number).accounts_within(only))
        };
        let rows = Rows::of(&contents, groups.iter().flat_map(&accounts_of));
        let width = contents.sets.len().div_ceil(64);
        let mut sets = vec![0; rows.accounts.len() * width];
        let mut starts = vec![0; rows.accounts.len() + 1];
        for group in &groups {
            let granted = SetMask::union(group.iter().map(|number| &*scope(number).sets));
            for account in accounts_of(group) {
                let row = rows.row(*account);
                starts[row + 1] += 1;
                for (word, bits) in granted.words() {
                    sets[row * width + word] |= bits;
                }
            }
        }
        for row in 1..starts.len() {
            starts[row] += starts[row - 1];
        }
        let mut ends = starts.clone();
        let mut row_groups = vec![0; starts.last().copied().unwrap_or(0)];
        for (number, group) in groups.iter().enumerate() {
            for account in accounts_of(group) {
                let end = &mut ends[rows.row(*account)];
                row_groups[*end] = number;
                *end += 1;
            }
        }
        for deny in &applicable.denies {
            let scope = &contents.denies[*deny as usize].scope;
            for (row, account) in rows.accounts.iter().enumerate() {
                if scope.covers(*account) {
                    for (word, bits) in scope.sets.words() {
                        sets[row * width + word] &= !bits;
                    }
                }
            }
        }
        let mut granted = vec![0; width];
        for row in sets.chunks(width.max(1)) {
            granted
                .iter_mut()
                .zip(row)
                .for_each(|(all, bits)| *all |= bits);
        }
        let unusable = sets_in(&granted)
            .filter_map(|set| Some((set, vec![unusable(&contents.sets[set as usize])?])))
            .collect();
        let accounts = rows.accounts;
        Self {
            unusable,
            contents,
            applicable,
            chaining,
            only,
            accounts,
            sets,
            width,
            starts,
            row_groups,
            groups,
        }
    }

    /// Every usable granted pair, sorted.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (AccountIndex, SetIndex)> {
        self.rows()
            .flat_map(|(account, words)| self.usable_in(words).map(move |set| (account, set)))
    }

    /// The accounts with at least one usable grant, sorted.
    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountIndex> {
        let granted = |(_, words): &(AccountIndex, &[u64])| self.usable_in(words).next().is_some();
        self.rows().filter(granted).map(|(account, _)| account)
    }

    /// The usable permission sets in an account, sorted.
    pub(super) fn sets_of(&self, account: AccountIndex) -> impl Iterator<Item = SetIndex> {
        let row = self.accounts.binary_search(&account);
        let words = row.map_or(&[][..], |row| &self.sets[row * self.width..][..self.width]);
        self.usable_in(words)
    }

    fn usable_in<'w>(&'w self, words: &'w [u64]) -> impl Iterator<Item = SetIndex> + 'w {
        sets_in(words).filter(|set| !self.unusable.contains_key(set))
    }

    fn rows(&self) -> impl Iterator<Item = (AccountIndex, &[u64])> {
        let words = self.sets.chunks(self.width.max(1));
        self.accounts.iter().copied().zip(words)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accounts().next().is_none()
    }

    /// Whether the pair is granted, usable or not: a request for an unusable role is answered with the reason.
    pub(super) fn holds(&self, account: AccountIndex, set: SetIndex) -> bool {
        let (word, bit) = bit_of(set);
        self.accounts
            .binary_search(&account)
            .is_ok_and(|row| self.sets[row * self.width + word] & bit != 0)
    }

    /// The assignments that grant the pair, in the order of the files.
    pub(super) fn granting(&self, account: AccountIndex, set: SetIndex) -> Vec<AssignmentIndex> {
        let range = self
            .accounts
            .binary_search(&account)
            .map_or(0..0, |row| self.starts[row]..self.starts[row + 1]);
        let grants = |number: &AssignmentIndex| {
            let assignment = &self.contents.assignments[*number as usize];
            assignment.scope.sets.holds(set)
        };
        let groups = self.row_groups[range].iter();
        let mut granting: Vec<AssignmentIndex> = groups
            .flat_map(|group| self.groups[*group].iter().copied().filter(grants))
            .collect();
        granting.sort_unstable();
        granting
    }

    pub(super) fn is_denied(&self, account: AccountIndex, set: SetIndex) -> bool {
        let mut denies = self.applicable.denies.iter();
        denies.any(|deny| {
            self.contents.denies[*deny as usize]
                .scope
                .holds(account, set)
        })
    }

    /// The pairs that only unmet conditions or missing claims withhold from the person, sorted.
    pub(super) fn locked(&self) -> BTreeMap<(AccountIndex, SetIndex), Lock<'_>> {
        let mut locks: BTreeMap<_, Lock<'_>> = BTreeMap::new();
        for (account, words) in self.rows().filter(|_| !self.unusable.is_empty()) {
            for set in sets_in(words) {
                if let Some(unmet) = self.unusable.get(&set) {
                    let assignments = self.granting(account, set);
                    locks.insert((account, set), Lock { unmet, assignments });
                }
            }
        }
        for (number, unmet) in &self.applicable.locked {
            let scope = &self.contents.assignments[*number as usize].scope;
            for (account, set) in scope.pairs_within(self.only) {
                if self.holds(account, set) || self.is_denied(account, set) {
                    continue;
                }
                let lock = locks.entry((account, set)).or_insert_with(|| Lock {
                    unmet,
                    assignments: Vec::new(),
                });
                if unmet.len() < lock.unmet.len() {
                    lock.unmet = unmet;
                }
                lock.assignments.push(*number);
            }
        }
        locks
    }
}

/// Groups the assignments that share one list of accounts. Equal lists are stored once, so a hundred assignments with
/// the same accounts cost as much as one.
fn by_accounts(contents: &Contents, assignments: &[AssignmentIndex]) -> Vec<Vec<AssignmentIndex>> {
    let list = |number: &AssignmentIndex| {
        Arc::as_ptr(&contents.assignments[*number as usize].scope.accounts).addr()
    };
    let mut sorted = assignments.to_vec();
    sorted.sort_by_cached_key(list);
    let together = sorted.chunk_by(|a, b| list(a) == list(b));
    together.map(<[_]>::to_vec).collect()
}

/// Why a pair is withheld from a person.
pub(super) struct Lock<'t> {
    /// The unmet conditions of the assignment that has the fewest.
    pub(super) unmet: &'t [Unmet],
    /// The assignments that would grant it.
    pub(super) assignments: Vec<AssignmentIndex>,
}

/// The covered accounts and the row of each: a bit set with the number of set bits before each word.
struct Rows {
    accounts: Vec<AccountIndex>,
    bits: Vec<u64>,
    before: Vec<u32>,
}

impl Rows {
    fn of<'a>(contents: &Contents, touched: impl Iterator<Item = &'a AccountIndex>) -> Self {
        let mut bits = vec![0; contents.accounts.len().div_ceil(64)];
        for account in touched {
            let (word, bit) = bit_of(*account);
            bits[word] |= bit;
        }
        let mut before = Vec::with_capacity(bits.len());
        let mut accounts = Vec::new();
        for (word, word_bits) in (0u32..).zip(&bits) {
            before.push(accounts.len() as u32);
            accounts.extend(Bits(*word_bits).map(|bit| word * 64 + bit));
        }
        Self {
            accounts,
            bits,
            before,
        }
    }

    /// The row of a covered account.
    fn row(&self, account: AccountIndex) -> usize {
        let (word, bit) = bit_of(account);
        (self.before[word] + (self.bits[word] & (bit - 1)).count_ones()) as usize
    }
}

/// Iterator over the indexes of the set bits.
pub(super) struct Bits(pub(super) u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}
