//! The command line of `rolecalld`. Exit codes: 0 done, 1 refused or failed, 2 wrong usage or wrong configuration.
//! Errors say what happened, then `hint:` and what to do next.

mod audit;
mod check;
mod explain;
mod keys;
mod out;
mod serve;
mod sessions;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded};
use out::Failure;

/// The gateway between a company's identity providers and its AWS roles.
#[derive(Debug, Parser)]
#[command(name = "rolecalld", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  rolecalld keys generate --config rolecall.toml     make the key that AWS will trust
  rolecalld check --config rolecall.toml             find every mistake before serving
  rolecalld serve --config rolecall.toml             serve
  rolecalld explain --config rolecall.toml --provider okta --claims alice.json
  rolecalld audit verify --config rolecall.toml      see whether anybody changed the trail";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the portal
    Serve(serve::Serve),
    /// Report every mistake in every file, with line and column
    Check(check::Check),
    /// Say which roles a person gets, and why
    Explain(explain::Explain),
    /// Make, list, rotate and retire the keys that AWS trusts
    #[command(subcommand)]
    Keys(keys::Keys),
    /// End what people are signed in with
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Verify or export the audit trail
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// Which configuration a command works with.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ROLECALL_CONFIG",
        default_value = "config/rolecall.toml"
    )]
    config: PathBuf,
}

/// Access files that do not serve yet.
#[derive(Debug, clap::Args)]
struct AccessArg {
    /// Access files or directories to read instead of those that the configuration names; repeatable
    #[arg(long, value_name = "FILE")]
    access: Vec<PathBuf>,
}

impl ConfigArg {
    fn load_with(&self, access: &AccessArg) -> Result<Loaded, Failure> {
        Ok(config::load_with_access(&self.config, &access.access)?)
    }

    fn load(&self) -> Result<Loaded, Failure> {
        Ok(config::load(&self.config)?)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Keys(keys) => keys.run(),
        Command::Sessions(sessions) => sessions.run(),
        Command::Audit(audit) => audit.run(),
    };
    out::finish(outcome)
}

/// Runs something asynchronous to its end. What is still under way then is left behind.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // Pages have threads of their own, one for each core; beside them this runtime talks to Redis, AWS and the database.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(2))
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no runtime could be started: {error}")))?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}
