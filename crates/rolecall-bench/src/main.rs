//! `cargo xtask bench`: measures throughput, latency and memory of the gateway, compared with floors of the same run.
//!
//! Added latency, memory and growth have bounds; a share of a floor and a throughput have none. It prints a table and returns
//! exit code 1 if a bound is exceeded. It is not a test, because the figures depend on the machine.

mod aws_client;
mod bench_stack;
mod client;
mod credentials;
mod diff;
mod figures;
mod flood;
mod floor;
mod gateway;
mod generate;
mod http;
mod load;
mod memory;
mod people;
mod policy;
mod polling;
mod portal;
mod proof;
mod report;
mod saml;
mod schedule;
mod sign_in;
mod startup;
mod trail;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use bench_stack::BenchStack;
use report::{Report, Row};

/// Measure the gateway; the exit code is 1 if a value exceeds its bound.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-bench",
    version,
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --only credentials --only policy\n  cargo xtask bench --quick --json bench.json"
)]
struct Bench {
    /// Run only this measurement; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<Measure>,
    /// Use short rounds and few sessions: only to check that all measurements run
    #[arg(long)]
    quick: bool,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// `Policy::grants`
    Policy,
    /// `rolecalld diff`
    Diff,
    /// Proof for AWS: token or SAML response
    Proof,
    /// Templates that `rolecalld aws` generates
    Generate,
    /// Time from start to ready
    Startup,
    /// Portal page
    Portal,
    /// Credentials from the gateway
    Credentials,
    /// AWS clients: credentials and lists
    Client,
    /// Devices that wait for their user
    Polling,
    /// Sign-ins while people are recorded
    People,
    /// Resident memory
    Memory,
    /// Verification of a SAML sign-in
    Saml,
    /// Users during a flood of unauthenticated requests
    Flood,
    /// Searches in a large audit trail
    Trail,
}

impl Bench {
    /// Whether a measurement needs the gateway's process.
    fn needs_gateway(&self) -> bool {
        let in_this_process = |measure: &Measure| {
            matches!(
                measure,
                Measure::Policy
                    | Measure::Diff
                    | Measure::Proof
                    | Measure::Generate
                    | Measure::Saml
                    | Measure::Trail
            )
        };
        self.only.is_empty() || !self.only.iter().all(in_this_process)
    }
}

/// Duration and size of the measurements.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Number of rounds of floor and subject.
    rounds: usize,
    /// Duration of a round.
    round: Duration,
    /// Duration of the load before the first round.
    warm_up: Duration,
    /// Number of live sessions, and of clients that poll at their interval.
    sessions: usize,
    /// Number of devices: enough that no device polls before its interval.
    devices: usize,
    /// Duration of the flood, and of the measurement without it.
    flood: Duration,
    /// Number of events in the large audit trail.
    events: u64,
}

impl Effort {
    fn new(quick: bool) -> Self {
        if quick {
            Self {
                rounds: 3,
                round: Duration::from_millis(700),
                warm_up: Duration::from_millis(300),
                sessions: 1_000,
                devices: 16_000,
                flood: Duration::from_secs(5),
                events: 100_000,
            }
        } else {
            Self {
                rounds: 21,
                round: Duration::from_secs(1),
                warm_up: Duration::from_secs(1),
                sessions: 10_000,
                devices: 60_000,
                flood: Duration::from_secs(60),
                events: 1_000_000,
            }
        }
    }
}

fn main() -> ExitCode {
    match run(&Bench::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Writes a line of progress or an error to stderr.
fn say(line: &str) {
    // An error on stderr cannot be reported.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run(bench: &Bench) -> anyhow::Result<bool> {
    anyhow::ensure!(
        bench.quick || !cfg!(debug_assertions),
        "this is a debug build, so the figures would not be meaningful\nhint: run `cargo xtask bench`, or use --quick to check that all measurements run"
    );
    if bench.needs_gateway() {
        gateway::build()?;
    }
    // Before other threads start, because the policy is set per thread.
    let batch = schedule::as_batch();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = Report {
        rows: runtime.block_on(measure(bench))?,
    };
    let mut output = std::io::stdout();
    output.write_all(report.table().as_bytes())?;
    output.write_all(report.misses().as_bytes())?;
    output.write_all(schedule::footnote(batch).as_bytes())?;
    if let Some(path) = &bench.json {
        std::fs::write(path, report.json()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.passes())
}

async fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let effort = Effort::new(bench.quick);
    let selected = |measure: Measure| {
        let is_selected = bench.only.is_empty() || bench.only.contains(&measure);
        if is_selected {
            say(&format!("measuring: {measure:?}"));
        }
        is_selected
    };
    let mut rows = Vec::new();
    if selected(Measure::Policy) {
        rows.extend(policy::measure(effort)?);
    }
    if selected(Measure::Diff) {
        rows.extend(diff::measure(effort)?);
    }
    if selected(Measure::Proof) {
        rows.extend(proof::measure(effort).await?);
    }
    if selected(Measure::Generate) {
        rows.extend(generate::measure(effort)?);
    }
    if selected(Measure::Saml) {
        rows.extend(saml::measure(effort).await?);
    }
    if selected(Measure::Trail) {
        rows.extend(trail::measure(effort).await?);
    }
    if !bench.needs_gateway() {
        return Ok(rows);
    }
    if selected(Measure::Flood) {
        rows.extend(flood::measure(effort).await?);
    }
    if bench.only == [Measure::Flood] {
        return Ok(rows);
    }
    let bench = BenchStack::start(effort.sessions, bench_stack::ACCOUNTS).await?;
    if selected(Measure::Startup) {
        rows.push(startup::measure(&bench, effort).await?);
    }
    if selected(Measure::Portal) {
        rows.extend(portal::measure(&bench, effort).await?);
    }
    if selected(Measure::Credentials) {
        rows.extend(credentials::measure(&bench, effort).await?);
    }
    if selected(Measure::Client) {
        rows.extend(client::measure(effort).await?);
    }
    if selected(Measure::Polling) {
        rows.extend(polling::measure(&bench, effort).await?);
    }
    if selected(Measure::People) {
        rows.extend(people::measure(&bench, effort).await?);
    }
    if selected(Measure::Memory) {
        rows.extend(memory::measure(&bench, effort).await?);
    }
    Ok(rows)
}
