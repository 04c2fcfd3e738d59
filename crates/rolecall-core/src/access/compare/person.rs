//! The comparison for one person. Accounts that the same matching rules cover are evaluated once.

use std::collections::{BTreeSet, HashMap};

use crate::access::compare::outcome::Kind;
use crate::access::compare::side::{Rule, Side};
use crate::access::compare::tally::{Cause, UnknownRule};
use crate::access::compare::{Comparison, Tally};
use crate::access::standing::{self, Standing};
use crate::access::who::Person;
use crate::caller::{Circumstances, Facts};
use crate::identity::Identity;

/// A matching rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Matching {
    Old(u32),
    New(u32),
    OldDeny(u32),
    NewDeny(u32),
}

/// The matching rules of one permission set in one class of accounts.
#[derive(Clone, Default)]
struct Cell {
    old: Vec<u32>,
    new: Vec<u32>,
    old_denies: Vec<u32>,
    new_denies: Vec<u32>,
}

/// A difference in every account of a class.
struct Entry {
    /// Position of the role among those of the account.
    slot: u32,
    delta: u32,
    causes: Vec<Cause>,
}

/// Classes of accounts: the same rules cover all accounts of a class.
struct Classes {
    of_account: Vec<u32>,
    /// For each class the class that it was split from, and the position of the rules that split it.
    origins: Vec<(u32, u32)>,
}

