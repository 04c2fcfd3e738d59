//! The import of an organization: which accounts change, and the new text of the access files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use toml::de::DeTable;

use super::account::{AccountState, Organization, OrganizationAccount};
use super::block::{Block, Blocks, Unsupported, new_block};
use super::edit::{self, Edit};
use super::import_plan::{
    AccountChange, AddedAccount, FileChange, ImportError, ImportOptions, ImportPlan, Mismatch,
    NameDifference,
};
use super::verify::{Expected, is_as_planned};
use super::{names, unified_diff};
use crate::access::PolicyFile;
use crate::aws::AccountId;
use crate::base::text;

/// Plans the import into the files. New accounts are added to the file with the index `target`, if it is known.
///
/// # Errors
/// If a file is not TOML, or accounts cannot be added to it.
pub fn plan(
    organization: &Organization,
    files: &[PolicyFile],
    target: Option<usize>,
    options: ImportOptions,
) -> Result<ImportPlan, ImportError> {
    let mut documents = Vec::new();
    for file in files {
        let root = DeTable::parse(&file.text).map_err(|error| {
            let message = format!("not TOML: {}", error.message());
            ImportError::in_file(&file.path, message, "`rolecalld check` shows where")
        })?;
        documents.push(root);
    }
    let blocks = files.iter().zip(&documents);
    let blocks: Vec<Blocks<'_>> = blocks
        .map(|(file, root)| Blocks::of(&file.text, root.get_ref()))
        .collect();
    let mut planning = Planning {
        organization,
        options,
        names: Names::new(organization, &blocks),
        plan: ImportPlan::default(),
    };
    let mut known = BTreeSet::new();
    let mut changes: Vec<Changes> = Vec::new();
    for (file, blocks) in files.iter().zip(&blocks) {
        let mut changes_of_file = Changes::default();
        for block in &blocks.blocks {
            known.extend(planning.block(&file.text, block, &mut changes_of_file));
        }
        changes.push(changes_of_file);
    }
    let (entries, added) = planning.new_accounts(&known);
    if !entries.is_empty() {
        let target = target.ok_or_else(|| unclear_target(files.len()))?;
        let (file, blocks) = (&files[target], &blocks[target]);
        if blocks.is_array {
            return Err(ImportError::in_file(
                &file.path,
                "accounts cannot be added to an array in brackets, account = [ … ]",
                "write each account as [[account]], or name another file with --into",
            ));
        }
        changes[target]
            .edits
            .extend(blocks.append(&file.text, &entries));
        changes[target].added = added;
    }
    planning.count();
    for (file, changes) in files.iter().zip(changes) {
        planning.plan.files.extend(changes.apply(file)?);
    }
    Ok(planning.plan)
}

fn unclear_target(files: usize) -> ImportError {
    ImportError {
        path: None,
        message: format!(
            "there are new accounts and {files} access files: it is not clear which one is for them"
        ),
        hint: "name it with --into".to_owned(),
    }
}

/// The changes of one file.
#[derive(Default)]
struct Changes {
    edits: Vec<Edit>,
    changed: BTreeMap<String, Expected>,
    added: Vec<(String, Expected)>,
}

impl Changes {
    fn apply(mut self, file: &PolicyFile) -> Result<Option<FileChange>, ImportError> {
        if self.edits.is_empty() {
            return Ok(None);
        }
        edit::sort(&mut self.edits);
        let text = edit::apply(&file.text, &self.edits);
        let as_planned =
            |text: &String| is_as_planned(&file.text, text, &self.changed, &self.added);
        let text = text.filter(as_planned).ok_or_else(|| {
            ImportError::in_file(
                &file.path,
                "the accounts are written in a way that cannot be changed without changing other parts of the file",
                "write each account as [[account]], with one key on each line",
            )
        })?;
        let diff = unified_diff::unified(&file.path.display().to_string(), &file.text, &self.edits);
        let path = file.path.clone();
        Ok(Some(FileChange { path, text, diff }))
    }
}

