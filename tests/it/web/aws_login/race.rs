//! A race between a stolen cookie and the end of its session: four concurrent requests for a code of `aws login` until the
//! session has ended. None of the codes may be valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

const ROLE: &str = "444455556666/Developer";
/// Only the last codes of each task were created around the end of the session.
const TRIED: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn code_is_revoked_with_its_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut fields = terminal.request();
    fields.push(("role", ROLE.to_owned()));
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut tried = 0;
    for round in 0..race_rounds() {
        fixture.clock.advance(Duration::from_secs(660));
        let (mine, stolen) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
        let over = Arc::new(AtomicBool::new(false));
        let mut thieves = JoinSet::new();
        for _ in 0..4 {
            let request = fixture.post(&stolen, "/v1/authorize", &fields);
            let over = over.clone();
            thieves.spawn(async move {
                let mut codes = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let request = request.try_clone().context("no form")?;
                    let answer = request.send().await?;
                    let to = answer.headers().get("refresh");
                    let to = to.and_then(|to| to.to_str().ok()?.split_once("url="));
                    codes.extend(to.and_then(|(_, to)| parameter(to, "code")));
                }
                anyhow::Ok(codes)
            });
        }
        tokio::time::sleep(Duration::from_millis(20 + round as u64 % 7)).await;
        fixture.end_alice(&mine, round).await?;
        over.store(true, Ordering::Relaxed);
        for codes in thieves.join_all().await {
            for code in codes?.iter().rev().take(TRIED) {
                tried += 1;
                let response = terminal.redeem(&fixture, code).await?;
                ensure!(response.status != 200, "round {round}: {response:?}");
            }
        }
    }
    ensure!(tried > 0);
    Ok(())
}
