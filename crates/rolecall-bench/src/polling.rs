//! Devices that wait for their user: throughput of polls, and latency for 10,000 clients that poll every five seconds. Devices
//! poll at their interval, so that each response is `authorization_pending`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rolecall_wire::http::ERROR_TYPE;
use rolecall_wire::sso_oidc::Exception;
use tokio::task::JoinSet;

use crate::Effort;
use crate::aws_client::AwsClient;
use crate::bench_stack::BenchStack;
use crate::figures::Figures;
use crate::http::Connection;
use crate::load::{self, Caller};
use crate::report::Row;

/// Polling interval (RFC 8628 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Number of polls after which the interval is enforced.
const FREE_POLLS: usize = 2;
/// Number of concurrent callers.
const IN_FLIGHT: usize = 32;
/// Number of connections for the clients that poll at their interval, as through a proxy.
const CONNECTIONS: usize = 500;
/// Networks of the devices: 11.0.0.0/8 and those that follow.
const NETWORKS: usize = 100;
const FIRST_OCTET: u8 = 11;
/// Number of polls of each client.
const POLLS: u32 = 3;
const P99_MAX: f64 = 50.0;

/// Polls per second, and the latency of clients that poll at their interval.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = bench.gateway().await?;
    let client = AwsClient::register(bench.host(), gateway.address).await?;
    let addresses = (0..effort.devices).map(address).collect();
    let devices = load::spread(addresses, IN_FLIGHT, move |addresses| {
        let client = client.clone();
        async move { client.start_devices(&addresses).await }
    })
    .await?;

    let mut callers = Vec::new();
    for batch in devices.chunks(devices.len().div_ceil(IN_FLIGHT)) {
        callers.push(Poller {
            connection: Connection::open(gateway.address).await?,
            devices: batch.iter().cloned().map(Device::new).collect(),
            next: 0,
        });
    }
    (_, callers) = load::round(callers, effort.warm_up).await?;
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let (round, again) = load::round(callers, effort.round).await?;
        (callers, _) = (again, rounds.push(round));
    }

    let clients = &devices[..effort.sessions.min(devices.len())];
    let waits = wait(gateway.address, clients).await?;
    Ok(vec![
        Row::plain(
            format!("CreateToken, polls of {} devices", devices.len()),
            load::per_second(&rounds),
        ),
        Row::plain(
            format!("{} clients that poll every 5 s, p99", clients.len()),
            Figures::percentile(waits, 0.99),
        )
        .at_most(P99_MAX),
    ])
}

/// The address of a device. Each has its own, in one of [`NETWORKS`] networks, because device authorizations are limited per
/// address and per network.
fn address(number: usize) -> String {
    let network = u8::try_from(number % NETWORKS).unwrap_or_default();
    let [.., b, c] = u32::try_from(number / NETWORKS)
        .unwrap_or_default()
        .to_be_bytes();
    Ipv4Addr::new(FIRST_OCTET + network, b, c, 1).to_string()
}

struct Device {
    poll: Vec<u8>,
    polls: usize,
    next_at: Instant,
}

impl Device {
    fn new(poll: Vec<u8>) -> Self {
        Self {
            poll,
            polls: 0,
            next_at: Instant::now(),
        }
    }
}

/// Polls for its devices in turn, not before their intervals.
struct Poller {
    connection: Connection,
    devices: Vec<Device>,
    next: usize,
}

impl Caller for Poller {
    async fn call(&mut self) -> anyhow::Result<()> {
        let at = self.next % self.devices.len();
        self.next += 1;
        let device = &mut self.devices[at];
        if device.polls >= FREE_POLLS {
            tokio::time::sleep_until(device.next_at.into()).await;
        }
        device.polls += 1;
        pending(&mut self.connection, &device.poll).await?;
        device.next_at = Instant::now() + INTERVAL;
        Ok(())
    }
}

/// Polls for all clients, spread over the interval. Returns the time from the scheduled poll to the response, for all polls.
async fn wait(gateway: SocketAddr, clients: &[Vec<u8>]) -> anyhow::Result<Vec<Duration>> {
    tokio::time::sleep(INTERVAL).await;
    let count = CONNECTIONS.min(clients.len());
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(gateway).await?);
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (first, mut connection) in connections.into_iter().enumerate() {
        let offset = |number: usize| INTERVAL.mul_f64(number as f64 / clients.len() as f64);
        let batch: Vec<_> = (first..clients.len())
            .step_by(count)
            .map(|number| (offset(number), clients[number].clone()))
            .collect();
        tasks.spawn(async move {
            let mut waits = Vec::with_capacity(batch.len() * POLLS as usize);
            for turn in 0..POLLS {
                for (offset, poll) in &batch {
                    let scheduled = started + INTERVAL * turn + *offset;
                    tokio::time::sleep_until(scheduled.into()).await;
                    pending(&mut connection, poll).await?;
                    waits.push(scheduled.elapsed());
                }
            }
            anyhow::Ok(waits)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}

/// Polls once and expects `authorization_pending`.
async fn pending(connection: &mut Connection, poll: &[u8]) -> anyhow::Result<()> {
    let response = connection.exchange(poll).await?;
    let kind = response.header(ERROR_TYPE)?;
    ensure!(
        response.status == 400 && kind == Exception::AuthorizationPending.name(),
        "returned {} {kind}",
        response.status
    );
    Ok(())
}
