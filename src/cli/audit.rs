//! `rolecalld audit`: verify, export and search the audit trail.

mod search;

use std::io::{BufWriter, ErrorKind, stdout};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use super::out::{self, CommandStatus, Failure};
use super::{ConfigArg, block_on};
use crate::audit::{self, ExportError, Format, VerifyReport};
use crate::config;
use crate::database::Database;

/// Upper limit of chain heads in the text output. Each run of a process is a writer, so a long history would scroll the
/// verdict off the screen.
const HEADS_PRINTED_MAX: usize = 16;

/// Verify, export or search the audit trail.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  rolecalld audit verify --config rolecall.toml\n  rolecalld audit export --config rolecall.toml --format csv --since 2026-03-01\n  rolecalld audit search --config rolecall.toml --user alice@example.com --outcome failed --since 2026-03-01"
)]
pub enum Audit {
    /// Check whether rows were changed, removed, inserted, reordered or truncated
    Verify {
        #[command(flatten)]
        config: ConfigArg,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print all events of the audit trail
    Export {
        #[command(flatten)]
        config: ConfigArg,
        /// Output format
        #[arg(long, value_enum, default_value_t = FormatArg::Jsonl)]
        format: FormatArg,
        /// Start at this date or time: 2026-03-01 or 2026-03-01T09:00:00Z
        #[arg(long, value_name = "TIME", value_parser = parse_moment)]
        since: Option<DateTime<Utc>>,
    },
    /// Find events by user, account, role, outcome, provider, address, session or time, newest first
    Search {
        #[command(flatten)]
        config: ConfigArg,
        #[command(flatten)]
        wanted: Box<search::SearchArgs>,
    },
}

/// Output formats of `audit export`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum FormatArg {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values, for spreadsheets
    Csv,
}

impl Audit {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        match self {
            Self::Verify { config, json } => {
                let report = block_on(async {
                    Ok(audit::verify(&open(&config).await?)
                        .await
                        .map_err(anyhow::Error::from)?)
                })?;
                if json {
                    print_json(&report)?
                } else {
                    print(&report)?
                }
                Ok(if report.is_intact() {
                    CommandStatus::Success
                } else {
                    CommandStatus::Negative
                })
            }
            Self::Export {
                config,
                format,
                since,
            } => {
                let format = match format {
                    FormatArg::Jsonl => Format::Jsonl,
                    FormatArg::Csv => Format::Csv,
                };
                let exported = block_on(async {
                    let (trail, output) = (open(&config).await?, BufWriter::new(stdout()));
                    Ok(audit::export(&trail, format, since, output).await)
                })?;
                match exported {
                    // The reader closed the pipe, for example `| head`.
                    Err(ExportError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
                    exported => drop(exported.map_err(anyhow::Error::from)?),
                }
                Ok(CommandStatus::Success)
            }
            Self::Search { config, wanted } => wanted.run(&config),
        }
    }
}

async fn open(config: &ConfigArg) -> Result<Database, Failure> {
    let url = config::database(&config.config)?;
    let trail = Database::open(&url).await.map_err(anyhow::Error::from)?;
    if let Some(remark) = trail.schema_warning() {
        out::note(format!("warning: {remark}"));
    }
    Ok(trail)
}

fn print(report: &VerifyReport) -> Result<(), Failure> {
    report
        .findings
        .iter()
        .try_for_each(|finding| out::line(format!("tampered: {finding}")))?;
    for intent in &report.open_intents {
        out::line(format!(
            "open: issue {} of {} has no outcome ({} {})",
            intent.reference, intent.at, intent.writer, intent.sequence
        ))?;
    }
    for head in report.heads.iter().take(HEADS_PRINTED_MAX) {
        out::line(format!(
            "head: {} {} {}",
            head.writer, head.sequence, head.hash
        ))?;
    }
    if report.heads.len() > HEADS_PRINTED_MAX {
        out::line(format!(
            "… {} more heads; --json prints all",
            report.heads.len() - HEADS_PRINTED_MAX
        ))?;
    }
    let verdict = if report.is_intact() {
        "intact"
    } else {
        "NOT intact"
    };
    out::line(format!(
        "{verdict}: {} events of {} writers, {} findings, {} issues without an outcome",
        report.events,
        report.heads.len(),
        report.findings_count,
        report.open_intents_count
    ))
}

fn print_json(report: &VerifyReport) -> Result<(), Failure> {
    let intents = report.open_intents.iter().map(|intent| json!({ "reference": intent.reference, "at": intent.at, "writer": intent.writer, "sequence": intent.sequence }));
    out::json(&json!({
        "intact": report.is_intact(),
        "events": report.events,
        "heads": report.heads,
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "findings_count": report.findings_count,
        "open_intents": intents.collect::<Vec<_>>(),
        "open_intents_count": report.open_intents_count,
    }))
}

fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || {
        text.parse::<NaiveDate>()
            .ok()?
            .and_hms_opt(0, 0, 0)
            .map(|start| start.and_utc())
    };
    text.parse::<DateTime<Utc>>()
        .ok()
        .or_else(day)
        .ok_or_else(|| "write 2026-03-01 or 2026-03-01T09:00:00Z".to_owned())
}
