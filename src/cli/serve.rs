//! `rolecalld serve`: runs the gateway.

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::out::{CommandStatus, Failure};
use super::{ConfigArg, block_on};
use crate::aws::LOG_CEILING;
use crate::hardening;
use crate::server::{self, Overrides, ShutdownHandle};
use crate::telemetry::{self, LogFormat};

/// Start the gateway. SIGTERM and SIGINT stop it; SIGHUP reloads access files, keys, certificates and provider files.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecalld serve --config rolecall.toml\n  rolecalld serve --config rolecall.toml --log-format json --log info,rolecalld=debug"
)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigArg,
    /// Log format
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormatArg,
    /// Log filter, such as info or info,rolecalld=debug
    #[arg(
        long,
        value_name = "FILTER",
        env = "ROLECALL_LOG",
        default_value = "info,actix_server=warn"
    )]
    log: String,
    /// Allow core dumps and debuggers. Both can read all keys: for troubleshooting only, not for production
    #[arg(long)]
    allow_debugging: bool,
}

/// The option `--log-format`.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum LogFormatArg {
    /// Human-readable text
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

impl From<LogFormatArg> for LogFormat {
    fn from(lines: LogFormatArg) -> Self {
        match lines {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

impl Serve {
    /// Runs the command.
    pub fn run(self) -> Result<CommandStatus, Failure> {
        let loaded = self.config.load()?;
        telemetry::install(self.log_format.into(), &self.log, LOG_CEILING).map_err(|error| {
            Failure::configuration(format!("--log {}: {error}", self.log))
                .hint("write a level, or a filter such as info,rolecalld=debug")
        })?;
        let _captured = telemetry::capture_stderr().map_err(|error| {
            Failure::from(anyhow::Error::from(error).context("cannot capture standard error"))
        })?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if self.allow_debugging {
            tracing::warn!(
                "--allow-debugging: core dumps and debuggers can read the keys of this process"
            );
        } else if let Err(error) = hardening::protect_memory() {
            tracing::warn!(%error, "core dumps and debuggers could not be disabled");
        }
        let public_url = loaded.settings.public_url.clone();
        block_on(async move {
            let bound = server::bind(loaded, Overrides::default()).await?;
            let signals = Signals::listen()?;
            tracing::info!(address = %bound.public_address, management = %bound.management_address, url = %public_url, "serving");
            notify_systemd(NotifyState::Ready);
            let shutdown = bound.shutdown_handle();
            tokio::select! {
                served = bound.run() => {
                    served?;
                    tracing::info!("stopped");
                    Ok(CommandStatus::Success)
                }
                () = wait_for_stop(shutdown, signals) => {
                    tracing::warn!("stopped immediately by the second signal; open requests were aborted");
                    Ok(CommandStatus::Negative)
                }
            }
        })
    }
}

/// Sends the state of the process to systemd (`sd_notify(3)`), if systemd started it.
fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "could not notify systemd");
    }
}

/// Shuts down gracefully on the first signal; returns on the second.
async fn wait_for_stop(shutdown: ShutdownHandle, mut signals: Signals) {
    signals.next().await;
    tracing::info!(
        "shutting down: accepted requests are completed; a second signal stops immediately"
    );
    notify_systemd(NotifyState::Stopping);
    let leaving = async {
        shutdown.drain_and_stop().await;
        std::future::pending().await
    };
    tokio::select! {
        () = leaving => {}
        () = signals.next() => {}
    }
}

/// Receives SIGTERM and SIGINT from its creation on.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                Failure::failed(format!("cannot install signal handlers: {error}"))
            })
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