/// Names in AWS and in the files.
struct Names {
    /// Number of active accounts of the organization with this name.
    in_aws: HashMap<String, usize>,
    /// Names in the files, with the ID.
    taken: HashMap<String, String>,
}

impl Names {
    fn new(organization: &Organization, blocks: &[Blocks<'_>]) -> Self {
        let mut in_aws = HashMap::new();
        for (id, account) in &organization.accounts {
            if account.state.is_active() {
                *in_aws
                    .entry(names::account_name(&account.name, id, false))
                    .or_default() += 1;
            }
        }
        let entries = blocks.iter().flat_map(|file| &file.blocks);
        let taken = entries.filter_map(|block| {
            let (id, name) = (block.string("id")?, block.string("name")?);
            Some((name.text.to_owned(), id.text.to_owned()))
        });
        let taken = taken.collect();
        Self { in_aws, taken }
    }

    /// The name of an account in a file. It contains the ID if another account has the same name.
    fn of(&self, id: &AccountId, account: &OrganizationAccount) -> String {
        let name = names::account_name(&account.name, id, false);
        let is_shared = self.in_aws.get(&name).is_some_and(|count| *count > 1);
        let is_taken = self
            .taken
            .get(&name)
            .is_some_and(|owner| owner != id.as_str());
        names::account_name(&account.name, id, is_shared || is_taken)
    }
}

struct Planning<'o> {
    organization: &'o Organization,
    options: ImportOptions,
    names: Names,
    plan: ImportPlan,
}

