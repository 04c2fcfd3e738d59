//! Successful flows of `aws login`: on this machine and remotely, renewals with the same key, and the end of the session.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use rolecall_testkit::keys::verify;

use super::*;

#[tokio::test]
async fn chosen_role_yields_credentials() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at(&terminal.address())).await?;
    // After the sign-in the browser returns to the request.
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(page.url().path() == "/v1/authorize", "{}", page.url());
    for words in [
        "127.0.0.1:33389",
        "aws login",
        "payments-dev",
        "444455556666",
    ] {
        ensure!(page.text().contains(words), "{words}: {}", page.text());
    }
    let page = browser
        .press("Use this role: Developer readonly in payments-dev", &[])
        .await?;
    let to = refresh(&page)?;
    ensure!(
        to.starts_with("http://127.0.0.1:33389/oauth/callback?code=")
            && to.ends_with("&state=0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d"),
        "{to}"
    );
    let code = parameter(&to, "code").context("no code")?;
    let response = terminal.redeem(&fixture, &code).await?;
    let tokens = response.tokens()?;
    ensure!(tokens.token_type == "aws_sigv4", "{response:?}");
    ensure!(response.expires_in_15_minutes()?, "{response:?}");
    let issued = fixture.stack.aws.issued();
    let issued = issued.last().context("nothing was issued")?;
    ensure!(tokens.access_token.session_token.expose() == issued.session_token);
    // The ID token contains the account, the role and the user. Its key is unknown to IAM, so no account accepts it.
    let jwks: Value = fixture.get("/jwks").send().await?.json().await?;
    let token = tokens.id_token.context("no ID token")?;
    let token = token.expose();
    ensure!(verify(&jwks, token).is_err());
    let part = |number: usize| -> Result<Value> {
        let part = token.split('.').nth(number).context("no such part")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
    };
    let (header, id_token) = (part(0)?, part(1)?);
    ensure!(
        header["kid"].is_string()
            && !jwks
                .to_string()
                .contains(header["kid"].as_str().context("no kid")?),
        "{header} {jwks}"
    );
    let sub = id_token["sub"].as_str().context("no sub")?;
    let start = "arn:aws:sts::444455556666:assumed-role/Developer@readonly/alice@example.com-";
    ensure!(sub.starts_with(start), "{sub}");
    ensure!(
        id_token["iss"] == fixture.at("/v1") && id_token["aud"] == SAME_DEVICE,
        "{id_token}"
    );
    let intent = fixture.events("issue_intended").await?;
    ensure!(
        intent[0]["delivery"] == "aws_login" && intent[0]["duration"] == 900,
        "{intent:?}"
    );
    let begun = fixture.events("client_session_begun").await?;
    ensure!(
        begun[0]["client"] == "aws login" && begun[0]["session"] == intent[0]["session"],
        "{begun:?}"
    );
    ensure!(fixture.events("consent_given").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn refresh_requires_the_same_key() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let first = terminal.redeem(&fixture, &code).await?;
    fixture.clock.advance(Duration::from_secs(660));
    let second = terminal.refresh(&fixture, &first.refresh_token()?).await?;
    ensure!(second.expires_in_15_minutes()?, "{second:?}");
    ensure!(
        second.body.get("idToken").is_none() && second.refresh_token()? != first.refresh_token()?,
        "{second:?}"
    );
    ensure!(
        second.tokens()?.access_token.access_key_id != first.tokens()?.access_token.access_key_id
    );
    // A parallel process that read the cache before the other process wrote it.
    let parallel = terminal.refresh(&fixture, &first.refresh_token()?).await?;
    ensure!(
        parallel.refresh_token()? == second.refresh_token()?,
        "{parallel:?}"
    );
    Ok(())
}

#[tokio::test]
async fn remote_login_shows_a_code() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::remote(&fixture)?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at(&terminal.address())).await?;
    ensure!(
        page.text().contains("Did someone else send you this link?"),
        "{}",
        page.text()
    );
    let page = browser.press(DEVELOPER, &[]).await?;
    ensure!(
        page.url().path() == "/v1/sessions/confirmation",
        "{}",
        page.url()
    );
    ensure!(
        page.text().contains("Do not share this code"),
        "{}",
        page.text()
    );
    let shown = page.select("#code")?;
    let pasted = String::from_utf8(STANDARD.decode(shown.first().context("no code")?)?)?;
    let code = parameter(&format!("/?{pasted}"), "code").context("no code")?;
    ensure!(
        pasted.starts_with("state=0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d&code="),
        "{pasted}"
    );
    // Another browser session of the same user does not see the code.
    let mut other = fixture.signed_in("alice").await?;
    let other_session = other.open(page.url().as_str()).await?;
    ensure!(
        other_session.status().is_some_and(|status| status == 400)
            && !other_session.body().contains(&shown[0]),
        "{:?} {}",
        other_session.status(),
        other_session.text()
    );
    // A copied code is valid longer than a redirected one.
    fixture.clock.advance(Duration::from_secs(240));
    let response = terminal.redeem(&fixture, &code).await?;
    ensure!(response.status == 200, "{response:?}");
    let begun = fixture.events("client_session_begun").await?;
    ensure!(
        begun[0]["client"] == "aws login --remote" && begun[0]["flow"] == "device",
        "{begun:?}"
    );
    let spent = browser.reload().await?;
    ensure!(spent.status().map(u16::from) == Some(400));
    Ok(())
}

