//! A race between a stolen cookie and the end of its session: codes and devices are allowed until the session has ended. No
//! client may get a token from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

/// What the attacker holds.
enum StolenCode {
    Code(String),
    Device(String),
}

async fn next(
    fixture: &Fixture,
    stolen: &Pass,
    client: &Client,
    number: usize,
) -> Result<StolenCode> {
    if number.is_multiple_of(2) {
        let state = format!("s{number}");
        let code = fixture.allowed_code(stolen, client, &state).await?;
        return Ok(StolenCode::Code(code));
    }
    let started = fixture.start_device(client).await?;
    let code = started.user_code()?;
    fixture.allow_device(stolen, &code).await?;
    Ok(StolenCode::Device(started.device_code()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consent_is_revoked_with_its_session() -> Result<()> {
    let fixture = Arc::new(Fixture::new().await?);
    let client = fixture.register().await?;
    let mut tried = 0;
    for round in 0..race_rounds() {
        fixture.clock.advance(Duration::from_secs(660));
        let (mine, stolen) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
        let over = Arc::new(AtomicBool::new(false));
        let mut thieves = JoinSet::new();
        for attacker in 0..4_usize {
            let (fixture, stolen, client) = (fixture.clone(), stolen.clone(), client.clone());
            let over = over.clone();
            thieves.spawn(async move {
                let (mut last, mut number) = (None, attacker);
                while !over.load(Ordering::Relaxed) {
                    // Rejected requests are the expected result.
                    let prize = next(&fixture, &stolen, &client, number).await;
                    last = prize.ok().or(last);
                    number += 5;
                }
                last
            });
        }
        tokio::time::sleep(Duration::from_millis(40 + round as u64 % 7)).await;
        fixture.end_alice(&mine, round).await?;
        over.store(true, Ordering::Relaxed);
        for prize in thieves.join_all().await.into_iter().flatten() {
            tried += 1;
            let answer = match &prize {
                StolenCode::Code(code) => fixture.redeem(&client, code).await?,
                StolenCode::Device(code) => fixture.poll(&client, code).await?,
            };
            ensure!(answer.status != 200, "round {round}: {answer:?}");
        }
    }
    ensure!(tried > 0);
    Ok(())
}
