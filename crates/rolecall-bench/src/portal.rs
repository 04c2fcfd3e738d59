//! The portal page of a user with 200 roles, compared with a handler that sends the same bytes.

use anyhow::ensure;

use crate::Effort;
use crate::bench_stack::{BenchStack, ROLES_SHOWN};
use crate::floor::BareHandler;
use crate::http::{Connection, get};
use crate::load::{self, HttpCaller};
use crate::report::Row;

/// Number of concurrent browsers, each with its own session.
const BROWSERS: usize = 32;

/// Requests per second as a share of the floor's, and added latency.
pub async fn measure(bench: &BenchStack, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let (gateway, _) = bench.gateway().await?;
    let cookies = bench.sign_in(&gateway, BROWSERS).await?;
    let requests: Vec<Vec<u8>> = cookies
        .iter()
        .map(|cookie| get(bench.host(), "/", cookie))
        .collect();

    let mut first = Connection::open(gateway.address).await?;
    let page = first.exchange(&requests[0]).await?;
    let text = String::from_utf8_lossy(page.body);
    ensure!(text.contains(ROLES_SHOWN), "unexpected page:\n{text}");
    let kibibytes = page.body.len() / 1024;
    let bare = BareHandler::start(&page)?;

    let mut floor = HttpCaller::all(bare.address, requests.clone()).await?;
    let mut subject = HttpCaller::all(gateway.address, requests).await?;
    (_, floor) = load::round(floor, effort.warm_up).await?;
    (_, subject) = load::round(subject, effort.warm_up).await?;
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let (round, again) = load::round(floor, effort.round).await?;
        (floor, _) = (again, floors.push(round));
        let (round, again) = load::round(subject, effort.round).await?;
        (subject, _) = (again, subjects.push(round));
    }
    let load = format!("200 roles, {kibibytes} KiB");
    Ok(load::beside_floor("portal page", &load, &floors, &subjects))
}
