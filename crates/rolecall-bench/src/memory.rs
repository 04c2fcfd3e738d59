//! Resident memory of the gateway: idle, and after thousands of sign-ins and portal pages.

use std::time::Duration;

use crate::Effort;
use crate::bench_stack::BenchStack;
use crate::figures::{Figures, Unit};
use crate::http::get;
use crate::load::{self, Caller as _, HttpCaller};
use crate::report::Row;

const IDLE_MAX: f64 = 40.0;
const IN_USE_MAX: f64 = 70.0;
/// Wait for tasks after the start and for the allocator to return memory.
const SETTLE_TIME: Duration = Duration::from_secs(2);
const BROWSERS: usize = 32;

/// Memory in MiB, idle and in use.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = bench.gateway().await?;
    tokio::time::sleep(SETTLE_TIME).await;
    let idle = gateway.resident()?;

    let cookies = bench.sign_in(&gateway, effort.sessions).await?;
    let host = bench.host().to_owned();
    let address = gateway.address;
    let used = load::spread(cookies, BROWSERS, move |cookies| {
        let host = host.clone();
        async move {
            let requests = cookies.iter().map(|cookie| get(&host, "/", cookie));
            let mut used = Vec::with_capacity(cookies.len());
            for request in requests {
                for mut caller in HttpCaller::all(address, [request]).await? {
                    caller.call().await?;
                    used.push(());
                }
            }
            Ok(used)
        }
    })
    .await?;
    tokio::time::sleep(SETTLE_TIME).await;
    let in_use = gateway.resident()?;
    let mebibytes = |figure| Figures::new(Unit::Mebibytes, [figure]);
    Ok(vec![
        Row::plain("resident memory, idle", mebibytes(idle)).at_most(IDLE_MAX),
        Row::plain(
            format!("resident memory, {} live sessions", used.len()),
            mebibytes(in_use),
        )
        .at_most(IN_USE_MAX),
    ])
}
