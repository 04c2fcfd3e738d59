//! The command line of `rolecalld`. Exit codes: 0 success, 1 failed or negative result, 2 usage or configuration error.
//! Errors print the problem, then `hint:` and the next step.

mod access;
mod accounts;
mod audit;
mod aws;
mod check;
mod claims;
mod diff;
mod explain;
mod keys;
mod names;
mod out;
mod people;
mod people_source;
mod schema;
mod serve;
mod sessions;
mod who_can;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::{self, Loaded, LoadedOffline};
use crate::database::{Database, DatabaseUrl};
use out::Failure;

/// Gateway between identity providers and AWS: single sign-on to AWS accounts and roles.
#[derive(Debug, Parser)]
#[command(name = "rolecalld", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  rolecalld keys generate --config rolecall.toml     create the signing key that AWS trusts
  rolecalld check --config rolecall.toml             validate the configuration
  rolecalld serve --config rolecall.toml             start the gateway
  rolecalld explain --config rolecall.toml --provider okta --claims alice.json
  rolecalld who-can --config rolecall.toml --account payments-prod --permission-set Developer --people known
  rolecalld diff --config old/rolecall.toml --config rolecall.toml --people people/
  rolecalld aws cloudformation --config rolecall.toml --account payments-prod
  rolecalld accounts import --config rolecall.toml organization/*.json
  rolecalld audit verify --config rolecall.toml      verify the integrity of the audit trail";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway
    Serve(serve::Serve),
    /// Validate all configuration files; errors are reported with line and column
    Check(check::Check),
    /// Show which roles a user gets, and why
    Explain(explain::Explain),
    /// Show who may use a role, and who is denied
    WhoCan(who_can::WhoCan),
    /// Show who gains and who loses access between two versions
    Diff(diff::Diff),
    /// Print the JSON Schema of a configuration file, for editors
    #[command(subcommand)]
    Schema(schema::Schema),
    /// Create, list, rotate and retire the signing keys that AWS trusts
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Revoke the sessions of a user
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// List and forget people as of their last sign-in
    #[command(subcommand)]
    People(people::People),
    /// List and print the access policies that were in use
    #[command(subcommand)]
    Access(access::Access),
    /// Generate what AWS accounts need to trust this gateway, and compare it with what they have
    #[command(subcommand)]
    Aws(aws::AwsCommand),
    /// Import the accounts of an AWS organization into the access files
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// Verify, export or search the audit trail
    #[command(subcommand)]
    Audit(audit::Audit),
}

/// The option `--config` of all commands.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "ROLECALL_CONFIG",
        default_value = "config/rolecall.toml"
    )]
    config: PathBuf,
}

/// The option `--access`: access files that are not in use yet.
#[derive(Debug, clap::Args)]
struct AccessArg {
    /// Access files or directories to use instead of those named in the configuration; repeatable
    #[arg(long, value_name = "FILE")]
    access: Vec<PathBuf>,
}

impl ConfigArg {
    fn load_with(&self, access: &AccessArg) -> Result<Loaded, Failure> {
        Ok(config::load_with_access(&self.config, &access.access)?)
    }

    /// What commands need that connect to nothing. No secret is read.
    fn load_offline(&self, access: &AccessArg) -> Result<LoadedOffline, Failure> {
        Ok(config::load_offline(&self.config, &access.access)?)
    }

    fn load(&self) -> Result<Loaded, Failure> {
        Ok(config::load(&self.config)?)
    }
}

/// Runs the command line and returns the exit code of the process.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::WhoCan(who_can) => who_can.run(),
        Command::Diff(diff) => diff.run(),
        Command::Schema(schema) => schema.run(),
        Command::Keys(keys) => keys.run(),
        Command::Sessions(sessions) => sessions.run(),
        Command::People(people) => people.run(),
        Command::Access(access) => access.run(),
        Command::Aws(aws) => aws.run(),
        Command::Accounts(accounts) => accounts.run(),
        Command::Audit(audit) => audit.run(),
    };
    out::finish(outcome)
}

/// Opens the database for a command that needs the current schema, because it reads the table of these records.
async fn open_database(url: &DatabaseUrl, records: &str) -> Result<Database, Failure> {
    let database = Database::open(url).await.map_err(anyhow::Error::from)?;
    match database.is_up_to_date() {
        true => Ok(database),
        false => Err(Failure::configuration(format!(
            "the database has no table of {records}: its schema is older than this version of rolecalld"
        ))
        .hint("start `rolecalld serve` of this version once; it migrates the schema")),
    }
}

/// Runs a future to completion on a new runtime. Tasks that are still running afterwards are dropped.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

fn runtime() -> Result<Runtime, Failure> {
    // HTTP workers have threads of their own, one per core. This runtime serves the connections to Redis, AWS and the
    // database.
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(2))
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::failed(format!("the async runtime could not be started: {error}"))
        })
}
