//! `rolecalld audit search`: prints one page of events.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rolecall_core::audit::{
    AuditPage, AuditQuery, AuditReader as _, EventKey, FoundEvent, Outcome, PersonQuery,
};
use rolecall_core::aws::AccountId;
use rolecall_core::base::text;
use rolecall_core::identity::{EmailAddress, ProviderId, Subject};
use rolecall_core::record::StoreError;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{ConfigArg, open, parse_moment};
use crate::audit::{SqlAuditReader, events_behind, fill_index};
use crate::cli::block_on;
use crate::cli::out::{self, CommandStatus, Failure};
use crate::database::Database;

/// Maximum length of a field in the text output, in characters.
const FIELD_CHARS_MAX: usize = 128;
/// How long the command updates the search index before it searches the events that are indexed.
const CATCH_UP_MAX: Duration = Duration::from_secs(3);

/// Search conditions and output options.
#[derive(Clone, Debug, clap::Args)]
pub struct SearchArgs {
    /// Events of the user with this e-mail address, or, with --provider, with this subject
    #[arg(long, value_name = "EMAIL|SUBJECT")]
    user: Option<String>,
    /// Events of this identity provider
    #[arg(long, value_parser = parse_provider)]
    provider: Option<ProviderId>,
    /// Events of this AWS account ID
    #[arg(long, value_parser = parse_account)]
    account: Option<AccountId>,
    /// Events of this permission set
    #[arg(long, value_name = "PERMISSION_SET")]
    role: Option<String>,
    /// Events with this outcome: success, refused or failed
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Events from this client address
    #[arg(long)]
    address: Option<IpAddr>,
    /// Start at this date or time: 2026-03-01 or 2026-03-01T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    since: Option<DateTime<Utc>>,
    /// End before this date or time
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    until: Option<DateTime<Utc>>,
    /// All events of one session, oldest first, including the clients authorized in it; cannot be combined with other
    /// conditions
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "provider", "account", "role", "outcome", "address", "since", "until", "after", "limit"])]
    session: Option<String>,
    /// Continue after the previous page: the value of its `next`
    #[arg(long, value_name = "KEY")]
    after: Option<EventKey>,
    /// Maximum number of events, up to 1,000
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SearchArgs {
    /// Runs the command.
    pub fn run(&self, config: &ConfigArg) -> Result<CommandStatus, Failure> {
        let queries = self.queries()?;
        let (page, behind) = block_on(async {
            let database = open(config).await?;
            if !database.is_up_to_date() {
                return Err(Failure::configuration(
                    "the audit database has no search index: its schema is older than this version of rolecalld",
                )
                .hint("start `rolecalld serve` of this version once; it creates the index"));
            }
            let behind = catch_up(&database).await?;
            let reader = SqlAuditReader::new(database);
            let page = match &self.session {
                Some(session) => reader.session_events(session).await,
                None => self.found(&reader, &queries).await,
            };
            Ok((page.map_err(anyhow::Error::from)?, behind))
        })?;
        if self.json {
            let events: Vec<Value> = page.events.iter().map(shown).collect();
            out::json(
                &json!({ "events": events, "next": page.next.as_ref().map(ToString::to_string), "not_indexed": behind }),
            )?;
        } else {
            for event in &page.events {
                out::line(line(event))?;
            }
            match &page.next {
                Some(_) if self.session.is_some() => {
                    out::note("the session has more events than shown");
                }
                Some(next) => out::note(format!(
                    "more: --after {}",
                    text::one_line(&next.to_string(), FIELD_CHARS_MAX)
                )),
                None => {}
            }
        }
        if behind > 0 {
            out::note(format!(
                "warning: {behind} events are not in the search index yet and were not searched; try again later"
            ));
        }
        if page.events.is_empty() {
            out::note("no matching events");
            return Ok(CommandStatus::Negative);
        }
        Ok(CommandStatus::Success)
    }

    /// Runs the queries in order and returns the first page that is not empty.
    async fn found(
        &self,
        reader: &SqlAuditReader,
        queries: &[AuditQuery],
    ) -> Result<AuditPage, StoreError> {
        let mut page = AuditPage::default();
        for query in queries {
            page = reader.search(query).await?;
            if !page.events.is_empty() {
                break;
            }
        }
        Ok(page)
    }

    /// The queries to try, in order: one for each interpretation of `--user`.
    fn queries(&self) -> Result<Vec<AuditQuery>, Failure> {
        if self.user.is_none() {
            return Ok(vec![self.query(None)]);
        }
        let people = self.people()?;
        Ok(people
            .into_iter()
            .map(|person| self.query(Some(person)))
            .collect())
    }

    /// The interpretations of `--user`: an e-mail address and, with `--provider`, a subject, which may look like an
    /// address.
    fn people(&self) -> Result<Vec<PersonQuery>, Failure> {
        let user = self.user.as_deref().unwrap_or_default();
        let invalid =
            |error: &dyn std::error::Error| Failure::configuration(format!("--user: {error}"));
        let email = EmailAddress::parse(user);
        let subject = Subject::parse(user);
        let mut people = Vec::new();
        if let Ok(email) = &email
            && user.contains('@')
        {
            people.push(PersonQuery::Email(email.clone()));
        }
        if let (Some(provider), Ok(subject)) = (&self.provider, &subject) {
            people.push(PersonQuery::Subject(provider.clone(), subject.clone()));
        }
        if !people.is_empty() {
            return Ok(people);
        }
        Err(match (&self.provider, email, subject) {
            (None, Err(error), _) if user.contains('@') => invalid(&error),
            (Some(_), _, Err(error)) => invalid(&error),
            _ => Failure::configuration(
                "--user is not an e-mail address, and a subject requires --provider",
            )
            .hint("write the e-mail address, or add --provider"),
        })
    }

    fn query(&self, person: Option<PersonQuery>) -> AuditQuery {
        AuditQuery {
            person,
            provider: self.provider.clone(),
            account: self.account.clone(),
            role: self.role.clone(),
            outcome: self.outcome,
            address: self.address,
            since: self.since,
            until: self.until,
            after: self.after.clone(),
            limit: Some(self.limit.into()),
        }
    }
}

