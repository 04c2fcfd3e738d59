//! A flood of strangers: a thousand requests a second from fifty addresses on every route that answers without a session,
//! while people sign in and take credentials. Measured are what those people notice, and what the flood leaves behind in
//! Redis and in the audit trail. The gateway runs with its default limits.

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

/// Requests of the flood, a second.
const RATE: u32 = 1_000;
/// Addresses that it comes from.
const ADDRESSES: u32 = 50;
/// Connections that carry it.
const CONNECTIONS: u32 = 50;
/// People who sign in, one sign-in after the other, and as many who take credentials.
const PEOPLE: usize = 4;
/// What each of them waits between two.
const PAUSE: Duration = Duration::from_millis(50);
/// How many times its p99 without a flood an honest request may take.
const TIMES_MAX: f64 = 2.0;
/// Rows of the trail that the flood may leave: see `limits::REFUSAL_ROWS_MAX`, for the windows that a minute touches.
const ROWS_MAX: f64 = 512.0;
/// What it may leave in Redis in a minute: 300 sign-ins and 120 device authorizations of each address, some 2 KiB each.
const STORE_MEBIBYTES_MAX: f64 = 64.0;
/// What it may leave in the trail's file.
const TRAIL_MEBIBYTES_MAX: f64 = 1.0;

/// Latencies of honest people.
#[derive(Default)]
struct Honest {
    sign_ins: Vec<Duration>,
    issues: Vec<Duration>,
}

/// p99 beside that without a flood, and what the flood leaves behind.
pub async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let bench = BenchStack::with_saml().await?;
    let gateway = bench.gateway_with_default_limits().await?;
    let client = AwsClient::register(bench.host(), gateway.address).await?;
    say("  honest people alone");
    honest(&bench, &gateway, effort.warm_up).await?;
    let alone = honest(&bench, &gateway, effort.flood).await?;

    let before = Left::measure(&bench).await?;
    say("  honest people and the flood");
    let flood = Flood::new(bench.host(), client);
    let mut sent = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (flood, address) = (flood.clone(), gateway.address);
        sent.spawn(async move { send(flood, address, connection, effort.flood).await });
    }
    let beside = honest(&bench, &gateway, effort.flood).await?;
    let mut count = 0;
    while let Some(done) = sent.join_next().await {
        count += done.context("a connection of the flood ended")??;
    }
    // Summaries are written when the process ends.
    gateway.stop().await?;
    let left = Left::measure(&bench).await?.since(&before);
    say(&format!(
        "  {count} requests of the flood left {} rows and {:.2} MiB in the trail, {:.2} MiB in Redis",
        left.rows, left.trail, left.store
    ));
    let rate = f64::from(count) / effort.flood.as_secs_f64();
    ensure!(
        rate > f64::from(RATE) * 0.8,
        "the flood reached only {rate:.0} requests a second"
    );
    Ok(rows(alone, beside, &left))
}

fn rows(alone: Honest, beside: Honest, left: &Left) -> Vec<Row> {
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

/// Sends this connection's share, each request at its time; what takes longer is made up for. Counts the answers.
async fn send(
    flood: Flood,
    gateway: std::net::SocketAddr,
    connection: u32,
    time: Duration,
) -> anyhow::Result<u32> {
    let every = Duration::from_secs(1) * CONNECTIONS / RATE;
    let mut link = Connection::open(gateway).await?;
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < time {
        let address = (connection + number * 7) % ADDRESSES;
        let request = flood.request(connection + number * CONNECTIONS, address)?;
        let answer = link.exchange(&request).await?;
        ensure!(
            answer.status < 500,
            "the flood was answered {}",
            answer.status
        );
        number += 1;
        let due = begun + every * number;
        tokio::time::sleep_until(due.into()).await;
    }
    Ok(number)
}

/// Lets people sign in and take credentials for this long.
async fn honest(bench: &BenchStack, gateway: &Gateway, time: Duration) -> anyhow::Result<Honest> {
    let cookies = bench.sign_in(gateway, PEOPLE).await?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, cookie) in cookies.into_iter().enumerate() {
        let mut browser = bench.browser(gateway).await?;
        let name = bench.username(PEOPLE + number);
        tasks.spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < time {
                let then = Instant::now();
                browser.sign_in(&name).await?;
                times.push(then.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(Honest {
                sign_ins: times,
                ..Honest::default()
            })
        });
        let mut link = Connection::open(gateway.address).await?;
        let request = form_for(bench, &mut link, &cookie).await?;
        tasks.spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < time {
                let then = Instant::now();
                let answer = link.exchange(&request).await?;
                ensure!(answer.status == 200, "credentials: {}", answer.status);
                times.push(then.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(Honest {
                issues: times,
                ..Honest::default()
            })
        });
    }
    let mut all = Honest::default();
    while let Some(done) = tasks.join_next().await {
        let one = done.context("somebody gave up")??;
        all.sign_ins.extend(one.sign_ins);
        all.issues.extend(one.issues);
    }
    Ok(all)
}

/// What is kept: rows and MiB that honest people did not make.
struct Left {
    rows: f64,
    trail: f64,
    store: f64,
}

impl Left {
    async fn measure(bench: &BenchStack) -> anyhow::Result<Self> {
        let text = export_audit_trail(&bench.trail_file()).await?;
        // What strangers cause; the rest is of those who signed in.
        let strange = |line: &&str| line.contains("_refus");
        let (mut rows, mut bytes) = (0_usize, 0_usize);
        for line in text.lines().filter(strange) {
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
