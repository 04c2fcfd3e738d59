//! Two replicas with one store: a code is valid once across both, and a session that ends at one has ended at the other.

use rolecall_harness::Replica;
use rolecall_testkit::redis::Redis;

use super::*;
use crate::store::PATIENT;

/// Two replicas with one Redis.
pub(super) async fn two() -> Result<(Redis, Fixture, Replica)> {
    let redis = Redis::single().await?;
    let fixture = Fixture::with(|settings| {
        settings.store = redis.url();
        settings.store_operation_max = Some(PATIENT);
    })
    .await?;
    let replica = fixture.stack.start_replica().await?;
    Ok((redis, fixture, replica))
}

/// As [`Fixture::token`], at either replica.
fn token_at(
    fixture: &Fixture,
    replica: Option<&Replica>,
    body: &CreateTokenRequest,
) -> RequestBuilder {
    let url = match replica {
        Some(replica) => format!("http://{}/token", replica.address),
        None => fixture.at("/token"),
    };
    let host = fixture.stack.url().trim_start_matches("http://").to_owned();
    fixture.client.post(url).header("host", host).json(body)
}

async fn winners(
    fixture: &Fixture,
    replica: &Replica,
    body: &CreateTokenRequest,
) -> Result<Vec<String>> {
    let asks = (0..100)
        .map(|n| JsonResponse::of(token_at(fixture, (n % 2 == 0).then_some(replica), body)));
    let mut winners = Vec::new();
    for answer in futures_util::future::join_all(asks).await {
        let answer = answer?;
        match answer.status {
            200 => winners.push(answer.granted()?),
            _ => answer.refused(400, "InvalidGrantException", "invalid_grant")?,
        }
    }
    Ok(winners)
}

#[tokio::test]
async fn one_of_a_hundred_device_code_redemptions_succeeds() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    let started = fixture.start_device(&client).await?;
    let pass = fixture.pass("alice").await?;
    fixture.allow_device(&pass, &started.user_code()?).await?;
    let body = client.device_code_request(&started.device_code()?);
    let winners = winners(&fixture, &replica, &body).await?;
    ensure!(winners.len() == 1, "{} winners", winners.len());
    ensure!(fixture.opens(&winners[0]).await?);
    Ok(())
}

#[tokio::test]
async fn concurrent_code_redemptions_revoke_the_session() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    let code = fixture.allowed_code(&pass, &client, "s").await?;
    let body = client.authorization_code_request(&code, LISTENING, VERIFIER);
    let winners = winners(&fixture, &replica, &body).await?;
    ensure!(winners.len() == 1, "{} winners", winners.len());
    ensure!(!fixture.opens(&winners[0]).await?);
    Ok(())
}

#[tokio::test]
async fn session_end_applies_to_both_replicas() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    let (one, other) = (
        fixture.device_session(&client).await?,
        fixture.device_session(&client).await?,
    );
    let opens = |token: String| {
        let services = replica.services.clone();
        async move {
            services
                .sessions()
                .client_session(&rolecall_core::base::secret::AccessToken::new(token))
                .await
                .map(|found| found.is_some())
        }
    };
    ensure!(opens(one.granted()?).await? && opens(other.granted()?).await?);
    let pass = fixture.pass("alice").await?;
    let token = rolecall_core::base::secret::AccessToken::new(one.granted()?);
    let session = fixture
        .stack
        .gateway
        .services
        .sessions()
        .client_session(&token)
        .await?
        .context("no session")?;
    let name = session.id.to_string();
    ensure!(
        fixture
            .post(&pass, "/sessions/end", &[("session", &name)])
            .send()
            .await?
            .status()
            == 303
    );
    ensure!(!opens(one.granted()?).await? && opens(other.granted()?).await?);
    ensure!(
        fixture
            .post(&pass, "/sessions/end", &[("others", "true")])
            .send()
            .await?
            .status()
            == 303
    );
    ensure!(!opens(other.granted()?).await?);
    let body = client.refresh_token_request(&other.refresh_token()?);
    JsonResponse::of(token_at(&fixture, Some(&replica), &body))
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")
}

#[tokio::test]
async fn administrator_ends_all_sessions_of_a_user() -> Result<()> {
    let (_redis, fixture, replica) = two().await?;
    let client = fixture.register().await?;
    let tokens = fixture.device_session(&client).await?;
    let pass = fixture.pass("alice").await?;
    let bob = fixture.pass("bob").await?;
    fixture.end_all_of("alice").await?;
    let token = rolecall_core::base::secret::AccessToken::new(tokens.granted()?);
    for services in [&fixture.stack.gateway.services, &replica.services] {
        ensure!(services.sessions().client_session(&token).await?.is_none());
    }
    let get = |pass: &Pass| fixture.get("/").header(COOKIE, &pass.cookie).send();
    ensure!(get(&pass).await?.status() == 303);
    ensure!(get(&bob).await?.status() == 200);
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 3
            && ended
                .iter()
                .all(|event| event["reason"] == "ended_by_administrator"),
        "expected two browser sessions and a client session: {ended:?}"
    );
    ensure!(fixture.device_session(&client).await?.status == 200);
    Ok(())
}
