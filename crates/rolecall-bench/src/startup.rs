//! From the start of the process to its first "ready": configuration, keys, Redis, the audit trail and both listeners.

use crate::Effort;
use crate::bench_stack::BenchStack;
use crate::figures::{Figures, Unit, milliseconds};
use crate::report::Row;

const MILLISECONDS_MAX: f64 = 200.0;

/// Milliseconds, over several starts with a trail that exists.
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
