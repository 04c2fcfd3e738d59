//! `rolecalld keys confirm`: compares the published documents with the keys, and records which keys are published.

use std::path::Path;

use chrono::{DateTime, Utc};
use rolecall_core::base::Clock as _;
use serde::Serialize;

use super::publish::own_documents;
use crate::aws::keys::{KeyDirectory, KeyId, ServedKeys};
use crate::aws::{Difference, Severity};
use crate::cli::out::{self, CommandStatus, Failure};
use crate::cli::{ConfigArg, block_on};
use crate::config::{self, IssuerSettings};
use crate::server::PublishedDocuments;
use crate::world::SystemClock;

/// Compare the documents at `url` of `[issuer]` with the keys, and record since when each key is there. The next key can
/// become active a day after it was first recorded
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld keys confirm --config rolecall.toml      after the upload of the documents\n  rolecalld keys confirm --config rolecall.toml --json"
)]
pub struct Confirm {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the address serves.
pub(super) struct Observation {
    served: Vec<KeyId>,
    record: ServedKeys,
    pub(super) differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Confirmed<'a> {
    issuer: &'a str,
    keys: Vec<ConfirmedKey<'a>>,
    differences: Vec<Finding>,
}

#[derive(Serialize)]
struct ConfirmedKey<'a> {
    id: &'a KeyId,
    since: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Finding {
    problem: String,
    hint: &'static str,
}

impl Confirm {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let settings = config::issuer(&self.config.config)?;
        let Some(observation) = observe(&settings, &self.config.config)? else {
            return Err(Failure::configuration(
                "`url` is not set in [issuer]: the gateway itself serves the documents",
            )
            .hint("set it to the address at which you publish the documents"));
        };
        if self.json {
            observation.print_json(&settings)?;
        } else {
            observation.print()?;
        }
        let is_warning = |one: &Difference| one.severity() == Severity::Warning;
        Ok(match observation.differences.iter().all(is_warning) {
            true => CommandStatus::Success,
            false => CommandStatus::Negative,
        })
    }
}

/// Fetches the documents and records which keys they contain; `None` if the gateway itself serves them.
pub(super) fn observe(
    settings: &IssuerSettings,
    config: &Path,
) -> Result<Option<Observation>, Failure> {
    let Some(url) = &settings.published_at else {
        return Ok(None);
    };
    let egress = config::egress(config)?;
    let documents = own_documents(settings)?;
    let published = PublishedDocuments::new(url.clone(), &egress);
    let published = published.map_err(anyhow::Error::from)?;
    let comparison = block_on(async {
        let compared = published.compare(&documents).await;
        Ok(compared.map_err(anyhow::Error::from)?)
    })?;
    let directory = KeyDirectory::new(&settings.keys);
    let now = SystemClock.now();
    let record = directory.record_served(documents.issuer(), &comparison.served, now);
    Ok(Some(Observation {
        served: comparison.served.into_iter().collect(),
        record: record.map_err(anyhow::Error::from)?,
        differences: comparison.differences,
    }))
}

impl Observation {
    fn print(&self) -> Result<(), Failure> {
        for id in &self.served {
            let since = self.record.since(id);
            let since = since.map_or_else(String::new, |since| {
                format!(" since {}", since.format("%Y-%m-%d %H:%M UTC"))
            });
            out::line(format!("{id}  published{since}"))?;
        }
        for difference in &self.differences {
            out::note(format!("{difference}\n  hint: {}", difference.hint()));
        }
        Ok(())
    }

    fn print_json(&self, settings: &IssuerSettings) -> Result<(), Failure> {
        let issuer = settings
            .published_at
            .as_ref()
            .map_or("", |url| url.as_str());
        let keys = self.served.iter().map(|id| ConfirmedKey {
            id,
            since: self.record.since(id),
        });
        let differences = self.differences.iter().map(|difference| Finding {
            problem: difference.to_string(),
            hint: difference.hint(),
        });
        out::json(&Confirmed {
            issuer: issuer.trim_end_matches('/'),
            keys: keys.collect(),
            differences: differences.collect(),
        })
    }
}
