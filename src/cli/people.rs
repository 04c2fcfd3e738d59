//! `rolecalld people`: lists and forgets people as of their last sign-in.

use std::path::Path;

use rolecall_core::base::{Clock as _, text};
use rolecall_core::identity::EmailAddress;
use rolecall_core::people::RecordedPerson;
use tokio::runtime::Runtime;

use super::out::{self, CommandStatus, Failure};
use super::sessions::{Person, parse_person, quoted};
use super::{ConfigArg, block_on, open_database, runtime};
use crate::config;
use crate::people::{
    KeptPerson, PeoplePage, PeopleReader, UnreadablePerson, find_people, forget_person,
};
use crate::world::SystemClock;

/// What the table contains, in messages.
const RECORDS: &str = "people";
/// Maximum length of a field in the text output, in characters.
const FIELD_CHARS_MAX: usize = 128;

/// List and forget people as of their last sign-in.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld people list --config rolecall.toml\n  rolecalld people list --config rolecall.toml --json > people.jsonl\n  rolecalld people forget --config rolecall.toml --user alice@example.com"
)]
pub enum People {
    /// List the people who have signed in within the duration of [audit] people
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON object per line, which commands about access read as people
        #[arg(long)]
        json: bool,
    },
    /// Delete the record of a person; the next sign-in creates a new one
    Forget {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        who: ForgetSelector,
    },
}

/// The person to forget.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("who").required(true))]
pub struct ForgetSelector {
    /// Provider ID and subject of the person, such as okta/00u1a2b3c4d5
    #[arg(group = "who", value_name = "PROVIDER/SUBJECT", value_parser = parse_person)]
    person: Option<Person>,
    /// E-mail address of the person
    #[arg(long, group = "who", value_name = "EMAIL", value_parser = EmailAddress::parse)]
    user: Option<EmailAddress>,
    /// Forget all people with that e-mail address, if there is more than one
    #[arg(long, requires = "user")]
    yes: bool,
}

impl People {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        match self {
            Self::List { config, json } => {
                list(&config.config, json)?;
                Ok(CommandStatus::Success)
            }
            Self::Forget { config, who } => block_on(who.forget(&config)),
        }
    }
}

/// The people who are known as of their last sign-in, ordered by provider and subject. They are read in pages.
pub struct KnownPeople {
    runtime: Runtime,
    /// None after an error of the database.
    reader: Option<PeopleReader>,
    page: std::vec::IntoIter<RecordedPerson>,
    unreadable: std::vec::IntoIter<UnreadablePerson>,
}

impl KnownPeople {
    /// Opens the database of this configuration file.
    ///
    /// # Errors
    /// If nobody is recorded according to the configuration, or the database cannot be used.
    pub fn open(config: &Path) -> Result<Self, Failure> {
        let (url, kept) = config::recorded_people(config)?;
        if kept.is_zero() {
            return Err(Failure::configuration(
                "people are not recorded: [audit] people is \"0s\"",
            )
            .hint("set [audit] people = \"90d\", or name a file or directory with people"));
        }
        let runtime = runtime()?;
        let database = runtime.block_on(open_database(&url, RECORDS))?;
        let reader = PeopleReader::new(database, SystemClock.now() - kept);
        Ok(Self {
            runtime,
            reader: Some(reader),
            page: Vec::new().into_iter(),
            unreadable: Vec::new().into_iter(),
        })
    }
}

impl Iterator for KnownPeople {
    type Item = Result<RecordedPerson, Failure>;

    /// A person, a record that cannot be read, or an error of the database.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(person) = self.page.next() {
                return Some(Ok(person));
            }
            if let Some(one) = self.unreadable.next() {
                return Some(Err(unreadable(&one)));
            }
            let reader = self.reader.as_mut()?;
            match self.runtime.block_on(reader.next_page()) {
                Ok(page) => {
                    let PeoplePage { people, unreadable } = page?;
                    self.page = people.into_iter();
                    self.unreadable = unreadable.into_iter();
                }
                Err(error) => {
                    self.reader = None;
                    return Some(Err(anyhow::Error::from(error).into()));
                }
            }
        }
    }
}

