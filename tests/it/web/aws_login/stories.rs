//! What goes well: one role, on this machine or carried to another, renewed by the same key until somebody ends it.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use rolecall_testkit::keys::verify;

use super::*;

#[tokio::test]
async fn a_role_is_chosen_and_its_credentials_arrive() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.browser()?;
    browser.open(&fixture.at(&terminal.address())).await?;
    // Signing in comes back to the very request.
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
    let told = terminal.redeem(&fixture, &code).await?;
    let tokens = told.tokens()?;
    ensure!(tokens.token_type == "aws_sigv4", "{told:?}");
    ensure!(told.lasts_a_quarter_of_an_hour()?, "{told:?}");
    let issued = fixture.stack.aws.issued();
    let issued = issued.last().context("nothing was issued")?;
    ensure!(tokens.access_token.session_token.expose() == issued.session_token);
    // An ID token that names account, role and person, by a key that IAM does not know: no account takes it for a proof.
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
                .contains(header["kid"].as_str().context("no kid")?)
    );
    let sub = id_token["sub"].as_str().context("no sub")?;
    let start = "arn:aws:sts::444455556666:assumed-role/Developer@readonly/alice@example.com-";
    ensure!(sub.starts_with(start), "{sub}");
    ensure!(id_token["iss"] == fixture.at("/v1") && id_token["aud"] == SAME_DEVICE);
    let intent = fixture.events("issue_intended").await?;
    ensure!(intent[0]["delivery"] == "aws_login" && intent[0]["duration"] == 900);
    let begun = fixture.events("client_session_begun").await?;
    ensure!(begun[0]["client"] == "aws login" && begun[0]["session"] == intent[0]["session"]);
    ensure!(fixture.events("consent_given").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn credentials_are_renewed_by_the_same_key() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let first = terminal.redeem(&fixture, &code).await?;
    fixture.clock.advance(Duration::from_secs(660));
    let second = terminal.refresh(&fixture, &first.refresh_token()?).await?;
    ensure!(second.lasts_a_quarter_of_an_hour()?, "{second:?}");
    ensure!(
        second.body.get("idToken").is_none() && second.refresh_token()? != first.refresh_token()?
    );
    ensure!(
        second.tokens()?.access_token.access_key_id != first.tokens()?.access_token.access_key_id
    );
    // A parallel process that read the cache before the other wrote it.
    let parallel = terminal.refresh(&fixture, &first.refresh_token()?).await?;
    ensure!(
        parallel.refresh_token()? == second.refresh_token()?,
        "{parallel:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_code_is_carried_to_another_machine() -> Result<()> {
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
    ensure!(page.text().contains("Do not share this code"));
    let shown = page.select("#code")?;
    let pasted = String::from_utf8(STANDARD.decode(shown.first().context("no code")?)?)?;
    let code = parameter(&format!("/?{pasted}"), "code").context("no code")?;
    ensure!(
        pasted.starts_with("state=0b9a5c5e-9b0f-4c5e-8f0e-2d7f1a1b1c1d&code="),
        "{pasted}"
    );
    // Another browser session of the same person is shown nothing.
    let mut other = fixture.signed_in("alice").await?;
    let stranger = other.open(page.url().as_str()).await?;
    ensure!(
        stranger.status().is_some_and(|status| status == 400)
            && !stranger.body().contains(&shown[0])
    );
    // Carrying takes longer than a redirect.
    fixture.clock.advance(Duration::from_secs(240));
    let told = terminal.redeem(&fixture, &code).await?;
    ensure!(told.status == 200, "{told:?}");
    let begun = fixture.events("client_session_begun").await?;
    ensure!(begun[0]["client"] == "aws login --remote" && begun[0]["flow"] == "device");
    let spent = browser.reload().await?;
    ensure!(spent.status().is_some_and(|status| status == 400));
    Ok(())
}

#[tokio::test]
async fn remote_is_refused_where_the_device_flow_is_and_asks_for_a_fresh_sign_in() -> Result<()> {
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
async fn somebody_who_says_no_gives_nothing() -> Result<()> {
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
    ensure!(fixture.stack.aws.issued().is_empty());
    Ok(())
}

#[tokio::test]
async fn it_is_listed_and_ended_among_my_sessions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let mut browser = fixture.signed_in("alice").await?;
    let code = terminal.code_in(&fixture, &mut browser, DEVELOPER).await?;
    let told = terminal.redeem(&fixture, &code).await?;
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
    let over = terminal.refresh(&fixture, &told.refresh_token()?).await?;
    over.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")
}

#[tokio::test]
async fn it_ends_with_the_day_of_the_session_that_allowed_it() -> Result<()> {
    let fixture = Fixture::new().await?;
    let terminal = Terminal::new()?;
    let code = terminal.code(&fixture, "alice", DEVELOPER).await?;
    let told = terminal.redeem(&fixture, &code).await?;
    fixture.clock.advance(Duration::from_secs(8 * 3_600 - 60));
    let last = terminal.refresh(&fixture, &told.refresh_token()?).await?;
    ensure!(last.status == 200, "{last:?}");
    fixture.clock.advance(Duration::from_secs(60));
    let over = terminal.refresh(&fixture, &last.refresh_token()?).await?;
    over.refused(401, "AccessDeniedException", "TOKEN_EXPIRED")
}

#[tokio::test]
async fn the_search_works_without_a_script_and_keeps_the_request() -> Result<()> {
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
    ensure!(refresh(&page)?.starts_with("http://127.0.0.1:33389/oauth/callback?code="));
    Ok(())
}

#[tokio::test]
async fn its_credentials_count_with_all_others_of_the_person() -> Result<()> {
    let limits = "[limits]\ncredentials = \"2/1m\"";
    let fixture = Fixture::with(|settings| settings.more = limits.to_owned()).await?;
    let terminal = Terminal::new()?;
    let button = "Use this role: Developer readonly in payments-dev";
    let code = terminal.code(&fixture, "alice", button).await?;
    let told = terminal.redeem(&fixture, &code).await?;
    ensure!(told.status == 200, "{told:?}");
    let told = terminal.refresh(&fixture, &told.refresh_token()?).await?;
    ensure!(told.status == 200, "{told:?}");
    let refresh_token = told.refresh_token()?;
    let refused = terminal.refresh(&fixture, &refresh_token).await?;
    refused.refused(429, "TooManyRequestsError", "INVALID_REQUEST")?;
    fixture.clock.advance(Duration::from_secs(60));
    let told = terminal.refresh(&fixture, &refresh_token).await?;
    ensure!(told.status == 200, "{told:?}");
    Ok(())
}
