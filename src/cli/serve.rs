//! `rolecalld serve`

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::out::{Done, Failure};
use super::{ConfigArg, block_on};
use crate::aws::LOG_CEILING;
use crate::hardening;
use crate::server::{self, Overrides, Stopper};
use crate::telemetry::{self, LogFormat};

/// Serve the portal until SIGTERM or SIGINT; SIGHUP reads the access policy again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld serve --config rolecall.toml\n  rolecalld serve --config rolecall.toml --log-format json --log info,rolecalld=debug"
)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigArg,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    log_format: Lines,
    /// What is logged, such as info or info,rolecalld=debug
    #[arg(
        long,
        value_name = "FILTER",
        env = "ROLECALL_LOG",
        default_value = "info,actix_server=warn"
    )]
    log: String,
    /// Allow core dumps and debuggers. Both can read every key: for finding a fault, not for production
    #[arg(long)]
    allow_debugging: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Lines {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object a line
    Json,
}

impl From<Lines> for LogFormat {
    fn from(lines: Lines) -> Self {
        match lines {
            Lines::Text => Self::Text,
            Lines::Json => Self::Json,
        }
    }
}

impl Serve {
    /// Runs the command.
    pub fn run(self) -> Result<Done, Failure> {
        let loaded = self.config.load()?;
        telemetry::install(self.log_format.into(), &self.log, LOG_CEILING).map_err(|error| {
            Failure::configuration(format!("--log {}: {error}", self.log))
                .hint("write a level, or a list such as info,rolecalld=debug")
        })?;
        let _captured = telemetry::capture_stderr().map_err(|error| {
            Failure::from(anyhow::Error::from(error).context("standard error cannot be read"))
        })?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if self.allow_debugging {
            tracing::warn!(
                "--allow-debugging: core dumps and debuggers can read the keys of this process"
            );
        } else if let Err(error) = hardening::close_memory() {
            tracing::warn!(%error, "core dumps and debuggers could not be turned off");
        }
        let public_url = loaded.settings.public_url.clone();
        block_on(async move {
            let bound = server::bind(loaded, Overrides::default()).await?;
            let signals = Signals::listen()?;
            tracing::info!(address = %bound.public_address, management = %bound.management_address, url = %public_url, "serving");
            tell_systemd(NotifyState::Ready);
            let stopper = bound.stopper();
            tokio::select! {
                served = bound.run() => {
                    served?;
                    tracing::info!("stopped");
                    Ok(Done::Well)
                }
                () = stop_twice(stopper, signals) => {
                    tracing::warn!("stopped at once, on the second signal; requests were cut off");
                    Ok(Done::Refused)
                }
            }
        })
    }
}

/// Tells systemd how far the process is (`sd_notify(3)`); nothing where it was not started by systemd.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// The first signal lets everything finish; returns on the second.
async fn stop_twice(stopper: Stopper, mut signals: Signals) {
    signals.next().await;
    tracing::info!("stopping: what was accepted is finished; a second signal stops at once");
    tell_systemd(NotifyState::Stopping);
    let leaving = async {
        stopper.drain_and_stop().await;
        std::future::pending().await
    };
    tokio::select! {
        () = leaving => {}
        () = signals.next() => {}
    }
}

/// SIGTERM and SIGINT, heard from the moment this is made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("signals cannot be heard: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
