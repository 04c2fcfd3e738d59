//! A stolen cookie against the end of its session: codes and devices are allowed until the end has been answered. No program
//! gets a token by one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::*;

/// What a thief may hold.
enum Prize {
    Code(String),
    Device(String),
}

async fn next(fixture: &Fixture, stolen: &Pass, client: &Client, number: usize) -> Result<Prize> {
    if number.is_multiple_of(2) {
        let state = format!("s{number}");
        let code = fixture.allowed_code(stolen, client, &state).await?;
        return Ok(Prize::Code(code));
    }
    let started = fixture.start_device(client).await?;
    let code = started.user_code()?;
    fixture.allow_device(stolen, &code).await?;
    Ok(Prize::Device(started.device_code()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_consent_outlives_the_end_of_the_session_that_gave_it() -> Result<()> {
    let fixture = Arc::new(Fixture::new().await?);
    let client = fixture.register().await?;
    let mut tried = 0;
    for round in 0..race_rounds() {
        fixture.clock.advance(Duration::from_secs(660));
        let (mine, stolen) = (fixture.pass("alice").await?, fixture.pass("alice").await?);
        let over = Arc::new(AtomicBool::new(false));
        let mut thieves = JoinSet::new();
        for thief in 0..4_usize {
            let (fixture, stolen, client) = (fixture.clone(), stolen.clone(), client.clone());
            let over = over.clone();
            thieves.spawn(async move {
                let (mut last, mut number) = (None, thief);
                while !over.load(Ordering::Relaxed) {
                    // Refused ones are what is hoped for.
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
                Prize::Code(code) => fixture.redeem(&client, code).await?,
                Prize::Device(code) => fixture.poll(&client, code).await?,
            };
            ensure!(answer.status != 200, "round {round}: {answer:?}");
        }
    }
    ensure!(tried > 0, "nobody raced");
    Ok(())
}
