//! `rolecalld diff`: who gains and who loses access, role by role.

mod markdown;
mod providers;
mod report;
mod text;

use std::path::{Path, PathBuf};

use clap::ArgGroup;
use rolecall_core::access::{Comparison, Tally};
use rolecall_core::base::Clock as _;

use super::out::{self, CommandStatus, Failure};
use super::people_source::{self, PeopleSource, Person, Profile, RawPerson};
use crate::config::{self, LoadedOffline};
use crate::world::SystemClock;
use providers::ProviderDifference;
use report::{ComparedPeople, Report};

/// Show who gains and who loses access between two configurations, or between two versions of the access files. The exit
/// code is 1 if somebody gains access.
#[derive(Debug, clap::Args)]
#[command(
    group(ArgGroup::new("format").args(["json", "markdown"])),
    after_help = "Examples:\n  rolecalld diff --config old/rolecall.toml --config rolecall.toml --people people/\n  rolecalld diff --config rolecall.toml old/access.toml access.toml --people known\n  rolecalld diff --config rolecall.toml old/access.toml access.toml\n  rolecalld diff --config old/rolecall.toml --config rolecall.toml --people people.jsonl --markdown"
)]
pub struct Diff {
    /// Configuration file; twice: the old one and the new one
    #[arg(
        long,
        value_name = "FILE",
        env = "ROLECALL_CONFIG",
        default_value = "config/rolecall.toml"
    )]
    config: Vec<PathBuf>,
    /// Old and new access file, or directory of access files, if there is one configuration
    #[arg(value_name = "ACCESS", num_args = 2)]
    access: Vec<PathBuf>,
    /// People: a directory of claim files, a JSONL file, or `known` for those who have signed in. Without people, the rules
    /// are compared
    #[arg(long, value_name = "DIR|FILE|known")]
    people: Option<PeopleSource>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print Markdown for the comment on a pull request
    #[arg(long)]
    markdown: bool,
}

impl Diff {
    /// Runs the command. Exit code 1: somebody gains access.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        self.compare().map_err(Failure::not_a_result)
    }

    fn compare(&self) -> Result<CommandStatus, Failure> {
        let (old, new) = self.load()?;
        let now = SystemClock.now();
        let comparison = Comparison::new(&old.access.policy, &new.access.policy, now);
        // The people who have signed in are those of the new configuration, or of the only one.
        let config = self.config.last().map_or(Path::new(""), PathBuf::as_path);
        let [before, after] = [&old, &new].map(|loaded| Profile {
            config,
            providers: &loaded.settings.providers,
            policy: &loaded.access.policy,
            now,
        });
        // One configuration is the same for both versions of the access files.
        let providers = match self.config.as_slice() {
            [_] => Vec::new(),
            _ => providers::differences(before.providers, after.providers),
        };
        let people = match &self.people {
            None => None,
            Some(source) => Some(compare(source, &comparison, (&before, &after), &providers)?),
        };
        let report = Report::new(&comparison, people, providers);
        if self.json {
            out::json(&report)?;
        } else if self.markdown {
            out::line(markdown::render(&report))?;
        } else {
            text::print(&report)?;
        }
        Ok(match report.gains {
            true => CommandStatus::Negative,
            false => CommandStatus::Success,
        })
    }

    /// The old and the new configuration.
    fn load(&self) -> Result<(LoadedOffline, LoadedOffline), Failure> {
        let load = |config: &PathBuf, access: &[PathBuf]| {
            config::load_offline(config, access).map_err(Failure::from)
        };
        match (self.config.as_slice(), self.access.as_slice()) {
            ([old, new], []) => Ok((load(old, &[])?, load(new, &[])?)),
            ([config], [old, new]) => Ok((
                load(config, std::slice::from_ref(old))?,
                load(config, std::slice::from_ref(new))?,
            )),
            (_, _) => Err(Failure::configuration("two versions are needed, an old one and a new one").hint(
                "write --config OLD --config NEW, or --config FILE with the old and the new access file",
            )),
        }
    }
}

/// Compares the access of everyone.
fn compare(
    source: &PeopleSource,
    comparison: &Comparison,
    (old, new): (&Profile<'_>, &Profile<'_>),
    providers: &[ProviderDifference],
) -> Result<ComparedPeople, Failure> {
    let (raw, skipped) = people_source::read(source, new, Some(old))?;
    let evaluated = people_source::evaluate(raw, |tally: &mut Tally, number, raw: &RawPerson| {
        let person = Person::parse(raw)?;
        let id = person.provider_id(new.providers);
        let differs = id.is_some_and(|id| providers.iter().any(|one| one.id == *id));
        if let (Person::Recorded(_), true, Some(id)) = (&person, differs, id) {
            return Err(format!(
                "the settings of the provider {id} differ, and a record contains only what the settings at the sign-in \
                 made of the claims; use a claim file for this person"
            ));
        }
        let before = person.identity(old);
        let after = person.identity(new);
        let name = match (&after, &before) {
            (Ok(identity), _) | (Err(_), Ok(identity)) => person.name(identity),
            (Err(reason), Err(_)) => return Err(reason.clone()),
        };
        let is_same = id.is_some() && !differs && before.is_ok() && after.is_ok();
        let [before, after] = [before, after].map(Result::ok);
        comparison.add(tally, number, before.as_ref(), after.as_ref(), is_same);
        Ok(name)
    })?;
    Ok(ComparedPeople {
        evaluated,
        skipped: skipped.report(),
    })
}
