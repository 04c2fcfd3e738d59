//! Refresh tokens: rotation, the grace period for parallel processes, and reuse detection.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn refresh_token_is_rotated() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let first = fixture.device_session(&client).await?;
    fixture.clock.advance(Duration::from_secs(2_700));
    let second = fixture.refresh(&client, &first.refresh_token()?).await?;
    ensure!(second.tokens()?.expires_in == 3_600, "{second:?}");
    ensure!(
        second.granted()? != first.granted()?
            && second.refresh_token()? != first.refresh_token()?
    );
    ensure!(fixture.opens(&first.granted()?).await? && fixture.opens(&second.granted()?).await?);
    fixture.clock.advance(Duration::from_secs(900));
    ensure!(!fixture.opens(&first.granted()?).await?);
    ensure!(fixture.opens(&second.granted()?).await?);
    let third = fixture.refresh(&client, &second.refresh_token()?).await?;
    ensure!(fixture.opens(&third.granted()?).await?);
    Ok(())
}

#[tokio::test]
async fn fifty_processes_share_one_refresh_token() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let first = fixture.device_session(&client).await?;
    fixture.clock.advance(Duration::from_secs(3_600));
    let token = first.refresh_token()?;
    let refreshes = (0..50).map(|_| fixture.refresh(&client, &token));
    let mut successors = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(refreshes).await {
        let answer = answer?;
        ensure!(fixture.opens(&answer.granted()?).await?);
        successors.insert(answer.refresh_token()?);
    }
    ensure!(successors.len() == 1, "{} successors", successors.len());
    // The file of the process that writes last is valid.
    let successor = successors.pop_first().context("none")?;
    fixture.clock.advance(Duration::from_secs(2_700));
    fixture.refresh(&client, &successor).await?.granted()?;
    Ok(())
}

#[tokio::test]
async fn old_refresh_token_is_accepted_within_grace_period() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let first = fixture.device_session(&client).await?.refresh_token()?;
    let second = fixture.refresh(&client, &first).await?.refresh_token()?;
    fixture.clock.advance(Duration::from_secs(30));
    let third = fixture.refresh(&client, &second).await?;
    for behind in [&first, &second] {
        let answer = fixture.refresh(&client, behind).await?;
        ensure!(answer.refresh_token()? == third.refresh_token()?);
        ensure!(answer.granted()? == third.granted()?);
    }
    Ok(())
}

#[tokio::test]
async fn reused_refresh_token_ends_the_session() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let first = fixture.device_session(&client).await?;
    let second = fixture.refresh(&client, &first.refresh_token()?).await?;
    fixture.clock.advance(Duration::from_secs(59));
    fixture
        .refresh(&client, &first.refresh_token()?)
        .await?
        .granted()?;
    fixture.clock.advance(Duration::from_secs(1));
    let copy = fixture.refresh(&client, &first.refresh_token()?).await?;
    copy.refused(400, "InvalidGrantException", "invalid_grant")?;
    for token in [first.granted()?, second.granted()?] {
        ensure!(!fixture.opens(&token).await?);
    }
    let victim = fixture.refresh(&client, &second.refresh_token()?).await?;
    victim.refused(400, "InvalidGrantException", "invalid_grant")?;
    let ended = fixture.events("signed_out").await?;
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "refresh_token_reused",
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test]
async fn refresh_token_of_another_client_is_rejected() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (client, other) = (fixture.register().await?, fixture.register().await?);
    let first = fixture.device_session(&client).await?;
    let token = first.refresh_token()?;
    fixture.refresh(&other, &token).await?.refused(
        400,
        "InvalidGrantException",
        "invalid_grant",
    )?;
    let access = first.granted()?;
    for wrong in [
        "",
        "rcr_",
        &access,
        &token.replace("rcr_", "rca_"),
        &token[..token.len() - 1],
        &format!("{token}A"),
    ] {
        fixture.refresh(&client, wrong).await?.refused(
            400,
            "InvalidGrantException",
            "invalid_grant",
        )?;
    }
    ensure!(fixture.opens(&access).await?);
    fixture.refresh(&client, &token).await?.granted()?;
    Ok(())
}

#[tokio::test]
async fn refresh_ends_with_the_client_session() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.more = "[session]\nidle_timeout = \"2h\"\nabsolute_timeout = \"2h\"\n[clients]\naccess_token = \"90m\"\n".to_owned();
    })
    .await?;
    let client = fixture.register().await?;
    let pass = fixture.pass("alice").await?;
    fixture.clock.advance(Duration::from_secs(60));
    let code = fixture.allowed_code(&pass, &client, "s").await?;
    let first = fixture.redeem(&client, &code).await?;
    ensure!(first.tokens()?.expires_in == 5_400, "{first:?}");
    fixture.clock.advance(Duration::from_secs(4_000));
    let second = fixture.refresh(&client, &first.refresh_token()?).await?;
    // Everything ends two hours after the sign-in of the browser.
    ensure!(second.tokens()?.expires_in == 7_200 - 4_060, "{second:?}");
    fixture.clock.advance(Duration::from_secs(7_200 - 4_060));
    ensure!(!fixture.opens(&second.granted()?).await?);
    fixture
        .refresh(&client, &second.refresh_token()?)
        .await?
        .refused(400, "InvalidGrantException", "invalid_grant")
}

#[tokio::test]
async fn device_access_token_expires_within_an_hour() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings.more = "[clients]\naccess_token = \"8h\"\nrefresh_token = \"90m\"\n".to_owned();
    })
    .await?;
    let client = fixture.register().await?;
    let first = fixture.device_session(&client).await?;
    ensure!(first.tokens()?.expires_in == 3_600, "{first:?}");
    fixture.clock.advance(Duration::from_secs(3_000));
    let second = fixture.refresh(&client, &first.refresh_token()?).await?;
    ensure!(
        second.tokens()?.expires_in == 2_400,
        "expected the rest of the 90 minutes: {second:?}"
    );
    Ok(())
}
