//! Selectors: the names of accounts and permission sets in assignments and deny rules.
//!
//! | selector | accounts |
//! |---|---|
//! | `111122223333`, `payments-prod` | the account with this ID or name |
//! | `payments-*`, `*` | by name; `*` matches any characters |
//! | `ou:Workloads` | directly in this organizational unit |
//! | `ou:Workloads/*`, `ou:Workloads/**` | one level below it; in it or anywhere below it |
//! | `tag:team=payments`, `tag:team=*` | with this tag |
//!
//! Permission sets are selected by name; `*` has the same meaning.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::access::assignment::{AccountIndex, SetIndex, SetMask};
use crate::access::catalog::Account;
use crate::access::glob;
use crate::access::permission_set::PermissionSet;
use crate::config_file::{Located, quoted, suggest};

/// The result of one selector. Results are cached, because many rules use the same selectors.
enum Selected {
    /// The selected entries; at least one.
    Some(Arc<[u32]>),
    /// A pattern that matches nothing at present.
    Nothing,
    /// An unknown name or an invalid selector: the message and a hint.
    Unknown(String, String),
    /// The name of an entry that has an error itself.
    Broken,
}

/// Resolves selectors against the configured accounts and permission sets.
pub(super) struct Selectors<'c> {
    accounts: &'c [Account],
    account_by_id: HashMap<&'c str, AccountIndex>,
    accounts_by_name: HashMap<&'c str, AccountIndex>,
    accounts_by_tag: HashMap<(&'c str, &'c str), Vec<AccountIndex>>,
    accounts_by_ou: BTreeMap<&'c str, Vec<AccountIndex>>,
    sets: &'c [PermissionSet],
    mentioned: &'c HashSet<String>,
    seen_accounts: HashMap<String, Selected>,
    seen_sets: HashMap<String, Selected>,
    seen_unions: HashMap<Vec<String>, Arc<[AccountIndex]>>,
    seen_masks: HashMap<Vec<String>, Arc<SetMask>>,
}

impl<'c> Selectors<'c> {
    /// Expects accounts and permission sets sorted by name. The names in `mentioned` belong to entries that may be
    /// missing because of their own errors; they are not reported as unknown.
    pub(super) fn new(
        accounts: &'c [Account],
        sets: &'c [PermissionSet],
        mentioned: &'c HashSet<String>,
    ) -> Self {
        let mut selectors = Self {
            accounts,
            account_by_id: HashMap::new(),
            accounts_by_name: HashMap::new(),
            accounts_by_tag: HashMap::new(),
            accounts_by_ou: BTreeMap::new(),
            sets,
            mentioned,
            seen_accounts: HashMap::new(),
            seen_sets: HashMap::new(),
            seen_unions: HashMap::new(),
            seen_masks: HashMap::new(),
        };
        for (number, account) in (0..).zip(accounts) {
            selectors.account_by_id.insert(account.id.as_str(), number);
            let name = account.name.as_str();
            selectors.accounts_by_name.insert(name, number);
            for (key, value) in &account.tags {
                let tagged = selectors.accounts_by_tag.entry((key, value));
                tagged.or_default().push(number);
            }
            if let Some(ou) = &account.ou {
                let inside = selectors.accounts_by_ou.entry(ou.as_str());
                inside.or_default().push(number);
            }
        }
        selectors
    }

