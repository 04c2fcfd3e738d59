//! One person: parsed JSON, and the identity that a configuration makes of it.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use rolecall_core::access::Policy;
use rolecall_core::base::secret::SecretDigest;
use rolecall_core::base::{json, text};
use rolecall_core::identity::{EmailAddress, Identity, ProviderId, Subject, person_key};
use rolecall_core::people::{PersonLine, RecordedPerson};
use serde::Serialize;
use serde_json::{Map, Value};

use super::RawPerson;
use crate::cli::claims;
use crate::idp::ProviderSettings;

/// A parsed person.
#[derive(Clone, Debug)]
pub enum Person {
    /// As of a sign-in.
    Recorded(Box<RecordedPerson>),
    /// Claims that a provider would send; `None`: the only provider.
    Claims(Option<ProviderId>, Map<String, Value>),
}

/// Names of a person in reports.
#[derive(Clone, Debug, Serialize)]
pub struct PersonName {
    /// Provider of the person.
    pub provider: ProviderId,
    /// Subject at the provider.
    pub subject: Subject,
    /// E-mail address, if the provider is trusted for its domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Time of the sign-in as of which the person is known.
    #[serde(rename = "as_of", skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<DateTime<Utc>>,
}

/// A person whose place is known, for messages.
#[derive(Clone, Debug)]
pub struct NamedPerson {
    pub name: PersonName,
    pub place: String,
}

/// The earliest and the latest sign-in as of which people are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeSpan {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

/// A configuration under which people are evaluated.
pub struct Profile<'c> {
    /// The configuration file.
    pub config: &'c Path,
    pub providers: &'c [ProviderSettings],
    pub policy: &'c Policy,
    pub now: DateTime<Utc>,
}

impl Person {
    /// Parses a person: a record or `{"provider": …, "claims": …}` as in a line, or claims as in an ID token.
    ///
    /// # Errors
    /// What is wrong, and the accepted forms.
    pub fn parse(raw: &RawPerson) -> Result<Self, String> {
        let members =
            json::object(&raw.text).map_err(|error| format!("not a JSON object: {error}"))?;
        let is_line = members.contains_key("subject")
            || (members.contains_key("provider") && members.contains_key("claims"));
        if members.contains_key("sub") || !is_line {
            return Ok(Self::Claims(raw.provider.clone(), members));
        }
        let line =
            PersonLine::parse(&raw.text).map_err(|error| format!("{error}; {}", error.hint()))?;
        let (person, provider) = match line {
            PersonLine::Recorded(person) => {
                let provider = person.provider.clone();
                (Self::Recorded(person), provider)
            }
            PersonLine::Claims(line) => {
                let provider = line.provider.clone();
                (Self::Claims(Some(line.provider), line.claims), provider)
            }
        };
        match &raw.provider {
            Some(folder) if *folder != provider => Err(format!(
                "it is of the provider {provider}, in the directory of {folder}"
            )),
            Some(_) | None => Ok(person),
        }
    }

    /// The provider, which a file without one leaves to the configuration.
    fn provider<'s>(
        &self,
        providers: &'s [ProviderSettings],
    ) -> Result<&'s ProviderSettings, String> {
        let provider = match self {
            Self::Recorded(person) => Some(&person.provider),
            Self::Claims(provider, _) => provider.as_ref(),
        };
        match (provider, providers) {
            (None, [only]) => Ok(only),
            (None, _) => Err(
                "the provider is not stated; move the file to a directory with the name of the provider, or write \
                 {\"provider\": \"okta\", \"claims\": {…}}"
                    .to_owned(),
            ),
            (Some(id), all) => all
                .iter()
                .find(|one| one.id() == id)
                .ok_or_else(|| format!("the provider {id} is not configured")),
        }
    }

    /// The ID of the provider under these settings, if it is configured.
    pub fn provider_id<'s>(&self, providers: &'s [ProviderSettings]) -> Option<&'s ProviderId> {
        self.provider(providers).ok().map(ProviderSettings::id)
    }

    /// The identity under a configuration.
    ///
    /// # Errors
    /// Why the person cannot sign in.
    pub fn identity(&self, profile: &Profile<'_>) -> Result<Identity, String> {
        let provider = self.provider(profile.providers)?;
        match self {
            // Claims that were not recorded are unknown, which is no reason to refuse the sign-in.
            Self::Recorded(person) => Ok(person.identity()),
            Self::Claims(_, claims) => {
                let identity = claims::identity(provider, claims, profile.now)?;
                claims::accepted(profile.policy, identity)
            }
        }
    }

    /// The names of the person.
    pub fn name(&self, identity: &Identity) -> PersonName {
        PersonName {
            provider: identity.provider.clone(),
            subject: identity.subject.clone(),
            email: identity.email.clone(),
            name: identity.name.clone(),
            signed_in_at: match self {
                Self::Recorded(person) => Some(person.signed_in_at),
                Self::Claims(..) => None,
            },
        }
    }

    /// The claims that the policy names and that are not known of a recorded person.
    pub fn unknown_claims(&self, policy: &Policy) -> BTreeSet<String> {
        match self {
            Self::Recorded(person) => {
                let unknown = person.unknown_claims(policy).into_iter();
                unknown.map(str::to_owned).collect()
            }
            Self::Claims(..) => BTreeSet::new(),
        }
    }
}

impl PersonName {
    /// Digest of provider and subject.
    pub fn key(&self) -> SecretDigest {
        person_key(&self.provider, &self.subject)
    }

    /// One line for people, without control and formatting characters: the e-mail address, or else the name and the
    /// subject.
    pub fn label(&self) -> String {
        const CHARS_MAX: usize = 120;
        let label = match (&self.email, &self.name) {
            (Some(email), _) => email.to_string(),
            (None, Some(name)) => format!("{name} ({}/{})", self.provider, self.subject),
            (None, None) => format!("{}/{}", self.provider, self.subject),
        };
        text::one_line(&label, CHARS_MAX)
    }
}

impl TimeSpan {
    /// The sign-ins of people that are known as of one.
    pub fn of<'p>(people: impl Iterator<Item = &'p PersonName>) -> Option<Self> {
        people
            .filter_map(|person| person.signed_in_at)
            .fold(None, |span: Option<Self>, at| {
                let span = span.unwrap_or(Self { from: at, to: at });
                Some(Self {
                    from: span.from.min(at),
                    to: span.to.max(at),
                })
            })
    }
}

/// `as of the sign-in of 2026-11-28`, or of sign-ins between two days.
impl std::fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [from, to] = [self.from, self.to].map(day);
        match from == to {
            true => write!(f, "as of the sign-in of {from}"),
            false => write!(f, "as of the sign-ins of {from} to {to}"),
        }
    }
}

/// A day in UTC.
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}
