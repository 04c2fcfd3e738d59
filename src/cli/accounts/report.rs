//! What an import changes, and who gains by it, as text and as JSON.

use std::collections::BTreeMap;

use rolecall_core::access::{CoverageChange, CoverageKind};
use rolecall_core::organization::{
    AccountChange, AddedAccount, ImportPlan, Mismatch, NameDifference,
};
use serde::Serialize;

use crate::cli::out::{self, Failure};

/// Accounts that are listed for one rule, or for one kind of remark. `--json` lists all.
const LISTED_MAX: usize = 20;

/// The output of the command.
#[derive(Serialize)]
pub struct Report<'p> {
    diff: String,
    added: &'p [AddedAccount],
    changed: &'p [AccountChange],
    renamed: &'p [NameDifference],
    closed: &'p [Mismatch],
    absent: &'p [Mismatch],
    skipped: &'p [Mismatch],
    omitted_tags: &'p [Mismatch],
    without_ou: usize,
    without_tags: usize,
    inactive: usize,
    coverage: Vec<Coverage<'p>>,
    /// Files that were written.
    written: &'p [String],
    dry_run: bool,
}

/// A change of what a rule covers.
#[derive(Serialize)]
struct Coverage<'p> {
    gain: bool,
    #[serde(serialize_with = "kind_code", rename = "change")]
    kind: CoverageKind,
    rule: &'p str,
    account: &'p str,
    name: &'p str,
    permission_sets: Vec<&'p str>,
    denied_by: &'p [&'p str],
}

fn kind_code<S: serde::Serializer>(kind: &CoverageKind, into: S) -> Result<S::Ok, S::Error> {
    into.serialize_str(match kind {
        CoverageKind::Assigned => "assigned",
        CoverageKind::NoLongerDenied => "no_longer_denied",
        CoverageKind::NoLongerAssigned => "no_longer_assigned",
        CoverageKind::Denied => "denied",
    })
}

impl<'p> Report<'p> {
    /// The report about a plan, of which these files were written.
    pub fn new(
        plan: &'p ImportPlan,
        coverage: &'p [CoverageChange<'p>],
        written: &'p [String],
        dry_run: bool,
    ) -> Self {
        let line = |change: &'p CoverageChange<'p>| Coverage {
            gain: change.kind.is_gain(),
            kind: change.kind,
            rule: change.rule,
            account: change.account.id.as_str(),
            name: change.account.name.as_str(),
            permission_sets: change
                .permission_sets
                .iter()
                .map(|set| set.as_str())
                .collect(),
            denied_by: &change.denied_by,
        };
        Self {
            diff: plan.files.iter().map(|file| &*file.diff).collect(),
            added: &plan.added,
            changed: &plan.changed,
            renamed: &plan.renamed,
            closed: &plan.closed,
            absent: &plan.absent,
            skipped: &plan.skipped,
            omitted_tags: &plan.omitted_tags,
            without_ou: plan.without_ou,
            without_tags: plan.without_tags,
            inactive: plan.inactive,
            coverage: coverage.iter().map(line).collect(),
            written,
            dry_run,
        }
    }

    /// Prints the report.
    pub fn print(&self) -> Result<(), Failure> {
        if !self.diff.is_empty() {
            out::line(&self.diff)?;
        }
        out::line(format!(
            "{} added, {} changed",
            out::count(self.added.len(), "account"),
            self.changed.len()
        ))?;
        self.differences()?;
        self.rules()?;
        for file in self.written {
            out::line(format!("written: {file}"))?;
        }
        if self.diff.is_empty() {
            out::line("the access files do not change")?;
        } else if self.dry_run {
            out::line("dry run: nothing was written")?;
        }
        Ok(())
    }

    /// What is not in the diff.
    fn differences(&self) -> Result<(), Failure> {
        let other_names = self.added.iter().filter_map(|account| {
            let name = account.name_in_aws.as_ref()?;
            Some(format!(
                "{} ({}), in AWS {name:?}",
                account.name, account.id
            ))
        });
        let other_names: Vec<String> = other_names.collect();
        section(
            "Names that differ from those in AWS",
            other_names.into_iter(),
        )?;
        let renamed = self
            .renamed
            .iter()
            .map(|one| format!("{} ({}), in AWS {:?}", one.name, one.id, one.name_in_aws));
        section(
            "Renamed in AWS; the files keep the name without --rename",
            renamed,
        )?;
        for (title, accounts) in [
            ("Not active in AWS; the entries stay", self.closed),
            ("Not in the organization; the entries stay", self.absent),
            ("Not imported", self.skipped),
            (
                "Tags that are not imported: a tag has 1 to 256 characters without *, and no = in its key",
                self.omitted_tags,
            ),
        ] {
            let lines = accounts
                .iter()
                .map(|one| format!("{} ({}): {}", one.name, one.id, one.reason));
            section(title, lines)?;
        }
        if self.inactive > 0 {
            let inactive = out::count(self.inactive, "inactive account");
            out::line(format!("{inactive} of the organization not added"))?;
        }
        if self.without_ou > 0 {
            out::note(format!(
                "warning: `ou` of {} is unknown and stays as it is: list-parents is missing",
                out::count(self.without_ou, "account")
            ));
        }
        if self.without_tags > 0 {
            out::note(format!(
                "warning: `tags` of {} are unknown and stay as they are: list-tags-for-resource is missing",
                out::count(self.without_tags, "account")
            ));
        }
        Ok(())
    }

    /// Which rules cover more or less, by rule.
    fn rules(&self) -> Result<(), Failure> {
        let mut groups: BTreeMap<(CoverageKind, &str), Vec<&Coverage<'_>>> = BTreeMap::new();
        for one in &self.coverage {
            groups.entry((one.kind, one.rule)).or_default().push(one);
        }
        for ((kind, rule), accounts) in groups {
            let title = match kind {
                CoverageKind::Assigned => format!("GAIN: assignment {rule} now covers"),
                CoverageKind::NoLongerDenied => format!("GAIN: deny rule {rule} no longer covers"),
                CoverageKind::NoLongerAssigned => format!("Assignment {rule} no longer covers"),
                CoverageKind::Denied => format!("Deny rule {rule} now covers"),
            };
            let lines = accounts.iter().map(|one| {
                let sets = one.permission_sets.join(", ");
                let denied = match one.denied_by.is_empty() {
                    true => String::new(),
                    false => format!(
                        ", except for people to whom {} applies",
                        one.denied_by.join(", ")
                    ),
                };
                format!("{} ({}): {sets}{denied}", one.name, one.account)
            });
            section(&title, lines)?;
        }
        Ok(())
    }
}

/// Prints a title and lines below it; nothing without lines.
fn section(title: &str, lines: impl ExactSizeIterator<Item = String>) -> Result<(), Failure> {
    let count = lines.len();
    if count == 0 {
        return Ok(());
    }
    out::line(format!("{title}:"))?;
    for line in lines.take(LISTED_MAX) {
        out::line(format!("  {line}"))?;
    }
    match count.checked_sub(LISTED_MAX) {
        Some(more) if more > 0 => out::line(format!("  … {more} more; --json lists all")),
        Some(_) | None => Ok(()),
    }
}
