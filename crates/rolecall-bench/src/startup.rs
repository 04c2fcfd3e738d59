//! Time from the start of the process until it is ready: configuration, keys, Redis, audit trail and both listeners.

use crate::Effort;
use crate::bench_stack::BenchStack;
use crate::figures::{Figures, Unit, milliseconds};
use crate::report::Row;

const MILLISECONDS_MAX: f64 = 200.0;

/// Milliseconds of several starts with an existing audit trail.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Row> {
    drop(bench.gateway().await?);
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        let (_, time) = bench.gateway().await?;
        times.push(milliseconds(time));
    }
    Ok(
        Row::plain("start to ready", Figures::new(Unit::Milliseconds, times))
            .at_most(MILLISECONDS_MAX),
    )
}
