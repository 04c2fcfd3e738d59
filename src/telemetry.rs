//! Logs: one line an event, JSON or text, on stderr. What an operator asks for is capped for libraries that would
//! write whole requests, secrets included.

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

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Sends the process's log lines to stderr. `filter` is a list such as `info,rolecalld=debug`. The directives of `ceiling`
/// hold beside it: nothing in `filter`, however exact, lets through what they do not.
///
/// # Errors
/// When the filter cannot be read, stderr cannot be had, or logging was set up before.
pub fn install(format: LogFormat, filter: &str, ceiling: &[&str]) -> anyhow::Result<()> {
    // A descriptor of its own, because `capture_stderr` replaces the process's. The lock keeps each line in one piece.
    let stderr: File = std::io::stderr().as_fd().try_clone_to_owned()?.into();
    let lines = fmt::layer().with_writer(Mutex::new(stderr));
    let lines = match format {
        // On a terminal the library decides: it knows NO_COLOR.
        LogFormat::Text if std::io::stderr().is_terminal() => lines.boxed(),
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let capped = EnvFilter::builder().parse(filter)?.and(cap(ceiling)?);
    Ok(registry().with(lines.with_filter(capped)).try_init()?)
}

/// Lets everything through except what is above the ceiling.
fn cap(ceiling: &[&str]) -> anyhow::Result<Targets> {
    Ok(format!("trace,{}", ceiling.join(",")).parse()?)
}
