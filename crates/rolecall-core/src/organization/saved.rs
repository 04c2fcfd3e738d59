//! Saved responses of AWS Organizations.
//!
//! A file contains one or several JSON documents, one after another: a response as `aws organizations …` prints it, its
//! pages, or JSON lines. Responses about one account or unit do not name it. The name of their file ends in its ID, or the
//! parameter of the request is added to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::account::{AccountState, Organization, OrganizationAccount};
use super::hierarchy::{Hierarchy, HierarchyError};
use super::response::{
    AccountEntry, IdKind, Response, UnitEntry, id_at_end, id_kind, parent, parent_in_path,
};
use super::saved_error::{Invalid, SAVE_AGAIN, SavedError, conflict, not_a_response, unnamed};
use crate::aws::{AccountId, Partition};
use crate::base::{limits, text};

/// A file with saved responses.
#[derive(Clone, Debug)]
pub struct SavedFile {
    /// Path; its name can end in the ID of what the responses are about.
    pub path: PathBuf,
    /// Content.
    pub text: String,
}

/// Reads saved responses.
///
/// # Errors
/// Every file that cannot be used, and every response that is missing.
pub fn read_saved(
    files: &[SavedFile],
    partition: Partition,
) -> Result<Organization, BTreeSet<SavedError>> {
    let mut reading = Reading {
        partition,
        ..Reading::default()
    };
    for file in files {
        reading.file(file);
    }
    reading.finish()
}

#[derive(Default)]
struct Reading {
    partition: Partition,
    accounts: BTreeMap<AccountId, (String, AccountState)>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    hierarchy: Hierarchy,
    /// For each list: its last page was among the files.
    complete: BTreeMap<(&'static str, Option<String>), Page>,
    errors: BTreeSet<SavedError>,
}

struct Page {
    path: PathBuf,
    is_last: bool,
}

impl Reading {
    fn file(&mut self, file: &SavedFile) {
        let text = file.text.trim_start_matches('\u{feff}');
        let invalid = match text.trim_start().bytes().next() {
            None => Invalid::new(
                "the file is empty",
                "the command failed when it was saved: run it again and read its error",
            ),
            Some(b'<') => Invalid::new(
                "this is a page in HTML or XML, not JSON",
                "save the output of the AWS CLI, with --output json",
            ),
            Some(b'[') => Invalid::new(
                "this is a JSON array, not a response",
                "save the response without --query",
            ),
            Some(_) => match self.documents(&file.path, text) {
                Ok(()) => return,
                Err(invalid) => invalid,
            },
        };
        self.report(&file.path, invalid);
    }

    fn documents(&mut self, path: &Path, text: &str) -> Result<(), Invalid> {
        for document in serde_json::Deserializer::from_str(text).into_iter::<Response>() {
            self.document(path, document.map_err(|error| not_a_response(&error))?)?;
        }
        Ok(())
    }

    fn document(&mut self, path: &Path, response: Response) -> Result<(), Invalid> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let named = id_at_end(&stem);
        let operation = response.operation().ok_or_else(|| {
            Invalid::new(
                "this is not a response of an operation that is read",
                "save list-accounts, list-parents, list-tags-for-resource and list-organizational-units-for-parent of aws organizations",
            )
        })?;
        let about = |parameter: &Option<String>, kinds: &[IdKind]| {
            let id = parameter.as_deref().or(named)?;
            id_kind(id).filter(|kind| kinds.contains(kind))?;
            Some(id.to_owned())
        };
        let above = || about(&response.parent_id, &[IdKind::Root, IdKind::Unit]);
        let below = || about(&response.child_id, &[IdKind::Account, IdKind::Unit]);
        let mut subject = None;
        if let Some(accounts) = &response.accounts {
            subject = above();
            for account in accounts {
                self.account(account, subject.as_deref())?;
            }
        }
        if let Some(account) = &response.account {
            self.account(account, None)?;
        }
        if let Some(parents) = &response.parents {
            subject = below();
            let child = subject
                .as_deref()
                .ok_or_else(|| unnamed(operation, "child-id"))?;
            for one in parents {
                self.place(child, &one.id)?;
            }
        }
        if let Some(children) = &response.children {
            subject = above();
            let above = subject
                .as_deref()
                .ok_or_else(|| unnamed(operation, "parent-id"))?;
            for one in children {
                self.place(&one.id, above)?;
            }
        }
        if let Some(units) = &response.organizational_units {
            subject = above();
            for unit in units {
                self.unit(unit, subject.as_deref(), operation)?;
            }
        }
        if let Some(unit) = &response.organizational_unit {
            self.hierarchy
                .name(&unit.id, &unit.name)
                .map_err(conflict)?;
            if let Some(above) = unit
                .path
                .as_deref()
                .and_then(|path| parent_in_path(path, &unit.id))
            {
                self.hierarchy.place(&unit.id, above).map_err(conflict)?;
            }
        }
        if let Some(tags) = &response.tags {
            let every = [IdKind::Account, IdKind::Unit, IdKind::Root];
            subject = about(&response.resource_id, &every);
            let id = subject
                .as_deref()
                .ok_or_else(|| unnamed(operation, "resource-id"))?;
            self.tags(id, tags.iter().map(|tag| (&*tag.key, &*tag.value)))?;
        }
        self.page(path, operation, subject, response.next_token.is_none());
        Ok(())
    }

