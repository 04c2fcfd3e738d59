//! Sign-ins while people are recorded, compared with a gateway that records nobody.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::Effort;
use crate::bench_stack::BenchStack;
use crate::figures::{Figures, Unit, milliseconds, percentile};
use crate::report::Row;
use crate::sign_in::Browser;

/// Number of people who sign in at the same time, one sign-in after the other.
const BROWSERS: usize = 4;
/// Maximum ratio of the p50 to that of the gateway that records nobody.
const TIMES_MAX: f64 = 1.1;

/// The p50 of the callback, in rounds that alternate.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let recording = bench.gateway_that_records("people-on", "90d").await?;
    let other = bench.gateway_that_records("people-off", "0s").await?;
    let mut subject = browsers(bench, &recording).await?;
    let mut floor = browsers(bench, &other).await?;
    (subject, _) = round(subject, effort.warm_up).await?;
    (floor, _) = round(floor, effort.warm_up).await?;
    let (mut subjects, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let (again, off) = round(floor, effort.round).await?;
        floor = again;
        let (again, on) = round(subject, effort.round).await?;
        subject = again;
        floors.push(off);
        subjects.push(on);
        ratios.push(on / off);
    }
    Ok(vec![Row {
        what: "sign-in, people recorded, p50 of the callback".to_owned(),
        measured: Figures::new(Unit::Milliseconds, subjects),
        floor: Some(Figures::new(Unit::Milliseconds, floors)),
        value: Figures::new(Unit::Times, ratios).median(),
        unit: Unit::Times,
        bound: Some(TIMES_MAX),
    }])
}

/// A browser, and the person who uses it.
type Person = (Browser, String);

async fn browsers(
    bench: &BenchStack,
    gateway: &crate::gateway::Gateway,
) -> anyhow::Result<Vec<Person>> {
    let mut browsers = Vec::new();
    for number in 0..BROWSERS {
        browsers.push((bench.browser(gateway).await?, bench.username(number)));
    }
    Ok(browsers)
}

/// Everybody signs in repeatedly for this duration. Returns the p50 of the callback in milliseconds.
async fn round(browsers: Vec<Person>, time: Duration) -> anyhow::Result<(Vec<Person>, f64)> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (mut browser, name) in browsers {
        tasks.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < time {
                let (_, callback) = browser.timed_sign_in(&name).await?;
                times.push(callback);
            }
            anyhow::Ok(((browser, name), times))
        });
    }
    let (mut browsers, mut times) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (browser, more) = done.context("a sign-in failed")??;
        browsers.push(browser);
        times.extend(more);
    }
    times.sort_unstable();
    Ok((browsers, milliseconds(percentile(&times, 0.5))))
}
