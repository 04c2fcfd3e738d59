//! Logging to stderr: one line per event, as text or JSON. Log levels of libraries that could write whole requests,
//! including secrets, are capped.

mod capture;
mod throttle;

use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::sync::Mutex;

use tracing_subscriber::filter::{EnvFilter, FilterExt as _, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

pub use capture::{Captured, capture_stderr};
pub use throttle::Throttle;

/// Format of log lines on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for each event.
    Text,
    /// One JSON object per line.
    Json,
}

/// Installs the log subscriber. `filter` is a list such as `info,rolecalld=debug`. The directives of `ceiling` are
/// upper limits that `filter` cannot raise.
///
/// # Errors
/// If the filter is invalid, stderr is not available, or logging is already installed.
pub fn install(format: LogFormat, filter: &str, ceiling: &[&str]) -> anyhow::Result<()> {
    // A separate descriptor, because `capture_stderr` replaces the one of the process. The lock keeps lines in one
    // piece.
    let stderr: File = std::io::stderr().as_fd().try_clone_to_owned()?.into();
    let lines = fmt::layer().with_writer(Mutex::new(stderr));
    let lines = match format {
        // On a terminal the library decides about colors: it respects NO_COLOR.
        LogFormat::Text if std::io::stderr().is_terminal() => lines.boxed(),
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let capped = EnvFilter::builder().parse(filter)?.and(cap(ceiling)?);
    Ok(registry().with(lines.with_filter(capped)).try_init()?)
}

/// Caps all levels at the ceiling.
fn cap(ceiling: &[&str]) -> anyhow::Result<Targets> {
    Ok(format!("trace,{}", ceiling.join(",")).parse()?)
}
