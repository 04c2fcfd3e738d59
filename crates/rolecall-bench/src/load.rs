//! Load generation: a fixed number of callers, each of which sends its next request after the response, for a fixed time.
//!
//! Floor and subject take turns with the same code, so that variations of the machine affect both.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::figures::{Figures, Unit, milliseconds, percentile};
use crate::http::Connection;
use crate::report::Row;

const ADDED_P50_MAX: f64 = 5.0;
const ADDED_P99_MAX: f64 = 20.0;

/// A caller that sends requests repeatedly.
pub trait Caller: Send + 'static {
    /// Sends one request. Fails if the response is not as expected.
    fn call(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Results of a round.
pub struct Round {
    /// Responses per second.
    pub per_second: f64,
    /// Median latency of a request.
    pub p50: Duration,
    /// 99th percentile of the latency.
    pub p99: Duration,
}

/// Runs all callers for this duration and returns them with the results.
pub async fn round<C: Caller>(callers: Vec<C>, time: Duration) -> anyhow::Result<(Round, Vec<C>)> {
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for mut caller in callers {
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(16 * 1024);
            let mut now = started;
            while now - started < time {
                caller.call().await?;
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
    let elapsed = started.elapsed();
    all.sort_unstable();
    let round = Round {
        per_second: all.len() as f64 / elapsed.as_secs_f64(),
        p50: percentile(&all, 0.5),
        p99: percentile(&all, 0.99),
    };
    Ok((round, callers))
}

/// Responses per second of all rounds.
pub fn per_second(rounds: &[Round]) -> Figures {
    Figures::new(Unit::PerSecond, rounds.iter().map(|round| round.per_second))
}

/// Throughput of the subject as a percentage of the floor's: the median of the shares of each turn. Within a turn, the load of
/// the machine is similar for both; between turns, it can differ by a factor of two.
fn share(floors: &[Round], subjects: &[Round]) -> f64 {
    let turns = floors.iter().zip(subjects);
    let shares = turns.map(|(floor, subject)| subject.per_second / floor.per_second * 100.0);
    Figures::new(Unit::Percent, shares).median()
}

/// A latency of all rounds in milliseconds.
fn latency(rounds: &[Round], which: fn(&Round) -> Duration) -> Figures {
    Figures::new(
        Unit::Milliseconds,
        rounds.iter().map(|round| milliseconds(which(round))),
    )
}

/// Comparison of a subject with its floor: share of the throughput, without a bound, and added latency.
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

/// A caller over HTTP that sends its requests in turn and expects status 200.
pub struct HttpCaller {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl HttpCaller {
    /// Opens one connection to `address` for each request.
    pub async fn all(
        address: std::net::SocketAddr,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> anyhow::Result<Vec<Self>> {
        Self::in_turn(address, requests.into_iter().map(|request| vec![request])).await
    }

    /// Opens one connection to `address` for each batch of requests. Batches must not be empty.
    pub async fn in_turn(
        address: std::net::SocketAddr,
        batches: impl IntoIterator<Item = Vec<Vec<u8>>>,
    ) -> anyhow::Result<Vec<Self>> {
        let mut callers = Vec::new();
        for requests in batches {
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
    async fn call(&mut self) -> anyhow::Result<()> {
        let request = &self.requests[self.next % self.requests.len()];
        self.next += 1;
        let response = self.connection.exchange(request).await?;
        anyhow::ensure!(
            response.status == 200,
            "returned {}: {}",
            response.status,
            String::from_utf8_lossy(response.body)
        );
        Ok(())
    }
}

/// Runs `work` for all items with at most `at_once` tasks and collects the results.
pub async fn spread<T, R, F>(
    items: Vec<T>,
    at_once: usize,
    work: impl Fn(Vec<T>) -> F,
) -> anyhow::Result<Vec<R>>
where
    R: Send + 'static,
    F: Future<Output = anyhow::Result<Vec<R>>> + Send + 'static,
{
    let mut batches: Vec<Vec<T>> = Vec::new();
    batches.resize_with(at_once.max(1), Vec::new);
    let batch_count = batches.len();
    for (index, item) in items.into_iter().enumerate() {
        batches[index % batch_count].push(item);
    }
    let mut tasks = JoinSet::new();
    for batch in batches {
        tasks.spawn(work(batch));
    }
    let mut results = Vec::new();
    while let Some(done) = tasks.join_next().await {
        results.extend(done.context("a task failed")??);
    }
    Ok(results)
}
