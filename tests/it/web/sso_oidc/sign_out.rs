//! Signing out of a browser while client sessions remain: the offer to end them, and requests that must not end them.

use std::time::Duration;

use reqwest::header::ORIGIN;

use super::*;

use crate::web::saml::SamlFixture;
use crate::web::saml_logout;

/// The cookie of the sign-out ticket.
const TICKET: &str = "rc_o";
const END: &str = "/sign-out/clients";

impl Fixture {
    /// A browser of alice, and the token of a client that she allowed.
    async fn with_terminal(&self) -> Result<(Browser, String)> {
        let client = self.register().await?;
        let browser = self.signed_in("alice").await?;
        let pass = pass_of(&browser)?;
        let code = self.allowed_code(&pass, &client, "s").await?;
        Ok((browser, self.redeem(&client, &code).await?.granted()?))
    }

    /// The sign-out ticket of a browser, and the token of the remaining client.
    async fn signed_out(&self) -> Result<(Pass, String)> {
        let (mut browser, token) = self.with_terminal().await?;
        let page = browser.press("Sign out", &[]).await?;
        ensure!(page.header("clear-site-data") == Some("\"cache\""));
        let ticket = browser.cookie(TICKET).context("no ticket")?;
        let cookie = format!("{TICKET}={}", ticket.value);
        let csrf = page.attributes("input[name=csrf]", "value")?;
        let csrf = csrf.first().context("no form")?.clone();
        Ok((Pass { cookie, csrf }, token))
    }

    async fn end_clients(&self, pass: &Pass) -> Result<(u16, String)> {
        let answer = self.post(pass, END, &[]).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

#[tokio::test]
async fn signed_out_page_can_end_client_sessions() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mut browser, token) = fixture.with_terminal().await?;
    let page = browser.press("Sign out", &[]).await?;
    let cookie = browser.cookie(TICKET).context("no ticket")?;
    ensure!(
        cookie.http_only && cookie.same_site == rolecall_testkit::browser::SameSite::Lax,
        "{cookie:?}"
    );
    // After the sign-out at the provider.
    let page = browser.open(&refresh(&page)?).await?;
    ensure!(page.url().path() == "/signed-out", "{}", page.url());
    let offer = "1 program (AWS CLI or other) is still signed in";
    ensure!(page.text().contains(offer), "{}", page.text());
    ensure!(fixture.opens(&token).await?);

    let page = browser.press("Sign out this program", &[]).await?;
    ensure!(
        page.text().contains("are signed out too"),
        "{}",
        page.text()
    );
    ensure!(!fixture.opens(&token).await?);
    ensure!(browser.cookie(TICKET).is_none());
    let ended = fixture.events("signed_out").await?;
    let reasons: Vec<_> = ended.iter().map(|event| &event["reason"]).collect();
    ensure!(reasons == ["sign_out", "ended_by_owner"], "{ended:?}");
    ensure!(ended[1]["actor"]["email"] == "alice@example.com");
    let begun = fixture.events("client_session_begun").await?;
    ensure!(ended[1]["session"] == begun[0]["session"]);

    let page = browser.open(&fixture.at("/signed-out")).await?;
    ensure!(!page.text().contains("still signed in"), "{}", page.text());
    Ok(())
}

/// The response of the provider is a form of another site, sent without cookies.
#[tokio::test]
async fn offer_remains_after_single_logout() -> Result<()> {
    for keys in ["", "request_binding = \"post\""] {
        let fixture = SamlFixture::with(keys, |_| ()).await?;
        let mut browser = fixture.by_saml("alice").await?;
        let client = fixture.register().await?;
        let code = fixture
            .allowed_code(&pass_of(&browser)?, &client, "s")
            .await?;
        let token = fixture.redeem(&client, &code).await?.granted()?;
        let page = saml_logout::sign_out(&mut browser).await?;
        let offer = "1 program (AWS CLI or other) is still signed in";
        ensure!(page.text().contains(offer), "{}", page.text());
        ensure!(!fixture.upstream.is_signed_in("alice") && fixture.opens(&token).await?);
        browser.press("Sign out this program", &[]).await?;
        ensure!(!fixture.opens(&token).await?);
    }
    Ok(())
}

