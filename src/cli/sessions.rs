//! `rolecalld sessions`: revokes sessions.

use rolecall_core::base::Clock as _;
use rolecall_core::base::limits;
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};

use super::out::{self, CommandStatus, Failure};
use super::{ConfigArg, block_on};
use crate::audit::{KnownPerson, has_signed_in, people_with_email};
use crate::database::{Database, DatabaseUrl};
use crate::server;
use crate::store::StoreUrl;
use crate::world::SystemClock;

/// Revoke the sessions of a user.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld sessions end --config rolecall.toml --user alice@example.com\n  rolecalld sessions end --config rolecall.toml okta/00u1a2b3c4d5     provider and subject as in the audit trail"
)]
pub enum Sessions {
    /// Revoke all sessions of a user: every browser and every AWS client, immediately
    End {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        who: UserSelector,
    },
}

/// The users whose sessions are revoked.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("who").required(true))]
pub struct UserSelector {
    /// Provider ID and subject of the user, such as okta/00u1a2b3c4d5
    #[arg(group = "who", value_name = "PROVIDER/SUBJECT", value_parser = parse_person)]
    person: Option<Person>,
    /// E-mail address of the user, as in the audit trail
    #[arg(long, group = "who", value_name = "EMAIL", value_parser = EmailAddress::parse)]
    user: Option<EmailAddress>,
    /// Revoke the sessions of all users with that e-mail address, if there is more than one
    #[arg(long, requires = "user")]
    yes: bool,
    /// Provider ID of the user
    #[arg(long, value_name = "ID", requires = "subject", value_parser = ProviderId::parse)]
    provider: Option<ProviderId>,
    /// Subject of the user at the provider
    #[arg(long, group = "who", value_name = "SUB", requires = "provider", value_parser = Subject::parse)]
    subject: Option<Subject>,
}

/// A person by provider and subject.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) provider: ProviderId,
    pub(super) subject: Subject,
}

/// Parses `PROVIDER/SUBJECT`.
pub(super) fn parse_person(text: &str) -> Result<Person, String> {
    let (provider, subject) = text
        .split_once('/')
        .ok_or("write PROVIDER/SUBJECT, or use --user with an e-mail address")?;
    Ok(Person {
        provider: ProviderId::parse(provider).map_err(|error| error.to_string())?,
        subject: Subject::parse(subject).map_err(|error| error.to_string())?,
    })
}

/// The selected users, and whether the audit trail contains a sign-in of theirs.
struct Found {
    people: Vec<Person>,
    known: bool,
}

impl UserSelector {
    async fn find(self, config: &ConfigArg, database: &DatabaseUrl) -> Result<Found, Failure> {
        let trail = Database::open(database)
            .await
            .map_err(anyhow::Error::from)?;
        // Twice the maximum session lifetime, to allow for clock differences and configuration changes.
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
            return Err(Failure::configuration("no user given"));
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
        "no user with the e-mail address {email} has signed in within the last {days} days; no session was revoked"
    ))
    .hint(
        "the audit trail contains e-mail addresses only of the configured domains of a provider. Use PROVIDER/SUBJECT instead: both \
         are in the output of `rolecalld audit export`, under `actor`",
    )
}

fn several(email: &EmailAddress, found: &[KnownPerson], config: &ConfigArg) -> Failure {
    let command = format!(
        "rolecalld sessions end --config {}",
        quoted(&config.config.display().to_string())
    );
    let mut message = format!(
        "{} users have signed in with the e-mail address {email}; no session was revoked:",
        found.len()
    );
    for known in found {
        let name = format!("{}/{}", known.provider, known.subject);
        message.push_str(&format!(
            "\n  {command} {}     last sign-in {}",
            quoted(&name),
            known.last_signed_in
        ));
    }
    Failure::failed(message).hint(format!(
        "run one of these commands, or `{command} --user {email} --yes` for all users"
    ))
}

/// Quotes a word for a POSIX shell where needed.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+=,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

impl Sessions {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let Self::End { config, who } = self;
        let loaded = config.load()?;
        if matches!(loaded.settings.store.url, StoreUrl::Memory) {
            let hint = "restart the gateway; this ends every session";
            return Err(Failure::failed(
                "with the store `memory:`, sessions exist only in the gateway process",
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
                out::line(format!("All sessions of {provider} {subject} are revoked."))?;
            } else {
                out::note(format!(
                    "unknown user {provider} {subject}: the audit trail contains no sign-in within the last {} days",
                    limits::SESSION_LIFE_MAX.num_days() * 2
                ));
                out::note(
                    "hint: compare both with `actor` in the output of `rolecalld audit export`, or use --user with an e-mail address",
                );
            }
        }
        if !found.known {
            return Ok(CommandStatus::Negative);
        }
        out::line("Disable the user at the identity provider to prevent new sign-ins.")?;
        Ok(CommandStatus::Success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_is_provider_and_subject() {
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
    fn shell_words_are_quoted() {
        assert_eq!(quoted("okta/00u1"), "okta/00u1");
        assert_eq!(quoted("adfs/O'Neil $(x)"), r"'adfs/O'\''Neil $(x)'");
    }
}