    /// The accounts that at least one selector matches. Reports unknown names as errors, and patterns without a match
    /// as warnings.
    pub(super) fn accounts(&mut self, written: &[Located<'_, &str>]) -> Arc<[AccountIndex]> {
        let mut selected = Vec::new();
        for selector in written {
            if !self.seen_accounts.contains_key(selector.value) {
                let found = self.select_accounts(selector.value);
                self.seen_accounts.insert(selector.value.to_owned(), found);
            }
            if let Some(found) = self.seen_accounts.get(selector.value) {
                found.report(selector, "account");
                selected.extend(found.numbers().cloned());
            }
        }
        let accounts = self.seen_unions.entry(texts(written));
        Arc::clone(accounts.or_insert_with(|| union(&selected).into_iter().collect()))
    }

    /// The permission sets that at least one selector matches; reports as for accounts.
    pub(super) fn sets(&mut self, written: &[Located<'_, &str>]) -> Arc<SetMask> {
        let mut selected = Vec::new();
        for selector in written {
            if !self.seen_sets.contains_key(selector.value) {
                let found = self.select_sets(selector.value);
                self.seen_sets.insert(selector.value.to_owned(), found);
            }
            if let Some(found) = self.seen_sets.get(selector.value) {
                found.report(selector, "permission set");
                selected.extend(found.numbers().cloned());
            }
        }
        let mask = self.seen_masks.entry(texts(written));
        Arc::clone(mask.or_insert_with(|| Arc::new(SetMask::new(union(&selected)))))
    }

    /// Whether a resolved selector is valid.
    pub(super) fn is_known(&self, selector: &str) -> bool {
        let unknown = |seen: &HashMap<String, Selected>| {
            matches!(
                seen.get(selector),
                Some(Selected::Unknown(..) | Selected::Broken)
            )
        };
        !unknown(&self.seen_accounts) && !unknown(&self.seen_sets)
    }

    fn select_accounts(&self, selector: &str) -> Selected {
        if let Some(path) = selector.strip_prefix("ou:") {
            let matching = self.accounts_by_ou.iter();
            let matching = matching.filter(|(ou, _)| glob::path_matches(path, ou));
            let mut found: Vec<u32> = matching.flat_map(|(_, numbers)| numbers.clone()).collect();
            found.sort_unstable();
            return Selected::of(found);
        }
        if let Some(tag) = selector.strip_prefix("tag:") {
            return self.select_tagged(tag);
        }
        if selector.contains('*') {
            let prefix = selector.split('*').next().unwrap_or_default();
            let from = self
                .accounts
                .partition_point(|account| account.name.as_str() < prefix);
            let all = (0..).zip(self.accounts).skip(from);
            let near = all.take_while(|(_, account)| account.name.as_str().starts_with(prefix));
            let matching =
                near.filter(|(_, account)| glob::matches(selector, account.name.as_str()));
            return Selected::of(matching.map(|(number, _)| number).collect());
        }
        let by_id = self.account_by_id.get(selector);
        match by_id.or_else(|| self.accounts_by_name.get(selector)) {
            Some(number) => Selected::of(vec![*number]),
            None if self.mentioned.contains(selector) => Selected::Broken,
            None => {
                let names = self.accounts.iter().map(|account| account.name.as_str());
                let known = names.chain(self.account_by_id.keys().copied());
                let otherwise = "name an [[account]] by its name or id, or write a selector such as payments-*, ou:Workloads/** or tag:team=payments";
                Selected::Unknown(
                    format!("unknown account {}", quoted(selector)),
                    suggest::hint(selector, known, otherwise),
                )
            }
        }
    }

    fn select_tagged(&self, tag: &str) -> Selected {
        let Some((key, value)) = tag.split_once('=') else {
            return Selected::Unknown(
                format!("{} is not a selector", quoted(&format!("tag:{tag}"))),
                "write a tag as tag:team=payments".to_owned(),
            );
        };
        if !value.contains('*') {
            let tagged = self.accounts_by_tag.get(&(key, value));
            return Selected::of(tagged.cloned().unwrap_or_default());
        }
        let matching = self.accounts_by_tag.iter();
        let matching = matching.filter(|((k, v), _)| *k == key && glob::matches(value, v));
        let mut found: Vec<u32> = matching.flat_map(|(_, numbers)| numbers.clone()).collect();
        found.sort_unstable();
        Selected::of(found)
    }

    fn select_sets(&self, selector: &str) -> Selected {
        let matches = |set: &PermissionSet| glob::matches(selector, set.name.as_str());
        let numbered = (0..).zip(self.sets);
        let found: Vec<SetIndex> = numbered
            .filter(|(_, set)| matches(set))
            .map(|(number, _)| number)
            .collect();
        if !found.is_empty() || selector.contains('*') {
            return Selected::of(found);
        }
        if self.mentioned.contains(selector) {
            return Selected::Broken;
        }
        let hint = if selector.contains('@') {
            "name the permission set without its variant: its variants are granted with it"
                .to_owned()
        } else {
            let known = self.sets.iter().map(|set| set.name.as_str());
            suggest::hint(selector, known, "name a [[permission_set]], or write *")
        };
        Selected::Unknown(format!("unknown permission set {}", quoted(selector)), hint)
    }
}

impl Selected {
    fn of(found: Vec<u32>) -> Self {
        if found.is_empty() {
            Self::Nothing
        } else {
            Self::Some(found.into())
        }
    }

    fn numbers(&self) -> Option<&Arc<[u32]>> {
        match self {
            Self::Some(found) => Some(found),
            Self::Nothing | Self::Unknown(..) | Self::Broken => None,
        }
    }

    fn report(&self, selector: &Located<'_, &str>, kind: &str) {
        match self {
            Self::Some(_) | Self::Broken => {}
            Self::Nothing => selector.spot.warning(
                format!("{} matches no {kind}", quoted(selector.value)),
                "remove it, or correct it",
            ),
            Self::Unknown(message, hint) => selector.spot.error(message, hint),
        }
    }
}

fn union(selected: &[Arc<[u32]>]) -> BTreeSet<u32> {
    selected
        .iter()
        .flat_map(|found| found.iter().copied())
        .collect()
}

fn texts(written: &[Located<'_, &str>]) -> Vec<String> {
    written.iter().map(|at| at.value.to_owned()).collect()
}
