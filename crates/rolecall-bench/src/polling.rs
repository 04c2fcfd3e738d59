//! Devices that wait for their person: how many polls are answered, and how long ten thousand clients wait for an answer
//! that poll every five seconds. None of them ever polls too soon, so that each answer is `authorization_pending`.

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

/// RFC 8628 3.2.
const INTERVAL: Duration = Duration::from_secs(5);
/// A device that has polled so often has to keep the interval.
const FREE_POLLS: usize = 2;
/// Callers that ask again and again.
const IN_FLIGHT: usize = 32;
/// Connections of the clients that keep the interval, which no proxy keeps open for each of them.
const CONNECTIONS: usize = 500;
/// Polls of each of them.
const POLLS: u32 = 3;
const P99_MAX: f64 = 50.0;

/// Polls a second, and the latency of clients that keep the interval.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = bench.gateway().await?;
    let client = AwsClient::register(bench.host(), gateway.address).await?;
    let addresses = (0..effort.devices).map(address).collect();
    let devices = load::spread(addresses, IN_FLIGHT, move |addresses| {
        let client = client.clone();
        async move { client.begin_devices(&addresses).await }
    })
    .await?;

    let mut callers = Vec::new();
    for lot in devices.chunks(devices.len().div_ceil(IN_FLIGHT)) {
        callers.push(Poller {
            connection: Connection::open(gateway.address).await?,
            devices: lot.iter().cloned().map(Device::new).collect(),
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

/// Each device has an address of its own, since few may begin from one.
fn address(number: usize) -> String {
    let [_, b, c, d] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    Ipv4Addr::new(10, b, c, d).to_string()
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

/// Polls for the devices of its lot in turn, none of them too soon.
struct Poller {
    connection: Connection,
    devices: Vec<Device>,
    next: usize,
}

impl Caller for Poller {
    async fn ask(&mut self) -> anyhow::Result<()> {
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

/// Lets every client poll at its interval, spread over it; how long each waited for its answers, from the moment it wanted
/// to ask.
async fn wait(gateway: SocketAddr, clients: &[Vec<u8>]) -> anyhow::Result<Vec<Duration>> {
    tokio::time::sleep(INTERVAL).await;
    let count = CONNECTIONS.min(clients.len());
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(gateway).await?);
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (first, mut connection) in connections.into_iter().enumerate() {
        let offset = |number: usize| INTERVAL.mul_f64(number as f64 / clients.len() as f64);
        let lot: Vec<_> = (first..clients.len())
            .step_by(count)
            .map(|number| (offset(number), clients[number].clone()))
            .collect();
        tasks.spawn(async move {
            let mut waits = Vec::with_capacity(lot.len() * POLLS as usize);
            for turn in 0..POLLS {
                for (offset, poll) in &lot {
                    let wanted = begun + INTERVAL * turn + *offset;
                    tokio::time::sleep_until(wanted.into()).await;
                    pending(&mut connection, poll).await?;
                    waits.push(wanted.elapsed());
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

/// Polls once: nobody has answered, and it was not too soon.
async fn pending(connection: &mut Connection, poll: &[u8]) -> anyhow::Result<()> {
    let answer = connection.exchange(poll).await?;
    let kind = answer.header(ERROR_TYPE)?;
    ensure!(
        answer.status == 400 && kind == Exception::AuthorizationPending.name(),
        "answered {} {kind}",
        answer.status
    );
    Ok(())
}
