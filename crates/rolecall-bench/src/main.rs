//! `cargo xtask bench`: how fast and how small the gateway is, beside floors that are measured in the same run.
//!
//! Added latency, memory and growth have bounds; a share of a floor and a throughput have none. It prints a table, and ends with
//! exit code 1 when a bound is missed. It is not a test: figures depend on the machine.

mod aws_client;
mod bench_stack;
mod client;
mod credentials;
mod figures;
mod flood;
mod floor;
mod gateway;
mod http;
mod load;
mod memory;
mod policy;
mod polling;
mod portal;
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

/// Measure the gateway; exit code 1 when a bound is missed.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall-bench",
    version,
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --only credentials --only policy\n  cargo xtask bench --quick --json bench.json"
)]
struct Bench {
    /// Measure this only; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Measure>,
    /// Short rounds and fewer sessions: to see whether everything runs, not to trust the figures
    #[arg(long)]
    quick: bool,
    /// Write the table as JSON as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// `Policy::grants`
    Policy,
    /// From start to ready
    Startup,
    /// The portal's page
    Portal,
    /// Credentials through the gateway
    Credentials,
    /// AWS's clients: credentials and lists
    Client,
    /// Devices that wait for their person
    Polling,
    /// Resident memory
    Memory,
    /// A SAML sign-in, verified
    Saml,
    /// Honest people beside a flood of strangers
    Flood,
    /// Searches of a large audit trail
    Trail,
}

impl Bench {
    /// Whether anything is measured that goes on in the gateway's own process.
    fn needs_gateway(&self) -> bool {
        let in_here =
            |measure: &Measure| matches!(measure, Measure::Policy | Measure::Saml | Measure::Trail);
        self.only.is_empty() || !self.only.iter().all(in_here)
    }
}

/// How long and how much is measured.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Rounds of floor and subject, in turn.
    rounds: usize,
    /// A round.
    round: Duration,
    /// Before the first round, unmeasured.
    warm_up: Duration,
    /// Live sessions, and clients that poll at their interval.
    sessions: usize,
    /// Devices whose codes are polled: enough that none has to poll too soon.
    devices: usize,
    /// A flood, and as long without it.
    flood: Duration,
    /// Events of a large audit trail.
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

/// A line of progress, or of trouble.
fn say(line: &str) {
    // Nothing can be done about a closed stderr.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run(bench: &Bench) -> anyhow::Result<bool> {
    anyhow::ensure!(
        bench.quick || !cfg!(debug_assertions),
        "this is a debug build, whose figures mean nothing\nhint: run `cargo xtask bench`, or this with --quick to see whether everything runs"
    );
    if bench.needs_gateway() {
        gateway::build()?;
    }
    // Before there is a second thread, which would keep its own policy.
    let batch = schedule::as_batch();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let report = Report {
        rows: runtime.block_on(measure(bench))?,
    };
    let mut output = std::io::stdout();
    output.write_all(report.table().as_bytes())?;
    output.write_all(schedule::footnote(batch).as_bytes())?;
    if let Some(path) = &bench.json {
        std::fs::write(path, report.json()?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(report.is_good())
}

async fn measure(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let effort = Effort::new(bench.quick);
    let wanted = |measure: Measure| {
        let yes = bench.only.is_empty() || bench.only.contains(&measure);
        if yes {
            say(&format!("measuring: {measure:?}"));
        }
        yes
    };
    let mut rows = Vec::new();
    if wanted(Measure::Policy) {
        rows.extend(policy::measure(effort)?);
    }
    if wanted(Measure::Saml) {
        rows.extend(saml::measure(effort).await?);
    }
    if wanted(Measure::Trail) {
        rows.extend(trail::measure(effort).await?);
    }
    if !bench.needs_gateway() {
        return Ok(rows);
    }
    if wanted(Measure::Flood) {
        rows.extend(flood::measure(effort).await?);
    }
    if bench.only == [Measure::Flood] {
        return Ok(rows);
    }
    let bench = BenchStack::start(effort.sessions, bench_stack::ACCOUNTS).await?;
    if wanted(Measure::Startup) {
        rows.push(startup::measure(&bench, effort).await?);
    }
    if wanted(Measure::Portal) {
        rows.extend(portal::measure(&bench, effort).await?);
    }
    if wanted(Measure::Credentials) {
        rows.extend(credentials::measure(&bench, effort).await?);
    }
    if wanted(Measure::Client) {
        rows.extend(client::measure(effort).await?);
    }
    if wanted(Measure::Polling) {
        rows.extend(polling::measure(&bench, effort).await?);
    }
    if wanted(Measure::Memory) {
        rows.extend(memory::measure(&bench, effort).await?);
    }
    Ok(rows)
}
