//! The end of client sessions: by logout, in the portal, or by expiry, on all replicas.

use std::time::{Duration, Instant};

use rolecall_harness::Replica;
use rolecall_testkit::redis::Redis;

use super::*;

#[tokio::test]
async fn logout_revokes_all_tokens_and_ignores_unknown_ones() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let tokens = fixture.allow_client(&mut browser).await?;
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
    ensure!(
        status == 401 && kind == "UnauthorizedException",
        "{status} {kind}"
    );
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "client_sign_out",
        "{ended:?}"
    );
    // The browser session remains.
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(page.status().map(u16::from) == Some(200));
    Ok(())
}

#[tokio::test]
async fn access_token_expires_after_an_hour() -> Result<()> {
    let fixture = Fixture::new().await?;
    let token = fixture.token_of("alice").await?;
    fixture.clock.advance(Duration::from_secs(59 * 60));
    ensure!(fixture.ask(&token, "/assignment/accounts").await?.0 == 200);
    fixture.clock.advance(Duration::from_secs(60));
    ensure!(fixture.ask(&token, "/assignment/accounts").await?.0 == 401);
    Ok(())
}

#[tokio::test]
async fn client_session_is_listed_and_ended() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let token = fixture.allow_client(&mut browser).await?.access_token;
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

/// Requests the accounts at another replica.
async fn ask_at(fixture: &Fixture, replica: &Replica, token: &str) -> Result<u16> {
    let host = fixture.stack.url().trim_start_matches("http://").to_owned();
    let url = format!("http://{}/assignment/accounts", replica.address);
    let request = fixture.client.get(url).header("host", host);
    let answer = request.header(BEARER_TOKEN, token).send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn session_end_reaches_other_replica_within_a_second() -> Result<()> {
    let redis = Redis::single().await?;
    let fixture = Fixture::with(|settings| settings.store = redis.url()).await?;
    let replica = fixture.stack.start_replica().await?;
    let mut browser = fixture.signed_in("alice").await?;
    for by_the_client in [true, false] {
        let tokens = fixture.allow_client(&mut browser).await?;
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