impl Planning<'_> {
    /// Compares an entry with the organization. Returns its ID.
    fn block(&mut self, text: &str, block: &Block<'_>, changes: &mut Changes) -> Option<AccountId> {
        let id = AccountId::parse(block.string("id")?.text).ok()?;
        let name = block.string("name")?.text.to_owned();
        let mismatch = |reason: String| Mismatch {
            id: id.clone(),
            name: name.clone(),
            reason,
        };
        let Some(account) = self.organization.accounts.get(&id) else {
            self.plan
                .absent
                .push(mismatch("not in the organization".to_owned()));
            return Some(id);
        };
        if !account.state.is_active() {
            self.plan.closed.push(mismatch(account.state.to_string()));
        }
        let compared = self.compare(text, block, &id, account);
        match compared {
            Ok(Some((edits, expected, change))) => {
                changes.edits.extend(edits);
                changes.changed.insert(id.to_string(), expected);
                self.plan.changed.push(change);
            }
            Ok(None) => {}
            Err(reason) => self.plan.skipped.push(mismatch(reason)),
        }
        Some(id)
    }

    fn compare(
        &mut self,
        text: &str,
        block: &Block<'_>,
        id: &AccountId,
        account: &OrganizationAccount,
    ) -> Result<Option<(Vec<Edit>, Expected, AccountChange)>, String> {
        let unsupported =
            |Unsupported(reason): Unsupported| format!("its entry cannot be changed: {reason}");
        let mut edits = Vec::new();
        let mut expected = Expected::default();
        let mut values = BTreeMap::new();
        let name = block
            .string("name")
            .map(|name| name.text)
            .unwrap_or_default();
        if let Some(placement) = &account.placement {
            let wanted = names::ou(placement)?;
            let current = block.string("ou").map(|ou| ou.text.to_owned());
            if wanted != current {
                edits.extend(block.set_ou(text, wanted.as_deref()).map_err(unsupported)?);
                values.insert("ou".to_owned(), (current, wanted.clone()));
                expected.ou = Some(wanted);
            }
        }
        if let Some(tags) = &account.tags {
            let current = block
                .tags()
                .ok_or("its entry cannot be changed: a tag is not a string")?;
            let mut wanted = self.tags(id, name, tags);
            if self.options.keep_tags {
                for (key, value) in &current {
                    wanted.entry(key).or_insert(value);
                }
            }
            if wanted != current {
                edits.extend(block.set_tags(text, &wanted).map_err(unsupported)?);
                let keys: BTreeSet<&str> = wanted.keys().chain(current.keys()).copied().collect();
                for key in keys {
                    let (before, after) = (current.get(key), wanted.get(key));
                    if before != after {
                        let owned = |value: Option<&&str>| value.map(|value| (*value).to_owned());
                        values.insert(format!("tags.{key}"), (owned(before), owned(after)));
                    }
                }
                expected.tags = Some(
                    wanted
                        .iter()
                        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                        .collect(),
                );
            }
        }
        let name_in_aws = self.names.of(id, account);
        let is_other = account.state.is_active() && name != account.name && name != name_in_aws;
        if is_other && self.options.rename {
            edits.extend(block.rename(text, &name_in_aws));
            values.insert(
                "name".to_owned(),
                (Some(name.to_owned()), Some(name_in_aws.clone())),
            );
            self.names.taken.insert(name_in_aws.clone(), id.to_string());
            expected.name = Some(name_in_aws);
        } else if is_other {
            self.plan.renamed.push(NameDifference {
                id: id.clone(),
                name: name.to_owned(),
                name_in_aws: text::one_line(&account.name, 128),
            });
        }
        let change = AccountChange {
            id: id.clone(),
            name: name.to_owned(),
            values,
        };
        Ok((!edits.is_empty()).then_some((edits, expected, change)))
    }

    /// The tags that a file can contain. Reports the others.
    fn tags<'t>(
        &mut self,
        id: &AccountId,
        name: &str,
        tags: &'t BTreeMap<String, String>,
    ) -> BTreeMap<&'t str, &'t str> {
        let (accepted, omitted) = names::tags(tags);
        if !omitted.is_empty() {
            let shown: Vec<String> = omitted
                .into_iter()
                .map(crate::config_file::quoted)
                .collect();
            self.plan.omitted_tags.push(Mismatch {
                id: id.clone(),
                name: name.to_owned(),
                reason: shown.join(", "),
            });
        }
        accepted
    }

    /// The entries of the active accounts that no file contains, and what they set.
    fn new_accounts(
        &mut self,
        known: &BTreeSet<AccountId>,
    ) -> (Vec<Vec<String>>, Vec<(String, Expected)>) {
        let organization = self.organization;
        let (mut entries, mut added) = (Vec::new(), Vec::new());
        for (id, account) in &organization.accounts {
            if known.contains(id) {
                continue;
            }
            if !account.state.is_active() {
                self.plan.inactive += 1;
                continue;
            }
            let ou = account.placement.as_ref().map_or(Ok(None), names::ou);
            let ou = match ou {
                Ok(ou) => ou,
                Err(reason) => {
                    let name = text::one_line(&account.name, 128);
                    self.plan.skipped.push(Mismatch {
                        id: id.clone(),
                        name,
                        reason,
                    });
                    continue;
                }
            };
            let name = self.names.of(id, account);
            let none = BTreeMap::new();
            let tags = self.tags(id, &name, account.tags.as_ref().unwrap_or(&none));
            entries.push(new_block(id.as_str(), &name, ou.as_deref(), &tags));
            self.names.taken.insert(name.clone(), id.to_string());
            let tags: BTreeMap<String, String> = tags
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let expected = Expected {
                name: Some(name.clone()),
                ou: Some(ou.clone()),
                tags: Some(tags.clone()),
            };
            added.push((id.to_string(), expected));
            let name_in_aws = (name != account.name).then(|| text::one_line(&account.name, 128));
            self.plan.added.push(AddedAccount {
                id: id.clone(),
                name,
                name_in_aws,
                ou,
                tags,
            });
        }
        (entries, added)
    }

    /// Counts the active accounts about which something is not known.
    fn count(&mut self) {
        let accounts = self.organization.accounts.values();
        let active = accounts.filter(|account| account.state == AccountState::Active);
        for account in active {
            self.plan.without_ou += usize::from(account.placement.is_none());
            self.plan.without_tags += usize::from(account.tags.is_none());
        }
    }
}
