//! `rolecalld serve`

use tokio::signal::unix::{SignalKind, signal};

use super::out::{self, Done, Failure};
use super::{ConfigArg, block_on};
use crate::aws::LOG_CEILING;
use crate::server::{self, Stopper, Surroundings};
use crate::telemetry::{self, LogFormat};

/// Serve the portal until SIGTERM or SIGINT; SIGHUP reads the access policy again.
#[derive(Debug, clap::Args)]
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
        default_value = "info"
    )]
    log: String,
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
        telemetry::install(self.log_format.into(), &self.log, LOG_CEILING)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let public_url = loaded.settings.public_url.clone();
        block_on(async move {
            let bound = server::bind(loaded, Surroundings::default()).await?;
            tracing::info!(address = %bound.public_address, management = %bound.management_address, url = %public_url, "serving");
            let stopper = bound.stopper();
            tokio::select! {
                served = bound.run() => served?,
                () = stop_twice(stopper) => out::remark("stopped at once, on the second signal"),
            }
            Ok(Done::Well)
        })
    }
}

/// The first signal drains; returns on the second.
async fn stop_twice(stopper: Stopper) {
    a_signal().await;
    tracing::info!("stopping: what was accepted is finished, nothing new is taken");
    let drained = async {
        stopper.stop().await;
        std::future::pending().await
    };
    tokio::select! {
        () = drained => {}
        () = a_signal() => {}
    }
}

/// SIGTERM or SIGINT.
async fn a_signal() {
    let heard = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::error!(%error, "signals cannot be heard");
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        () = heard(SignalKind::terminate()) => {}
        () = heard(SignalKind::interrupt()) => {}
    }
}
