//! The load: a fixed number of callers, each of whom asks again as soon as it has its answer, for a fixed time.
//!
//! Floor and subject are loaded by the same code, in turn, so that the noise of the machine meets both.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::figures::{Figures, Unit, milliseconds, percentile};
use crate::http::Connection;
use crate::report::Row;

const ADDED_P50_MAX: f64 = 5.0;
const ADDED_P99_MAX: f64 = 20.0;

/// Somebody who asks again and again.
pub trait Caller: Send + 'static {
    /// Asks once, and fails when the answer is not what it must be.
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What came out of one round.
pub struct Round {
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
}

/// Lets all callers ask for this long, and gives them back.
pub async fn round<C: Caller>(callers: Vec<C>, time: Duration) -> anyhow::Result<(Round, Vec<C>)> {
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for mut caller in callers {
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(16 * 1024);
            let mut now = begun;
            while now - begun < time {
                caller.ask().await?;
                let then = Instant::now();
                times.push(then - now);
                now = then;
            }
            anyhow::Ok((times, caller))
        });
    }
    let mut all = Vec::new();
    let mut callers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (times, caller) = done??;
        all.extend(times);
        callers.push(caller);
    }
    let elapsed = begun.elapsed();
    all.sort_unstable();
    let round = Round {
        per_second: all.len() as f64 / elapsed.as_secs_f64(),
        p50: percentile(&all, 0.5),
        p99: percentile(&all, 0.99),
    };
    Ok((round, callers))
}

/// Answers a second, over all rounds.
pub fn per_second(rounds: &[Round]) -> Figures {
    Figures::new(Unit::PerSecond, rounds.iter().map(|round| round.per_second))
}

/// How many percent of the floor's answers the subject gave: the median of what each turn says. Within a turn the machine is
/// as busy for one as for the other; between turns it may be twice as busy.
fn share(floors: &[Round], subjects: &[Round]) -> f64 {
    let turns = floors.iter().zip(subjects);
    let shares = turns.map(|(floor, subject)| subject.per_second / floor.per_second * 100.0);
    Figures::new(Unit::Percent, shares).median()
}

/// A latency in milliseconds, over all rounds.
fn latency(rounds: &[Round], which: fn(&Round) -> Duration) -> Figures {
    Figures::new(
        Unit::Milliseconds,
        rounds.iter().map(|round| milliseconds(which(round))),
    )
}

/// The subject beside its floor: throughput as a share, without a bound, and the latency that the subject adds.
pub fn beside_floor(name: &str, load: &str, floors: &[Round], subjects: &[Round]) -> Vec<Row> {
    let added = |percentile: &str, which: fn(&Round) -> Duration, most: f64| {
        let (measured, floor) = (latency(subjects, which), latency(floors, which));
        Row {
            what: format!("{name}, added latency {percentile}"),
            value: measured.median() - floor.median(),
            measured,
            floor: Some(floor),
            unit: Unit::Milliseconds,
            bound: Some(most),
        }
    };
    let throughput = Row {
        what: format!("{name}, {load}"),
        value: share(floors, subjects),
        measured: per_second(subjects),
        floor: Some(per_second(floors)),
        unit: Unit::Percent,
        bound: None,
    };
    vec![
        throughput,
        added("p50", |round| round.p50, ADDED_P50_MAX),
        added("p99", |round| round.p99, ADDED_P99_MAX),
    ]
}

/// A caller over HTTP: its requests in turn, and always 200.
pub struct HttpCaller {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl HttpCaller {
    /// One connection to `address` for each request.
    pub async fn all(
        address: std::net::SocketAddr,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> anyhow::Result<Vec<Self>> {
        Self::in_turn(address, requests.into_iter().map(|request| vec![request])).await
    }

    /// One connection to `address` for each lot of requests, which is not empty.
    pub async fn in_turn(
        address: std::net::SocketAddr,
        lots: impl IntoIterator<Item = Vec<Vec<u8>>>,
    ) -> anyhow::Result<Vec<Self>> {
        let mut callers = Vec::new();
        for requests in lots {
            callers.push(Self {
                connection: Connection::open(address).await?,
                requests,
                next: 0,
            });
        }
        Ok(callers)
    }
}

impl Caller for HttpCaller {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let request = &self.requests[self.next % self.requests.len()];
        self.next += 1;
        let answer = self.connection.exchange(request).await?;
        anyhow::ensure!(
            answer.status == 200,
            "answered {}: {}",
            answer.status,
            String::from_utf8_lossy(answer.body)
        );
        Ok(())
    }
}

/// Runs `work` for every item, at most `at_once` at a time, and collects what it makes.
pub async fn spread<T, R, F>(
    items: Vec<T>,
    at_once: usize,
    work: impl Fn(Vec<T>) -> F,
) -> anyhow::Result<Vec<R>>
where
    R: Send + 'static,
    F: Future<Output = anyhow::Result<Vec<R>>> + Send + 'static,
{
    let mut lots: Vec<Vec<T>> = Vec::new();
    lots.resize_with(at_once.max(1), Vec::new);
    let lots_count = lots.len();
    for (index, item) in items.into_iter().enumerate() {
        lots[index % lots_count].push(item);
    }
    let mut tasks = JoinSet::new();
    for lot in lots {
        tasks.spawn(work(lot));
    }
    let mut made = Vec::new();
    while let Some(done) = tasks.join_next().await {
        made.extend(done.context("a task ended")??);
    }
    Ok(made)
}
