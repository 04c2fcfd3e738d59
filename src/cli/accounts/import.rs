//! `rolecalld accounts import`: `[[account]]` entries from an AWS organization.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rolecall_core::access::{CoverageChange, Policy, PolicyFile};
use rolecall_core::organization::{self, ImportOptions, ImportPlan, Organization};
use url::Url;

use super::live;
use super::replace_file::replace;
use super::report::Report;
use super::saved_files;
use super::target::Target;
use crate::cli::ConfigArg;
use crate::cli::out::{self, CommandStatus, Failure};
use crate::config::{self, AccessFiles, OfflineSettings};

/// Import accounts, organizational units and tags from responses of AWS Organizations into the access files. New accounts are
/// added; `ou` and `tags` of known accounts are replaced; nothing else in the files changes. An import by which an assignment
/// covers more, or a deny rule less, is written only with --allow-gains.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld accounts import --config rolecall.toml --dry-run organization/*.json\n  rolecalld accounts import --config rolecall.toml --into access/accounts.toml organization/*.json\n  AWS_PROFILE=management rolecalld accounts import --config rolecall.toml --live --dry-run\n\nExit code 1: somebody can gain access, and --allow-gains is not set. docs/accounts.md shows how to save the responses."
)]
pub struct Import {
    /// Saved responses of `aws organizations`: files, or directories with *.json files
    #[arg(value_name = "FILE", required_unless_present = "live")]
    files: Vec<PathBuf>,
    /// Ask AWS Organizations, with the AWS credentials of this shell (`AWS_PROFILE`), instead of reading files
    #[arg(long, conflicts_with = "files")]
    live: bool,
    /// Endpoint of Organizations that --live asks; default: that of AWS, or `AWS_ENDPOINT_URL_ORGANIZATIONS`
    #[arg(long, value_name = "URL", requires = "live")]
    endpoint_url: Option<Url>,
    #[command(flatten)]
    config: ConfigArg,
    /// Access file to which new accounts are added; default: the one with accounts
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Show the changes and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Accept that people gain access: write the files, and exit with 0
    #[arg(long)]
    allow_gains: bool,
    /// Also replace names of accounts that have another name in AWS
    #[arg(long)]
    rename: bool,
    /// Keep tags that the account does not have in AWS
    #[arg(long)]
    keep_tags: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let settings = config::offline_settings(&self.config.config)?;
        let target = Target::find(&settings.access, self.into.as_deref())?;
        let organization = self.organization(&settings)?;
        let options = ImportOptions {
            rename: self.rename,
            keep_tags: self.keep_tags,
        };
        let plan = organization::plan(&organization, &target.files, target.index, options)
            .map_err(|error| Failure::configuration(error.to_string()))?;
        let (old, new) = policies(&settings.access, &target.files, &plan)?;
        new_warnings(&new, old.as_ref());
        let coverage = new.coverage_changes(old.as_ref());
        let has_gain = coverage.iter().any(|change| change.kind.is_gain());
        let is_refused = has_gain && !self.allow_gains;
        let written = match self.dry_run || is_refused {
            true => Vec::new(),
            false => write(&target, &plan)?,
        };
        let report = Report::new(&plan, &coverage, &written, self.dry_run);
        match self.json {
            true => out::json(&report)?,
            false => report.print()?,
        }
        if !is_refused {
            return Ok(CommandStatus::Success);
        }
        out::note(gains(&coverage));
        Ok(CommandStatus::Negative)
    }

    fn organization(&self, settings: &OfflineSettings) -> Result<Organization, Failure> {
        if self.live {
            return live::list(
                &self.config.config,
                &settings.aws,
                self.endpoint_url.as_ref(),
            );
        }
        let files = saved_files::read(&self.files)?;
        let partition = settings.aws.partition;
        organization::read_saved(&files, partition).map_err(|errors| saved_files::failure(&errors))
    }
}

const NOT_VALID: &str = "the result of the import is not valid: nothing was written";
const CORRECT_FIRST: &str =
    "correct the access files, then import again; lines are those of the result";
const OLD_INVALID: &str = "warning: the access files have errors now, so everything that the result grants is listed as new";

/// The policies before and after the import. `None`: the access files have errors before it.
fn policies(
    access: &AccessFiles,
    files: &[PolicyFile],
    plan: &ImportPlan,
) -> Result<(Option<Policy>, Policy), Failure> {
    let new = match access.parse_offline(&result(files, plan)) {
        Ok(new) => new.policy,
        Err(error) => {
            plan.files
                .iter()
                .try_for_each(|file| out::line(&file.diff))?;
            return Err(Failure::configuration(format!("{error}\n{NOT_VALID}")).hint(CORRECT_FIRST));
        }
    };
    let old = access.parse_offline(files);
    let old = old.inspect_err(|error| out::note(format!("{error}\n{OLD_INVALID}")));
    Ok((old.ok().map(|old| old.policy), new))
}

/// The access files after the import.
fn result(files: &[PolicyFile], plan: &ImportPlan) -> Vec<PolicyFile> {
    let mut files = files.to_vec();
    for file in &mut files {
        let changed = plan.files.iter().find(|changed| changed.path == file.path);
        if let Some(changed) = changed {
            file.text.clone_from(&changed.text);
        }
    }
    files
}

/// Prints warnings that the files did not cause before. Lines can differ.
fn new_warnings(new: &Policy, old: Option<&Policy>) {
    let before = old.map(Policy::warnings).unwrap_or_default().iter();
    let before: BTreeSet<&str> = before.map(|warning| &*warning.message).collect();
    for warning in new.warnings() {
        if !before.contains(&*warning.message) {
            out::note(format!("warning: {warning}"));
        }
    }
}

/// Writes the files. Returns a line about each.
fn write(target: &Target, plan: &ImportPlan) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for file in &plan.files {
        let before = target
            .files
            .iter()
            .position(|before| before.path == file.path);
        let former = before.filter(|index| target.exists(*index));
        let former = former.map(|index| &*target.files[index].text);
        let backup = replace(&file.path, former, &file.text).map_err(|error| {
            let failure =
                Failure::failed(format!("{}: cannot write: {error}", file.path.display()));
            match written.is_empty() {
                true => failure.hint("nothing was written"),
                false => failure.hint(format!("already written: {}", written.join(", "))),
            }
        })?;
        let shown = file.path.display();
        written.push(match backup {
            Some(backup) => format!("{shown} (the former content is in {})", backup.display()),
            None => shown.to_string(),
        });
    }
    Ok(written)
}

fn gains(coverage: &[CoverageChange<'_>]) -> String {
    let gains = coverage.iter().filter(|change| change.kind.is_gain());
    let gains: BTreeSet<&str> = gains.map(|change| change.account.id.as_str()).collect();
    format!(
        "people can gain access to {}: nothing was written\nhint: review the lines with GAIN, then run the command with --allow-gains",
        out::count(gains.len(), "account")
    )
}
