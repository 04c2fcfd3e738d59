//! `rolecalld sessions`

use rolecall_core::base::Clock as _;
use rolecall_core::base::limits;
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};

use super::out::{self, Done, Failure};
use super::{ConfigArg, block_on};
use crate::audit::{KnownPerson, has_signed_in, people_with_email};
use crate::database::{Database, DatabaseUrl};
use crate::server;
use crate::store::StoreUrl;
use crate::world::SystemClock;

/// What people are signed in with.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld sessions end --config rolecall.toml --user alice@example.com\n  rolecalld sessions end --config rolecall.toml okta/00u1a2b3c4d5     as both stand in the audit trail"
)]
pub enum Sessions {
    /// End everything a person is signed in with: every browser, and every AWS client, at once
    End {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        who: Who,
    },
}

/// Whose sessions.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("who").required(true))]
pub struct Who {
    /// The person's provider and what it calls them, such as okta/00u1a2b3c4d5
    #[arg(group = "who", value_name = "PROVIDER/SUBJECT", value_parser = parse_person)]
    person: Option<Person>,
    /// The person's e-mail address, as the audit trail has it
    #[arg(long, group = "who", value_name = "EMAIL", value_parser = EmailAddress::parse)]
    user: Option<EmailAddress>,
    /// Everybody who has signed in with that address, if they are more than one
    #[arg(long, requires = "user")]
    yes: bool,
    /// Where they sign in
    #[arg(long, value_name = "ID", requires = "subject", value_parser = ProviderId::parse)]
    provider: Option<ProviderId>,
    /// What the provider calls them
    #[arg(long, group = "who", value_name = "SUB", requires = "provider", value_parser = Subject::parse)]
    subject: Option<Subject>,
}

#[derive(Clone, Debug)]
struct Person {
    provider: ProviderId,
    subject: Subject,
}

fn parse_person(text: &str) -> Result<Person, String> {
    let (provider, subject) = text
        .split_once('/')
        .ok_or("write PROVIDER/SUBJECT, or --user with an e-mail address")?;
    Ok(Person {
        provider: ProviderId::parse(provider).map_err(|error| error.to_string())?,
        subject: Subject::parse(subject).map_err(|error| error.to_string())?,
    })
}

/// The people that were asked for, and whether the trail knows them.
struct Found {
    people: Vec<Person>,
    known: bool,
}

impl Who {
    async fn find(self, config: &ConfigArg, database: &DatabaseUrl) -> Result<Found, Failure> {
        let trail = Database::open(database)
            .await
            .map_err(anyhow::Error::from)?;
        // Twice as long as any session lives: clocks differ, and configurations change.
        let since = SystemClock.now() - limits::SESSION_LIFE_MAX * 2;
        let named = match (self.person, self.provider, self.subject) {
            (Some(person), _, _) => Some(person),
            (None, Some(provider), Some(subject)) => Some(Person { provider, subject }),
            (None, _, _) => None,
        };
        if let Some(person) = named {
            let Person { provider, subject } = &person;
            let found = has_signed_in(&trail, provider, subject, since).await;
            return Ok(Found {
                known: found.map_err(anyhow::Error::from)?,
                people: vec![person],
            });
        }
        let Some(email) = self.user else {
            return Err(Failure::configuration("nobody is named"));
        };
        let found = people_with_email(&trail, &email, since).await;
        let found = found.map_err(anyhow::Error::from)?;
        if found.is_empty() {
            return Err(nobody(&email));
        }
        if found.len() > 1 && !self.yes {
            return Err(several(&email, &found, config));
        }
        let person = |known: KnownPerson| Person {
            provider: known.provider,
            subject: known.subject,
        };
        Ok(Found {
            people: found.into_iter().map(person).collect(),
            known: true,
        })
    }
}

fn nobody(email: &EmailAddress) -> Failure {
    let days = limits::SESSION_LIFE_MAX.num_days() * 2;
    Failure::failed(format!(
        "nobody has signed in as {email} in the last {days} days, so nothing has ended"
    ))
    .hint(
        "the trail has an address only where its provider is believed about it. Name the person as PROVIDER/SUBJECT: both \
         stand in `rolecalld audit export`, at `actor`",
    )
}

fn several(email: &EmailAddress, found: &[KnownPerson], config: &ConfigArg) -> Failure {
    let command = format!(
        "rolecalld sessions end --config {}",
        quoted(&config.config.display().to_string())
    );
    let mut message = format!(
        "{} people have signed in as {email}, so nothing has ended:",
        found.len()
    );
    for known in found {
        let name = format!("{}/{}", known.provider, known.subject);
        message.push_str(&format!(
            "\n  {command} {}     last signed in at {}",
            quoted(&name),
            known.last_signed_in
        ));
    }
    Failure::failed(message).hint(format!(
        "run one of these lines, or `{command} --user {email} --yes` for all of them"
    ))
}

/// For a POSIX shell, where it needs to be.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+=,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

impl Sessions {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let Self::End { config, who } = self;
        let loaded = config.load()?;
        if matches!(loaded.settings.store.url, StoreUrl::Memory) {
            let hint = "restart the gateway: that ends every session";
            return Err(Failure::failed(
                "with `memory:` only the gateway itself knows its sessions",
            )
            .hint(hint));
        }
        let found = block_on(async {
            let found = who.find(&config, &loaded.settings.database).await?;
            let (gateway, audit) = server::gateway_for_cli(loaded).await?;
            let mut ended = Ok(());
            for Person { provider, subject } in &found.people {
                ended = gateway.sessions().end_person(provider, subject).await;
                if ended.is_err() {
                    break;
                }
            }
            audit.close().await;
            ended.map_err(anyhow::Error::from)?;
            Ok(found)
        })?;
        for Person { provider, subject } in &found.people {
            if found.known {
                out::line(format!("{provider} {subject} is signed out everywhere."))?;
            } else {
                out::remark(format!(
                    "{provider} {subject} is unknown: the audit trail has no sign-in of theirs in the last {} days",
                    limits::SESSION_LIFE_MAX.num_days() * 2
                ));
                out::remark(
                    "hint: compare both with `rolecalld audit export`, at `actor`, or use --user with an e-mail address",
                );
            }
        }
        if !found.known {
            return Ok(Done::Refused);
        }
        out::line("Take their access away at the provider, or they sign in again.")?;
        Ok(Done::Well)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_provider_and_whatever_it_calls_them() {
        let person = parse_person("okta/a/b c").unwrap();
        assert_eq!(
            (person.provider.as_str(), person.subject.as_str()),
            ("okta", "a/b c")
        );
        for text in [
            "",
            "okta",
            "okta/",
            "/00u1",
            "Okta!/00u1",
            "alice@example.com",
        ] {
            assert!(parse_person(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_to_be_pasted_is_quoted() {
        assert_eq!(quoted("okta/00u1"), "okta/00u1");
        assert_eq!(quoted("adfs/O'Neil $(x)"), r"'adfs/O'\''Neil $(x)'");
    }
}