#[tokio::test]
async fn sign_out_ticket_is_single_use_and_expires() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (pass, token) = fixture.signed_out().await?;
    ensure!(fixture.end_clients(&pass).await?.0 == 200);
    ensure!(!fixture.opens(&token).await?);
    let before = fixture.events("signed_out").await?.len();
    let (status, page) = fixture.end_clients(&pass).await?;
    ensure!(status == 400 && page.contains("Page expired"), "{page}");
    ensure!(fixture.events("signed_out").await?.len() == before);

    let (pass, token) = fixture.signed_out().await?;
    fixture.clock.advance(Duration::from_secs(10 * 60));
    ensure!(fixture.end_clients(&pass).await?.0 == 400);
    ensure!(fixture.opens(&token).await?);
    Ok(())
}

#[tokio::test]
async fn sign_out_ticket_is_bound_to_its_browser() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (pass, token) = fixture.signed_out().await?;
    let (other, others_token) = fixture.signed_out().await?;
    let made_up = format!("{TICKET}={}", "A".repeat(43));
    let session = fixture.pass("alice").await?;
    for (cookie, csrf, expected) in [
        // The ticket of another browser, and the form of another page.
        (&pass.cookie, &other.csrf, 403),
        (&other.cookie, &pass.csrf, 403),
        (&pass.cookie, &session.csrf, 403),
        (&pass.cookie, &String::new(), 403),
        (&made_up, &pass.csrf, 403),
        // A session is not a ticket, and a repeated ticket is invalid.
        (&session.cookie, &session.csrf, 400),
        (
            &format!("{}; {}", pass.cookie, other.cookie),
            &pass.csrf,
            400,
        ),
        (&format!("{TICKET}=short"), &pass.csrf, 400),
    ] {
        let sent = Pass {
            cookie: cookie.clone(),
            csrf: csrf.clone(),
        };
        let (status, page) = fixture.end_clients(&sent).await?;
        ensure!(status == expected, "{sent:?} {status}: {page}");
    }
    // From other sites, with the correct cookie and token.
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        (ORIGIN.as_str(), "https://evil.example"),
    ] {
        let sent = fixture.post(&pass, END, &[]).header(name, value);
        ensure!(sent.send().await?.status() == 403, "{name}: {value}");
    }
    let looked = fixture.get(END).header(COOKIE, &pass.cookie).send().await?;
    ensure!(looked.status() == 405);
    ensure!(fixture.opens(&token).await? && fixture.opens(&others_token).await?);
    // The rejected requests did not use up the ticket.
    ensure!(fixture.end_clients(&pass).await?.0 == 200);
    ensure!(!fixture.opens(&token).await?);
    Ok(())
}

#[tokio::test]
async fn sign_out_ticket_form_requires_csrf_token() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mut browser, token) = fixture.with_terminal().await?;
    let page = browser.press("Sign out", &[]).await?;
    let csrf = page.attributes("input[name=csrf]", "value")?;
    let csrf = csrf.first().context("no form")?;
    let fields = [("csrf", csrf.as_str())];
    let page = browser
        .submit_cross_site_form("https://evil.example/", &fixture.at(END), &fields)
        .await?;
    ensure!(page.status().map(u16::from) == Some(403));
    ensure!(fixture.opens(&token).await?);
    Ok(())
}

#[tokio::test]
async fn next_sign_in_removes_the_ticket() -> Result<()> {
    let fixture = Fixture::new().await?;
    let (mut browser, token) = fixture.with_terminal().await?;
    let page = browser.press("Sign out", &[]).await?;
    browser.open(&refresh(&page)?).await?;
    browser.open(&fixture.at("/")).await?;
    browser.sign_in_at_provider("bob").await?;
    ensure!(browser.cookie(SESSION).is_some() && browser.cookie(TICKET).is_none());
    let page = browser.open(&fixture.at("/signed-out")).await?;
    ensure!(!page.text().contains("still signed in"), "{}", page.text());
    ensure!(fixture.opens(&token).await?);
    Ok(())
}

#[tokio::test]
async fn signed_out_page_without_clients_shows_no_offer() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.press("Sign out", &[]).await?;
    ensure!(!page.text().contains("still signed in"), "{}", page.text());
    ensure!(browser.cookie(TICKET).is_none());
    Ok(())
}
