//! Logs: one line an event, JSON or text, on stderr. What an operator asks for is capped for libraries that would
//! write whole requests, secrets included.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Sends the process's log lines to stderr. `filter` is a list such as `info,rolecalld=debug`; the directives of
/// `ceiling` come after it and win.
///
/// # Errors
/// When the filter cannot be read, or logging was set up before.
pub fn install(format: LogFormat, filter: &str, ceiling: &[&str]) -> anyhow::Result<()> {
    let capped = ceiling
        .iter()
        .fold(filter.to_owned(), |all, cap| format!("{all},{cap}"));
    let filter = EnvFilter::builder().parse(capped)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    let installed = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("logging cannot be set up: {error}"))
}