impl Comparison {
    /// Compares the access of one person. `None`: the person cannot sign in with that policy. `person` is the number under
    /// which reports name the person; the numbers of one tally ascend.
    pub fn add(
        &self,
        tally: &mut Tally,
        person: u32,
        old: Option<&Identity>,
        new: Option<&Identity>,
        is_same: bool,
    ) {
        tally.compared += 1;
        let circumstances = Circumstances {
            now: self.now,
            address: None,
            device_flow: false,
        };
        let facts = [old, new].map(|side| side.map(|one| Facts::new(one, circumstances)));
        let [old_facts, new_facts] = &facts;
        let of_side = |side: &Side, facts: &Option<Facts<'_>>| {
            let person = facts.as_ref().map(Person::new);
            person.map(|person| side.policy.0.standing(&person, self.now))
        };
        let mut old = of_side(&self.old, old_facts).unwrap_or_default();
        let new = of_side(&self.new, new_facts).unwrap_or_default();
        self.assume_gains(&mut old, &new);
        self.add_unknown(tally, person, &old, &new);
        if is_same && self.is_unchanged(&old, &new) {
            return;
        }
        let rules = self.by_accounts(&old, &new);
        let classes = self.classes(&rules);
        let mut evaluated: HashMap<(u32, u32), Vec<Entry>> = HashMap::new();
        let mut unusable = HashMap::new();
        let mut unusable = |is_new: bool, set: usize| {
            *unusable.entry((is_new, set)).or_insert_with(|| {
                let (facts, set) = match is_new {
                    true => (new_facts, &self.sets[set].new),
                    false => (old_facts, &self.sets[set].old),
                };
                let partition = self.new.policy.0.partition;
                let both = set.as_ref().zip(facts.as_ref());
                both.is_none_or(|(set, facts)| standing::unusable(set, partition, facts).is_some())
            })
        };
        let slots = self.slots() as u64;
        tally.begin(person);
        for (account, class) in (0u64..).zip(&classes.of_account) {
            if *class == 0 {
                continue;
            }
            let change = self.account_change[usize::try_from(account).unwrap_or_default()];
            let entries = evaluated.entry((*class, change)).or_insert_with(|| {
                let cells = self.cells(&rules, &classes, *class);
                self.evaluate(&cells, change, tally, &mut unusable)
            });
            for entry in entries.iter() {
                let role = account * slots + u64::from(entry.slot);
                tally.record(role, entry.delta, person, &entry.causes);
            }
        }
        tally.finish();
    }

    /// Whether the same rules match, and nothing that they grant differs.
    fn is_unchanged(&self, old: &Standing, new: &Standing) -> bool {
        let contents = |rules: &[Rule], numbers: &[u32]| {
            let mut contents: Vec<u32> = numbers
                .iter()
                .map(|number| rules[*number as usize].content)
                .collect();
            contents.sort_unstable();
            contents.dedup();
            contents
        };
        let (one, other) = (&self.old, &self.new);
        let granted = contents(&one.assignments, &old.assignments);
        if granted != contents(&other.assignments, &new.assignments)
            || contents(&one.denies, &old.denies) != contents(&other.denies, &new.denies)
        {
            return false;
        }
        let mut granted = old.assignments.iter();
        granted.all(|number| self.is_static(&one.assignments[*number as usize]))
    }

    /// Whether nothing that the assignment grants differs.
    fn is_static(&self, rule: &Rule) -> bool {
        let mut sets = self.masks[rule.mask as usize].iter();
        let mut accounts = self.lists[rule.list as usize].iter();
        !sets.any(|set| self.sets[*set as usize].differs)
            && (self.account_changes.len() == 1
                || !accounts.any(|account| self.account_change[*account as usize] != 0))
    }

    /// Whether the access by an assignment that both policies have is the same, if it matches: its roles do not differ, and
    /// the same deny rules and limits apply to them.
    fn is_settled(&self, rule: &Rule, old: &Standing, new: &Standing) -> bool {
        let (before, after) = (&self.old, &self.new);
        let denies =
            |side: &Side, numbers: &[u32]| self.contents(rule, &side.denies, numbers, true);
        let limits =
            |side: &Side, numbers: &[u32]| self.contents(rule, &side.assignments, numbers, false);
        self.is_static(rule)
            && denies(before, &old.denies) == denies(after, &new.denies)
            && limits(before, &old.assignments) == limits(after, &new.assignments)
    }

    /// The contents of rules that cover a role of `rule`: of all, or of those that limit sessions.
    fn contents(&self, rule: &Rule, rules: &[Rule], numbers: &[u32], all: bool) -> BTreeSet<u32> {
        let mut contents = BTreeSet::new();
        for number in numbers {
            let one = &rules[*number as usize];
            let counts = all || self.ways.limit(one.way).1.is_some();
            if counts && self.share_role(rule, one) {
                contents.insert(one.content);
            }
        }
        contents
    }

    /// Records rules of the new policy that may match by a claim that is not known: deny rules that did not before, and
    /// assignments unless their access is the same as before.
    fn add_unknown(&self, tally: &mut Tally, person: u32, old: &Standing, new: &Standing) {
        let only_new = |old: &[u32], olds: &[Rule], new: &[u32], news: &[Rule]| -> Vec<u32> {
            let same =
                |one: &Rule, other: &Rule| one.content == other.content && one.who == other.who;
            let is_known = |number: &&u32| {
                let rule = &news[**number as usize];
                !old.iter().any(|one| same(&olds[*one as usize], rule))
            };
            new.iter().filter(is_known).copied().collect()
        };
        let before = [old.assignments.as_slice(), &old.possible].concat();
        let (olds, news) = (&self.old.assignments, &self.new.assignments);
        let only = only_new(&before, olds, &new.possible, news);
        for number in &new.possible {
            let rule = &news[*number as usize];
            if only.contains(number) || !self.is_settled(rule, old, new) {
                tally.add_unknown(UnknownRule::Assignment(*number), person);
            }
        }
        let before = [old.denies.as_slice(), &old.possible_denies].concat();
        let (olds, news) = (&self.old.denies, &self.new.denies);
        for number in only_new(&before, olds, &new.possible_denies, news) {
            tally.add_unknown(UnknownRule::Deny(number), person);
        }
    }

    /// Deny rules of the old policy that may match count unless the new policy has them as well; those of the new policy do
    /// not count. So a gain is never missed because a claim is not known.
    fn assume_gains(&self, old: &mut Standing, new: &Standing) {
        let kept = |number: &u32| {
            let rule = &self.old.denies[*number as usize];
            let same = |other: &u32| {
                let other = &self.new.denies[*other as usize];
                other.content == rule.content && other.who == rule.who
            };
            !new.possible_denies.iter().any(same)
        };
        let possible = old.possible_denies.iter().copied();
        old.denies.extend(possible.filter(kept));
    }

    /// The matching rules, grouped by their accounts.
    fn by_accounts(&self, old: &Standing, new: &Standing) -> Vec<(u32, Vec<Matching>)> {
        let mut matching: Vec<(u32, Matching)> = Vec::new();
        let mut add = |numbers: &[u32], rules: &[Rule], kind: fn(u32) -> Matching| {
            let numbers = numbers.iter();
            matching.extend(numbers.map(|n| (rules[*n as usize].list, kind(*n))));
        };
        add(&old.assignments, &self.old.assignments, Matching::Old);
        add(&new.assignments, &self.new.assignments, Matching::New);
        add(&old.denies, &self.old.denies, Matching::OldDeny);
        add(&new.denies, &self.new.denies, Matching::NewDeny);
        matching.sort_unstable();
        let groups = matching.chunk_by(|a, b| a.0 == b.0);
        groups
            .map(|group| (group[0].0, group.iter().map(|(_, one)| *one).collect()))
            .collect()
    }

    fn classes(&self, rules: &[(u32, Vec<Matching>)]) -> Classes {
        let mut of_account = vec![0u32; self.accounts.len()];
        let mut origins = vec![(0, u32::MAX)];
        let mut split = Vec::new();
        for (position, (list, _)) in (0u32..).zip(rules) {
            split.clear();
            split.resize(origins.len(), u32::MAX);
            for account in &self.lists[*list as usize] {
                let class = &mut of_account[*account as usize];
                let into = &mut split[*class as usize];
                if *into == u32::MAX {
                    *into = u32::try_from(origins.len()).unwrap_or(u32::MAX);
                    origins.push((*class, position));
                }
                *class = *into;
            }
        }
        Classes {
            of_account,
            origins,
        }
    }

    /// The matching rules of each permission set in the accounts of a class.
    fn cells(
        &self,
        rules: &[(u32, Vec<Matching>)],
        classes: &Classes,
        class: u32,
    ) -> Vec<Option<Box<Cell>>> {
        let mut cells: Vec<Option<Box<Cell>>> = vec![None; self.sets.len()];
        let mut at = class;
        while at != 0 {
            let (parent, position) = classes.origins[at as usize];
            for matching in &rules[position as usize].1 {
                let rule = match matching {
                    Matching::Old(number) => self.old.assignments[*number as usize],
                    Matching::New(number) => self.new.assignments[*number as usize],
                    Matching::OldDeny(number) => self.old.denies[*number as usize],
                    Matching::NewDeny(number) => self.new.denies[*number as usize],
                };
                for set in &self.masks[rule.mask as usize] {
                    let cell = cells[*set as usize].get_or_insert_default();
                    match matching {
                        Matching::Old(number) => cell.old.push(*number),
                        Matching::New(number) => cell.new.push(*number),
                        Matching::OldDeny(number) => cell.old_denies.push(*number),
                        Matching::NewDeny(number) => cell.new_denies.push(*number),
                    }
                }
            }
            at = parent;
        }
        cells
    }

    fn evaluate(
        &self,
        cells: &[Option<Box<Cell>>],
        account_change: u32,
        tally: &mut Tally,
        unusable: &mut impl FnMut(bool, usize) -> bool,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut first_slot = 0u32;
        for ((at, set), cell) in self.sets.iter().enumerate().zip(cells) {
            let slot = first_slot;
            first_slot += u32::try_from(set.slots.len()).unwrap_or(u32::MAX);
            let Some(cell) = cell.as_deref() else {
                continue;
            };
            let old = self.ways_of(&self.old, &cell.old, &cell.old_denies);
            let new = self.ways_of(&self.new, &cell.new, &cell.new_denies);
            let is_same = old == new && !set.differs && account_change == 0;
            if old.is_empty() && new.is_empty() {
                continue;
            }
            let old_unusable = !old.is_empty() && unusable(false, at);
            let new_unusable = !new.is_empty() && unusable(true, at);
            if is_same && old_unusable == new_unusable {
                continue;
            }
            let usable = |ways: Vec<u32>, is_unusable: bool| match is_unusable {
                true => Vec::new(),
                false => ways,
            };
            let ways = (usable(old, old_unusable), usable(new, new_unusable));
            let deltas = tally.deltas((at, account_change, ways), |ways| {
                self.deltas(at, account_change, ways)
            });
            for (offset, delta, kind) in deltas.iter().copied() {
                entries.push(Entry {
                    slot: slot + offset,
                    delta,
                    causes: causes(kind, cell, old_unusable, new_unusable),
                });
            }
        }
        entries
    }

    /// Conditions and durations of the assignments, sorted; empty if a deny rule matches.
    fn ways_of(&self, side: &Side, assignments: &[u32], denies: &[u32]) -> Vec<u32> {
        if !denies.is_empty() {
            return Vec::new();
        }
        let numbers = assignments.iter();
        let mut ways: Vec<u32> = numbers
            .map(|number| side.assignments[*number as usize].way)
            .collect();
        ways.sort_unstable();
        ways.dedup();
        ways
    }
}

/// The rules that explain a difference.
fn causes(kind: Kind, cell: &Cell, old_unusable: bool, new_unusable: bool) -> Vec<Cause> {
    let all = |numbers: &[u32], cause: fn(u32) -> Cause| -> Vec<Cause> {
        numbers.iter().map(|number| cause(*number)).collect()
    };
    match kind {
        Kind::Gained => {
            let mut causes = all(&cell.new, Cause::Through);
            if !cell.old.is_empty() {
                causes.extend(all(&cell.old_denies, Cause::NoLongerDenied));
            }
            causes.extend(old_unusable.then_some(Cause::Usable));
            causes
        }
        Kind::Changed => all(&cell.new, Cause::Through),
        Kind::Lost if new_unusable => vec![Cause::Unusable],
        Kind::Lost if !cell.new.is_empty() && !cell.new_denies.is_empty() => {
            all(&cell.new_denies, Cause::Denied)
        }
        Kind::Lost => all(&cell.old, Cause::NoLongerThrough),
    }
}