#[tokio::test]
async fn remote_login_follows_device_flow_rules() -> Result<()> {
    let fixture = Fixture::with(|settings| {
        settings
            .more
            .push_str("\n[clients]\ndevice_authorization = \"refused\"\n");
    })
    .await?;
    let terminal = Terminal::remote(&fixture)?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at(&terminal.address())).await?;
    ensure!(
        page.status().is_some_and(|status| !status.is_success()),
        "{}",
        page.text()
    );
    let local = Terminal::new()?
        .code_in(&fixture, &mut browser, DEVELOPER)
        .await?;
    ensure!(!local.is_empty());

    let fixture = Fixture::new().await?;
    let terminal = Terminal::remote(&fixture)?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(&terminal.address())).await?;
    fixture.clock.advance(Duration::from_secs(601));
    let page = browser.press(DEVELOPER, &[]).await?;
    ensure!(
        page.status().is_some_and(|status| status == 403),
        "{}",
        page.text()
    );
    browser.open(&fixture.at(&terminal.address())).await?;
    browser.click("Sign in again").await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.url().path() == "/v1/authorize",
        "{}: {}",
        page.url(),
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn cancel_returns_access_denied() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.signed_in("alice").await?;
    browser.open(&fixture.at(&terminal.address())).await?;
    let page = browser.press("Cancel", &[]).await?;
    let to = refresh(&page)?;
    ensure!(
        to.starts_with("http://127.0.0.1:33389/oauth/callback?error=access_denied&"),
        "{to}"
    );
    let terminal = Terminal::remote(&fixture)?;
    browser.open(&fixture.at(&terminal.address())).await?;
    let page = browser.press("Cancel", &[]).await?;
    ensure!(page.url().path() == "/", "{}", page.url());
    ensure!(fixture.events("consent_denied").await?.len() == 2);
    ensure!(
        fixture.stack.aws.issued().is_empty(),
        "{} issued",
        fixture.stack.aws.issued().len()
    );
    Ok(())
}

#[tokio::test]
async fn login_is_listed_and_ended_in_my_sessions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.signed_in("alice").await?;
    let code = terminal.code_in(&fixture, &mut browser, DEVELOPER).await?;
    let response = terminal.redeem(&fixture, &code).await?;
    let page = browser.open(&fixture.at("/sessions")).await?;
    ensure!(
        page.text()
            .contains("aws login Developer in 444455556666 · 127.0.0.1"),
        "{}",
        page.text()
    );
    let ends = page.attributes("form[action='/sessions/end'] button", "aria-label")?;
    let end = ends.first().context("no button")?;
    browser.press(end, &[]).await?;
    let over = terminal
        .refresh(&fixture, &response.refresh_token()?)
        .await?;
    over.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")
}

#[tokio::test]
async fn login_ends_with_the_session_lifetime() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let response = terminal.redeem(&fixture, &code).await?;
    fixture.clock.advance(Duration::from_secs(8 * 3_600 - 60));
    let last = terminal
        .refresh(&fixture, &response.refresh_token()?)
        .await?;
    ensure!(last.status == 200, "{last:?}");
    fixture.clock.advance(Duration::from_secs(60));
    let over = terminal.refresh(&fixture, &last.refresh_token()?).await?;
    over.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")
}

#[tokio::test]
async fn search_without_javascript_keeps_the_request() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at(&terminal.address())).await?;
    let all = page.select("li button[name=role]")?.len();
    let page = browser.press("Search", &[("q", "sandbox read")]).await?;
    let found = page.select("li button[name=role]")?.len();
    ensure!(found == 2 && all > 10, "{found} of {all}");
    let page = browser
        .press("Use this role: ReadOnly in sandbox", &[])
        .await?;
    ensure!(
        refresh(&page)?.starts_with("http://127.0.0.1:33389/oauth/callback?code="),
        "{}",
        refresh(&page)?
    );
    Ok(())
}

#[tokio::test]
async fn credentials_count_towards_the_user_rate_limit() -> Result<()> {
    let limits = "[limits]\ncredentials = \"2/1m\"";
    let fixture = Fixture::with(|settings| settings.more = limits.to_owned()).await?;
    let terminal = Terminal::new()?;
    let button = "Use this role: Developer readonly in payments-dev";
    let code = terminal.code(&fixture, "alice", button).await?;
    let response = terminal.redeem(&fixture, &code).await?;
    ensure!(response.status == 200, "{response:?}");
    let response = terminal
        .refresh(&fixture, &response.refresh_token()?)
        .await?;
    ensure!(response.status == 200, "{response:?}");
    let refresh_token = response.refresh_token()?;
    let refused = terminal.refresh(&fixture, &refresh_token).await?;
    refused.refused(429, "TooManyRequestsError", "INVALID_REQUEST")?;
    fixture.clock.advance(Duration::from_secs(60));
    let response = terminal.refresh(&fixture, &refresh_token).await?;
    ensure!(response.status == 200, "{response:?}");
    Ok(())
}
