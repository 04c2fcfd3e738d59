//! `--people`: people from a directory of claim files, from a JSONL file, or those that have signed in.

mod evaluate;
mod files;
mod person;

use std::cell::Cell;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rolecall_core::identity::ProviderId;

use super::out::{self, Failure};
use super::people::KnownPeople;
use crate::idp::ProviderSettings;

pub use evaluate::{Evaluated, evaluate};
pub use files::person as read_claims;
pub use person::{Person, PersonName, Profile, TimeSpan, day};

/// Where people come from.
#[derive(Clone, Debug)]
pub enum PeopleSource {
    /// A directory with claim files, a file with one person, or a JSONL file.
    Files(PathBuf),
    /// The people that the gateway recorded at their sign-in.
    Known,
}

impl std::str::FromStr for PeopleSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "known" => Self::Known,
            path => Self::Files(path.into()),
        })
    }
}

/// A person as read, before the configuration is applied.
#[derive(Clone, Debug)]
pub struct RawPerson {
    /// Where it was read: a file, or a file and a line.
    pub place: String,
    /// The provider according to the directory.
    pub provider: Option<ProviderId>,
    /// JSON.
    pub text: Vec<u8>,
}

/// The people of a source in order; each can be an error.
pub type RawPeople = Box<dyn Iterator<Item = Result<RawPerson, Failure>>>;

/// Opens files. `providers` are the names that a subdirectory can have.
///
/// # Errors
/// The source cannot be read, or contains what is neither people nor ignored.
pub fn open(path: &Path, providers: &[ProviderId]) -> Result<RawPeople, Failure> {
    let shown = path.display();
    let kind = std::fs::metadata(path).map_err(|error| {
        Failure::configuration(format!("{shown}: cannot read: {error}")).hint(
            "--people is a directory of claim files, a JSONL file with one person in each line, or known",
        )
    })?;
    if kind.is_dir() {
        return Ok(Box::new(files::folder(path, providers)?));
    }
    if path.extension().is_some_and(|end| end == "json") {
        let person = files::person(path, None);
        return Ok(Box::new(std::iter::once(person)));
    }
    let file = File::open(path)
        .map_err(|error| Failure::configuration(format!("{shown}: cannot read: {error}")))?;
    Ok(Box::new(files::lines(path, BufReader::new(file))))
}

/// The number of recorded people that were left out while the source was read.
#[derive(Clone, Debug, Default)]
pub struct Skipped(Rc<Cell<usize>>);

impl Skipped {
    /// The number so far. Prints a note unless it is 0.
    pub fn report(&self) -> usize {
        let number = self.0.get();
        match number {
            0 => {}
            1 => out::note("1 recorded person is left out: the provider is not configured"),
            _ => out::note(format!(
                "{number} recorded people are left out: their providers are not configured"
            )),
        }
        number
    }
}

/// Whether a number is left out of JSON.
pub fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The people of a source: files for the providers of the new profile, or the people in the database of its configuration
/// file. Recorded people whose provider is in none of the profiles are left out and counted.
///
/// # Errors
/// As [`open`], and if the database cannot be used.
pub fn read(
    source: &PeopleSource,
    new: &Profile<'_>,
    old: Option<&Profile<'_>>,
) -> Result<(RawPeople, Skipped), Failure> {
    let ids = |providers: &[ProviderSettings]| -> Vec<ProviderId> {
        let providers = providers.iter();
        providers.map(|provider| provider.id().clone()).collect()
    };
    let skipped = Skipped::default();
    let people = match source {
        PeopleSource::Files(path) => open(path, &ids(new.providers))?,
        PeopleSource::Known => {
            let mut known_ids = ids(new.providers);
            known_ids.extend(old.map(|old| ids(old.providers)).into_iter().flatten());
            known(new.config, known_ids, skipped.clone())?
        }
    };
    Ok((people, skipped))
}

/// The people that the gateway recorded, without those of other providers.
fn known(
    config: &Path,
    providers: Vec<ProviderId>,
    skipped: Skipped,
) -> Result<RawPeople, Failure> {
    let mut people = KnownPeople::open(config)?.peekable();
    if people.peek().is_none() {
        return Err(Failure::configuration("nobody is recorded yet").hint(
            "people are recorded when they sign in; use --people with a directory of claim files or a JSONL file",
        ));
    }
    let people = people.filter(move |person| {
        let is_configured = match person {
            Ok(person) => providers.contains(&person.provider),
            Err(_) => true,
        };
        if !is_configured {
            skipped.0.set(skipped.0.get() + 1);
        }
        is_configured
    });
    Ok(Box::new(people.map(|person| {
        let person = person?;
        let line = person.to_line();
        Ok(RawPerson {
            place: format!("{}/{}", person.provider, person.subject),
            provider: None,
            text: line
                .map_err(|error| Failure::failed(error.to_string()))?
                .into_bytes(),
        })
    })))
}