/// Adds recent events to the search index and returns how many are still missing. If the database is read-only, the
/// search uses the index as it is.
async fn catch_up(database: &Database) -> Result<i64, Failure> {
    let filling = async {
        while let Some(rest) = fill_index(database).await? {
            tokio::time::sleep(rest).await;
        }
        anyhow::Ok(())
    };
    if let Ok(Err(error)) = timeout(CATCH_UP_MAX, filling).await {
        out::note(format!(
            "warning: the search index cannot be filled: {}",
            text::chain(error.as_ref())
        ));
    }
    Ok(events_behind(database).await.map_err(anyhow::Error::from)?)
}

/// One line: time, event, outcome, provider and user, account, permission set, client address, reference.
fn line(event: &FoundEvent) -> String {
    let field = |value: Option<&str>| {
        let value = value.unwrap_or_default();
        match text::one_line(value, FIELD_CHARS_MAX) {
            shown if shown.is_empty() => "-".to_owned(),
            shown => shown,
        }
    };
    let person = match (&event.provider, &event.email, &event.subject) {
        (Some(provider), Some(known), _) | (Some(provider), None, Some(known)) => {
            Some(format!("{provider} {known}"))
        }
        (Some(provider), None, None) => Some(format!("{provider} -")),
        (None, _, _) => Some("- -".to_owned()),
    };
    [
        field(Some(&event.key.at)),
        field(Some(&event.name)),
        event.outcome.map_or("-", Outcome::as_str).to_owned(),
        field(person.as_deref()),
        field(event.account.as_deref()),
        field(event.role.as_deref()),
        field(event.address.as_deref()),
        field(Some(&event.reference)),
        // The index entry exists, but the event itself was deleted.
        match event.canonical {
            Some(_) => String::new(),
            None => "(removed from the trail)".to_owned(),
        },
    ]
    .join(" ")
    .trim_end()
    .to_owned()
}

/// The event as JSON. Content that is not valid JSON, because it was changed in the database, is returned as a string.
fn shown(event: &FoundEvent) -> Value {
    let canonical = event.canonical.as_deref();
    let content = canonical.map(|canonical| {
        serde_json::from_str(canonical).unwrap_or_else(|_| Value::String(canonical.to_owned()))
    });
    json!({
        "writer": event.key.writer,
        "sequence": event.key.sequence,
        "outcome": event.outcome,
        "provider": event.provider,
        "subject": event.subject,
        "email": event.email,
        "account": event.account,
        "permission_set": event.role,
        "session": event.session,
        "event": content,
    })
}

fn parse_provider(text: &str) -> Result<ProviderId, String> {
    ProviderId::parse(text).map_err(|error| error.to_string())
}

fn parse_account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| error.to_string())
}