    fn account(&mut self, account: &AccountEntry, above: Option<&str>) -> Result<(), Invalid> {
        let id = AccountId::parse(&account.id).map_err(|_| {
            let shown = text::one_line(&account.id, 40);
            Invalid::new(format!("`Id` of an account is \"{shown}\""), SAVE_AGAIN)
        })?;
        if let Some(partition) = account.arn.split(':').nth(1)
            && partition != self.partition.as_str()
        {
            return Err(Invalid::new(
                format!(
                    "account {id} is in the partition {}, and the configuration is for {}",
                    text::one_line(partition, 40),
                    self.partition
                ),
                "the partition is set in rolecall.toml, [aws]",
            ));
        }
        let state = account.state.as_ref().or(account.status.as_ref());
        let state = state
            .map(|state| AccountState::parse(state))
            .ok_or_else(|| {
                Invalid::new(
                    format!("account {id} has neither `State` nor `Status`"),
                    "save the whole response, without --query",
                )
            })?;
        if let Some(above) = above {
            self.place(id.as_str(), above)?;
        }
        if let [path] = &*account.paths
            && let Some(above) = parent_in_path(path, id.as_str())
        {
            self.hierarchy.place(id.as_str(), above).map_err(conflict)?;
        }
        if self.accounts.len() >= limits::POLICY_ENTRIES_MAX {
            let message = format!("more than {} accounts", limits::POLICY_ENTRIES_MAX);
            return Err(Invalid::new(message, "import them in parts"));
        }
        let found = (account.name.clone().unwrap_or_default(), state);
        match self.accounts.get(&id) {
            Some(before) if *before != found => {
                Err(conflict(HierarchyError::Conflict(id.to_string())))
            }
            Some(_) => Ok(()),
            None => {
                self.accounts.insert(id, found);
                Ok(())
            }
        }
    }

    fn unit(
        &mut self,
        unit: &UnitEntry,
        above: Option<&str>,
        operation: &'static str,
    ) -> Result<(), Invalid> {
        self.hierarchy
            .name(&unit.id, &unit.name)
            .map_err(conflict)?;
        let in_path = unit
            .path
            .as_deref()
            .and_then(|path| parent_in_path(path, &unit.id));
        let above = above.and_then(parent).or(in_path);
        let above = above.ok_or_else(|| unnamed(operation, "parent-id"))?;
        self.hierarchy.place(&unit.id, above).map_err(conflict)
    }

    fn place(&mut self, child: &str, above: &str) -> Result<(), Invalid> {
        let above = parent(above).ok_or_else(|| {
            let shown = text::one_line(above, 40);
            Invalid::new(
                format!("\"{shown}\" is not the id of a root or an organizational unit"),
                SAVE_AGAIN,
            )
        })?;
        self.hierarchy.place(child, above).map_err(conflict)
    }

    fn tags<'t>(
        &mut self,
        id: &str,
        tags: impl Iterator<Item = (&'t str, &'t str)>,
    ) -> Result<(), Invalid> {
        let known = self.tags.entry(id.to_owned()).or_default();
        for (key, value) in tags {
            let before = known.insert(key.to_owned(), value.to_owned());
            if before.is_some_and(|before| before != value) {
                return Err(conflict(HierarchyError::Conflict(format!("a tag of {id}"))));
            }
        }
        Ok(())
    }

    fn page(
        &mut self,
        path: &Path,
        operation: &'static str,
        subject: Option<String>,
        is_last: bool,
    ) {
        let page = self.complete.entry((operation, subject)).or_insert(Page {
            path: path.to_owned(),
            is_last,
        });
        page.is_last |= is_last;
    }

    fn report(&mut self, path: &Path, invalid: Invalid) {
        self.errors.insert(SavedError::in_file(path, invalid));
    }

    fn finish(mut self) -> Result<Organization, BTreeSet<SavedError>> {
        let unfinished = self.complete.values().filter(|page| !page.is_last);
        let unfinished: Vec<PathBuf> = unfinished.map(|page| page.path.clone()).collect();
        for path in unfinished {
            self.report(
                &path,
                Invalid::new(
                    "the last page is missing: every response has a `NextToken`",
                    "save the response without --max-items and --no-paginate, or all its pages",
                ),
            );
        }
        let mut organization = Organization::default();
        for (id, (name, state)) in std::mem::take(&mut self.accounts) {
            let placement = self
                .hierarchy
                .placement(id.as_str())
                .unwrap_or_else(|error| {
                    self.errors.insert(SavedError::between_files(&error));
                    None
                });
            let tags = self.tags.remove(id.as_str());
            let account = OrganizationAccount {
                name,
                state,
                placement,
                tags,
            };
            organization.accounts.insert(id, account);
        }
        if organization.accounts.is_empty() && self.errors.is_empty() {
            self.errors.insert(SavedError::no_accounts());
        }
        match self.errors.is_empty() {
            true => Ok(organization),
            false => Err(self.errors),
        }
    }
}
