//! From the start of the process to its first "ready": configuration, keys, Redis, the audit trail and both listeners.

use crate::Effort;
use crate::figures::{Figures, Unit, milliseconds};
use crate::report::{Bound, Row};
use crate::world::World;

const MILLISECONDS_MAX: f64 = 200.0;

/// Milliseconds, over several starts with a trail that exists.
pub async fn measure(world: &World, effort: Effort) -> anyhow::Result<Row> {
    drop(world.gateway().await?);
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        let (_, time) = world.gateway().await?;
        times.push(milliseconds(time));
    }
    Ok(Row::plain(
        "start to ready",
        Figures::new(Unit::Milliseconds, times),
        Bound::AtMost(MILLISECONDS_MAX),
    ))
}