fn unreadable(one: &UnreadablePerson) -> Failure {
    let subject = text::one_line(&one.subject, FIELD_CHARS_MAX);
    Failure::failed(format!(
        "the record of {} {subject} cannot be read: {}",
        one.provider, one.reason
    ))
    .hint("delete it with `rolecalld people forget PROVIDER/SUBJECT`; the next sign-in creates a new one")
}

fn list(config: &Path, json: bool) -> Result<(), Failure> {
    let (mut number, mut failed) = (0, None);
    for person in KnownPeople::open(config)? {
        match person {
            Ok(person) => {
                number += 1;
                out::line(match json {
                    true => person
                        .to_line()
                        .map_err(|error| Failure::failed(error.to_string()))?,
                    false => line(&person),
                })?;
            }
            // All others are printed, and the first error is reported.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if !json {
        out::note(match number {
            1 => "1 person".to_owned(),
            number => format!("{number} people"),
        });
    }
    failed.map_or(Ok(()), Err)
}

/// One line: time of the sign-in, provider, subject, e-mail address, second factor, number of groups.
fn line(person: &RecordedPerson) -> String {
    let email = person.email.as_ref().map_or("-", EmailAddress::as_str);
    format!(
        "{} {} {} {} {} {}",
        person.signed_in_at.format("%Y-%m-%dT%H:%M:%SZ"),
        person.provider,
        text::one_line(person.subject.as_str(), FIELD_CHARS_MAX),
        email,
        if person.mfa { "mfa" } else { "-" },
        out::count(person.groups.len(), "group"),
    )
}

impl ForgetSelector {
    async fn forget(self, config: &ConfigArg) -> Result<CommandStatus, Failure> {
        let database = open_database(&config::database(&config.config)?, RECORDS).await?;
        let people = match (self.person, self.user) {
            (Some(person), _) => vec![person],
            (None, Some(email)) => {
                let found = find_people(&database, &email).await;
                let found = found.map_err(anyhow::Error::from)?;
                if found.len() > 1 && !self.yes {
                    return Err(several(&email, &found, config));
                }
                let person = |kept: KeptPerson| Person {
                    provider: kept.provider,
                    subject: kept.subject,
                };
                found.into_iter().map(person).collect()
            }
            (None, None) => return Err(Failure::configuration("no person given")),
        };
        let mut forgotten = 0;
        for Person { provider, subject } in &people {
            let deleted = forget_person(&database, provider, subject).await;
            if deleted.map_err(anyhow::Error::from)? {
                forgotten += 1;
                out::line(format!("The record of {provider} {subject} is deleted."))?;
            }
        }
        if forgotten == 0 {
            out::note("no record of this person");
            out::note("hint: `rolecalld people list` prints the recorded people");
            return Ok(CommandStatus::Negative);
        }
        out::line(
            "Events of the audit trail are not changed. The next sign-in is recorded again. A sign-in that a running gateway has \
             not written yet can still be recorded: run the command again in a minute.",
        )?;
        Ok(CommandStatus::Success)
    }
}

fn several(email: &EmailAddress, found: &[KeptPerson], config: &ConfigArg) -> Failure {
    let command = format!(
        "rolecalld people forget --config {}",
        quoted(&config.config.display().to_string())
    );
    let mut message = format!(
        "{} people are recorded with the e-mail address {email}; no record was deleted:",
        found.len()
    );
    for kept in found {
        let name = format!("{}/{}", kept.provider, kept.subject);
        message.push_str(&format!(
            "\n  {command} {}     last sign-in {}",
            quoted(&name),
            kept.signed_in_at
        ));
    }
    Failure::failed(message).hint(format!(
        "run one of these commands, or `{command} --user {email} --yes` for all of them"
    ))
}
