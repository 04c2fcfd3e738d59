//! A flood of unauthenticated requests: 1,000 requests per second from 50 addresses to all routes without a session, while users
//! sign in and request credentials. Measures the latency for these users, and the data that the flood leaves in Redis and in the
//! audit trail. The gateway has the default limits.

mod requests;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rolecall_harness::export_audit_trail;
use tokio::task::JoinSet;

use crate::Effort;
use crate::aws_client::AwsClient;
use crate::bench_stack::BenchStack;
use crate::credentials::form_for;
use crate::figures::{Figures, Unit};
use crate::gateway::Gateway;
use crate::http::Connection;
use crate::report::Row;
use crate::say;
use requests::Flood;

/// Requests of the flood per second.
const RATE: u32 = 1_000;
/// Number of client addresses of the flood.
const ADDRESSES: u32 = 50;
/// Number of connections of the flood.
const CONNECTIONS: u32 = 50;
/// Number of users who sign in repeatedly, and of users who request credentials.
const PEOPLE: usize = 4;
/// Pause of each user between requests.
const PAUSE: Duration = Duration::from_millis(50);
/// Maximum ratio of the p99 to that without the flood.
const TIMES_MAX: f64 = 2.0;
/// Maximum number of rows that the flood adds to the trail: `limits::REFUSAL_ROWS_MAX` for each window in a minute.
const ROWS_MAX: f64 = 512.0;
/// Maximum data in Redis after a minute: 300 sign-ins and 120 device authorizations of each address, about 2 KiB each.
const STORE_MEBIBYTES_MAX: f64 = 64.0;
/// Maximum growth of the trail's file.
const TRAIL_MEBIBYTES_MAX: f64 = 1.0;

/// Latencies of users.
#[derive(Default)]
struct Latencies {
    sign_ins: Vec<Duration>,
    issues: Vec<Duration>,
}

/// The p99 compared with that without the flood, and the data that the flood leaves.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let bench = BenchStack::with_saml().await?;
    let gateway = bench.gateway_with_default_limits().await?;
    let client = AwsClient::register(bench.host(), gateway.address).await?;
    say("  users without the flood");
    measure_users(&bench, &gateway, effort.warm_up).await?;
    let alone = measure_users(&bench, &gateway, effort.flood).await?;

    let before = StoredData::measure(&bench).await?;
    say("  users with the flood");
    let flood = Flood::new(bench.host(), client);
    let mut sent = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (flood, address) = (flood.clone(), gateway.address);
        sent.spawn(async move { send(flood, address, connection, effort.flood).await });
    }
    let beside = measure_users(&bench, &gateway, effort.flood).await?;
    let mut count = 0;
    while let Some(done) = sent.join_next().await {
        count += done.context("a connection of the flood was closed")??;
    }
    // Summaries are written when the process stops.
    gateway.stop().await?;
    let left = StoredData::measure(&bench).await?.since(&before);
    say(&format!(
        "  {count} requests of the flood left {} rows and {:.2} MiB in the trail, {:.2} MiB in Redis",
        left.rows, left.trail, left.store
    ));
    let rate = f64::from(count) / effort.flood.as_secs_f64();
    ensure!(
        rate > f64::from(RATE) * 0.8,
        "the flood reached only {rate:.0} requests per second"
    );
    Ok(rows(alone, beside, &left))
}

fn rows(alone: Latencies, beside: Latencies, left: &StoredData) -> Vec<Row> {
    let times = |what: &str, beside: Vec<Duration>, alone: Vec<Duration>| {
        let (measured, floor) = (
            Figures::percentile(beside, 0.99),
            Figures::percentile(alone, 0.99),
        );
        Row {
            what: format!("{what} in a flood of {RATE}/s, p99"),
            value: measured.median() / floor.median(),
            measured,
            floor: Some(floor),
            unit: Unit::Times,
            bound: Some(TIMES_MAX),
        }
    };
    let plain = |what: &str, unit, figure, most| {
        Row::plain(what, Figures::new(unit, [figure])).at_most(most)
    };
    vec![
        times("sign-in", beside.sign_ins, alone.sign_ins),
        times("credentials", beside.issues, alone.issues),
        plain(
            "rows that the flood left in the trail",
            Unit::Rows,
            left.rows,
            ROWS_MAX,
        ),
        plain(
            "bytes that it left in the trail",
            Unit::Mebibytes,
            left.trail,
            TRAIL_MEBIBYTES_MAX,
        ),
        plain(
            "bytes that it left in Redis",
            Unit::Mebibytes,
            left.store,
            STORE_MEBIBYTES_MAX,
        ),
    ]
}

/// Sends the requests of one connection at their scheduled times and returns the number of responses.
async fn send(
    flood: Flood,
    gateway: std::net::SocketAddr,
    offset: u32,
    time: Duration,
) -> anyhow::Result<u32> {
    let every = Duration::from_secs(1) * CONNECTIONS / RATE;
    let mut connection = Connection::open(gateway).await?;
    let started = Instant::now();
    let mut number = 0;
    while started.elapsed() < time {
        let address = (offset + number * 7) % ADDRESSES;
        let request = flood.request(offset + number * CONNECTIONS, address)?;
        let response = connection.exchange(&request).await?;
        ensure!(
            response.status < 500,
            "a request of the flood returned {}",
            response.status
        );
        number += 1;
        let due = started + every * number;
        tokio::time::sleep_until(due.into()).await;
    }
    Ok(number)
}

/// Users sign in and request credentials for this duration.
async fn measure_users(
    bench: &BenchStack,
    gateway: &Gateway,
    time: Duration,
) -> anyhow::Result<Latencies> {
    let cookies = bench.sign_in(gateway, PEOPLE).await?;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, cookie) in cookies.into_iter().enumerate() {
        let mut browser = bench.browser(gateway).await?;
        let name = bench.username(PEOPLE + number);
        tasks.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < time {
                let then = Instant::now();
                browser.sign_in(&name).await?;
                times.push(then.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(Latencies {
                sign_ins: times,
                ..Latencies::default()
            })
        });
        let mut connection = Connection::open(gateway.address).await?;
        let request = form_for(bench, &mut connection, &cookie).await?;
        tasks.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < time {
                let then = Instant::now();
                let response = connection.exchange(&request).await?;
                ensure!(response.status == 200, "credentials: {}", response.status);
                times.push(then.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(Latencies {
                issues: times,
                ..Latencies::default()
            })
        });
    }
    let mut all = Latencies::default();
    while let Some(done) = tasks.join_next().await {
        let one = done.context("a user failed")??;
        all.sign_ins.extend(one.sign_ins);
        all.issues.extend(one.issues);
    }
    Ok(all)
}

/// Stored data: rows and MiB that users did not cause.
struct StoredData {
    rows: f64,
    trail: f64,
    store: f64,
}

impl StoredData {
    async fn measure(bench: &BenchStack) -> anyhow::Result<Self> {
        let text = export_audit_trail(&bench.trail_file()).await?;
        // Events of unauthenticated requests.
        let unauthenticated = |line: &&str| line.contains("_refus");
        let (mut rows, mut bytes) = (0_usize, 0_usize);
        for line in text.lines().filter(unauthenticated) {
            rows += 1;
            bytes += line.len();
        }
        Ok(Self {
            rows: rows as f64,
            trail: mebibytes(bytes as f64),
            store: mebibytes(bench.store_bytes()?),
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            rows: self.rows - before.rows,
            trail: self.trail - before.trail,
            store: self.store - before.store,
        }
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
