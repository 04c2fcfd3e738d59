//! How what a client holds ends: signed out, ended in the portal, or by the hour; at every replica at once.

use std::time::{Duration, Instant};

use rolecall_harness::Replica;
use rolecall_testkit::redis::Redis;

use super::*;

#[tokio::test]
async fn a_sign_out_ends_the_family_and_asks_nothing_of_strangers() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let tokens = fixture.let_in(&mut browser).await?;
    let token = tokens.access_token.expose();
    ensure!(fixture.ask(token, "/assignment/accounts").await?.0 == 200);
    for bearer in [
        "",
        "nonsense",
        "rca_",
        "é",
        &token.replace('A', "B"),
        token,
        token,
    ] {
        let mut request = fixture.client.post(fixture.at("/logout"));
        if let Ok(value) = reqwest::header::HeaderValue::from_str(bearer) {
            request = request.header(BEARER_TOKEN, value);
        }
        let answer = request.send().await?;
        ensure!(answer.status() == 200, "{bearer}: {}", answer.status());
        ensure!(answer.text().await?.is_empty());
    }
    let (status, kind, _) = fixture.ask(token, "/assignment/accounts").await?;
    ensure!(status == 401 && kind == "UnauthorizedException");
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "client_sign_out",
        "{ended:?}"
    );
    // The browser goes on.
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.status().is_some_and(|status| status == 200));
    Ok(())
}

#[tokio::test]
async fn a_token_ends_with_its_hour() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    fixture.clock.advance(Duration::from_secs(59 * 60));
    ensure!(fixture.ask(&token, "/assignment/accounts").await?.0 == 200);
    fixture.clock.advance(Duration::from_secs(60));
    ensure!(fixture.ask(&token, "/assignment/accounts").await?.0 == 401);
    Ok(())
}

#[tokio::test]
async fn a_client_is_seen_and_ended_beside_the_browsers() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let token = fixture.let_in(&mut browser).await?.access_token;
        tokens.push(token.expose().to_owned());
    }
    let bobs = fixture.token_of("bob").await?;
    let page = browser.open(&fixture.at("/sessions")).await?;
    let shown = page.select("ul[aria-labelledby=clients] > li")?;
    ensure!(
        shown.len() == 2
            && shown
                .iter()
                .all(|one| one.contains("botocore-client-test") && one.contains("127.0.0.1")),
        "{shown:?}"
    );
    let end = "End the program’s session: botocore-client-test, 127.0.0.1";
    let page = browser.press(end, &[]).await?;
    ensure!(page.select("ul[aria-labelledby=clients] > li")?.len() == 1);
    let mut live = 0;
    for token in &tokens {
        live += u16::from(fixture.ask(token, "/assignment/accounts").await?.0 == 200);
    }
    ensure!(live == 1, "{live} live");
    let page = browser.press("End all other sessions", &[]).await?;
    ensure!(page.select("ul[aria-labelledby=clients] > li")?.is_empty());
    for token in &tokens {
        ensure!(fixture.ask(token, "/assignment/accounts").await?.0 == 401);
    }
    ensure!(fixture.ask(&bobs, "/assignment/accounts").await?.0 == 200);
    Ok(())
}

/// Asks for the accounts at another gateway of the same name.
async fn ask_at(fixture: &Fixture, replica: &Replica, token: &str) -> Result<u16> {
    let host = fixture.stack.url().trim_start_matches("http://").to_owned();
    let url = format!("http://{}/assignment/accounts", replica.address);
    let request = fixture.client.get(url).header("host", host);
    let answer = request.header(BEARER_TOKEN, token).send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn what_ends_at_one_replica_is_over_at_the_other_within_a_second() -> Result<()> {
    let redis = Redis::single().await?;
    let fixture = Fixture::with(|settings| settings.store = redis.url()).await?;
    let replica = fixture.stack.start_replica().await?;
    let mut browser = fixture.signed_in("alice").await?;
    for by_the_client in [true, false] {
        let tokens = fixture.let_in(&mut browser).await?;
        let token = tokens.access_token.expose();
        ensure!(ask_at(&fixture, &replica, token).await? == 200);
        if by_the_client {
            let logout = fixture.client.post(fixture.at("/logout"));
            ensure!(logout.header(BEARER_TOKEN, token).send().await?.status() == 200);
        } else {
            browser.open(&fixture.at("/sessions")).await?;
            let end = "End the program’s session: botocore-client-test, 127.0.0.1";
            browser.press(end, &[]).await?;
        }
        let ended = Instant::now();
        ensure!(ask_at(&fixture, &replica, token).await? == 401);
        ensure!(ended.elapsed() < Duration::from_secs(1));
    }
    Ok(())
}
