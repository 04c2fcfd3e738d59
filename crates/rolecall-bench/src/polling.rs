//! Devices that wait for their person: how many polls are answered, and how long ten thousand clients wait that poll every
//! five seconds, each on a connection of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use crate::Effort;
use crate::client::{DEVICE_CODE, ask, text};
use crate::figures::{Figures, Unit, milliseconds, percentile};
use crate::http::{Connection, post};
use crate::load::{self, Caller};
use crate::report::{Bound, Row};
use crate::world::World;

/// RFC 8628 3.2.
const INTERVAL: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 32;
const POLLS_MIN: f64 = 5_000.0;
const P99_MAX: f64 = 50.0;

/// Polls a second, and the latency of clients that keep the interval.
pub async fn measure(world: &World, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = world.gateway().await?;
    let polls = begin(world, gateway.address, effort.sessions).await?;
    let clients = polls.len();

    let mut waits = wait(gateway.address, &polls).await?;
    waits.sort_unstable();
    let p99 = milliseconds(percentile(&waits, 0.99));

    let mut callers = Vec::new();
    for number in 0..CONNECTIONS {
        callers.push(Poller {
            connection: Connection::open(gateway.address).await?,
            polls: polls
                .iter()
                .skip(number)
                .step_by(CONNECTIONS)
                .cloned()
                .collect(),
            next: 0,
        });
    }
    (_, callers) = load::round(callers, effort.warm_up).await?;
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds {
        let (round, again) = load::round(callers, effort.round).await?;
        (callers, _) = (again, rounds.push(round));
    }
    Ok(vec![
        Row::plain(
            format!("CreateToken, polls of {clients} devices"),
            load::per_second(&rounds),
            Bound::AtLeast(POLLS_MIN),
        ),
        Row::plain(
            format!("{clients} devices that poll every 5 s, p99"),
            Figures::new(Unit::Milliseconds, [p99]),
            Bound::AtMost(P99_MAX),
        ),
    ])
}

/// Begins this many device authorizations, each from an address of its own; their polls.
async fn begin(world: &World, gateway: SocketAddr, devices: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut connection = Connection::open(gateway).await?;
    let host = world.host().to_owned();
    let fields = [("client_name", "rolecall-bench"), ("client_type", "public")];
    let client = ask(
        &mut connection,
        &post(&host, "/client/register", "", &fields),
    )
    .await?;
    let (id, secret) = (text(&client, "clientId")?, text(&client, "clientSecret")?);
    load::spread((0..devices).collect(), CONNECTIONS, move |numbers| {
        let (host, id, secret) = (host.clone(), id.clone(), secret.clone());
        async move {
            let mut connection = Connection::open(gateway).await?;
            let own = [
                ("client_id", id.as_str()),
                ("client_secret", secret.as_str()),
            ];
            let mut polls = Vec::with_capacity(numbers.len());
            for number in numbers {
                let request = post(&host, "/device_authorization", "", &own);
                let request = from_address(&request, number)?;
                let device = ask(&mut connection, &request).await?;
                let code = text(&device, "device_code")?;
                let fields = [
                    own[0],
                    own[1],
                    ("grant_type", DEVICE_CODE),
                    ("device_code", &code),
                ];
                polls.push(post(&host, "/token", "", &fields));
            }
            Ok(polls)
        }
    })
    .await
}

/// The request as a proxy hands it on that had it from the address of this number.
fn from_address(request: &[u8], number: usize) -> anyhow::Result<Vec<u8>> {
    let text = std::str::from_utf8(request)?;
    let (line, rest) = text.split_once("\r\n").context("no request line")?;
    let address = format!(
        "10.{}.{}.{}",
        number >> 16 & 255,
        number >> 8 & 255,
        number & 255
    );
    Ok(format!("{line}\r\nX-Forwarded-For: {address}\r\n{rest}").into_bytes())
}

/// Lets every device poll three times, five seconds apart, spread over the interval; how long each waited for its answer,
/// from the moment it wanted to ask.
async fn wait(gateway: SocketAddr, polls: &[Vec<u8>]) -> anyhow::Result<Vec<Duration>> {
    let mut tasks = JoinSet::new();
    let begun = Instant::now() + INTERVAL;
    for (number, poll) in polls.iter().enumerate() {
        let poll = poll.clone();
        let offset = INTERVAL.mul_f64(number as f64 / polls.len() as f64);
        tasks.spawn(async move {
            // Not earlier: a connection on which nobody says anything is closed.
            tokio::time::sleep_until((begun + offset).into()).await;
            let mut connection = Connection::open(gateway).await?;
            let mut waits = Vec::new();
            for round in 0..3 {
                let wanted = begun + offset + INTERVAL * round;
                tokio::time::sleep_until(wanted.into()).await;
                pending(&mut connection, &poll).await?;
                waits.push(wanted.elapsed());
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

/// Polls the devices of its share in turn.
struct Poller {
    connection: Connection,
    polls: Vec<Vec<u8>>,
    next: usize,
}

impl Caller for Poller {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let at = self.next % self.polls.len();
        self.next += 1;
        pending(&mut self.connection, &self.polls[at]).await
    }
}

/// Polls once: nobody has answered, whether it was too soon or not.
async fn pending(connection: &mut Connection, poll: &[u8]) -> anyhow::Result<()> {
    let answer = connection.exchange(poll).await?;
    let kind = answer.header("x-amzn-errortype")?;
    ensure!(
        answer.status == 400
            && ["AuthorizationPendingException", "SlowDownException"].contains(&kind),
        "answered {} {kind}",
        answer.status
    );
    Ok(())
}
