//! Signing out: here at once, then at the provider, and back to a page that says so.

use reqwest::header::USER_AGENT;

use super::*;

#[tokio::test]
async fn signing_out_ends_the_session_here_and_at_the_provider() -> Result<()> {
    let fixture = Fixture::new().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let old = pass_of(&browser)?;
    let page = browser.press("Sign out", &[]).await?;
    ensure!(
        page.url().path() == "/sign-out" && page.text().contains("You are signed out"),
        "{}",
        page.text()
    );
    ensure!(browser.cookie(SESSION).is_none());
    ensure!(page.header("clear-site-data") == Some("\"cache\""));
    ensure!(
        fixture
            .get("/")
            .header(COOKIE, &old.cookie)
            .send()
            .await?
            .status()
            == 303
    );
    let ended = fixture.events("signed_out").await?;
    ensure!(ended.len() == 1 && ended[0]["reason"] == "sign_out");

    let to = refresh(&page)?;
    ensure!(to.starts_with(&fixture.stack.provider.url()), "{to}");
    let page = browser.open(&to).await?;
    ensure!(
        page.url().path() == "/signed-out" && page.url().as_str().starts_with(fixture.stack.url()),
        "{}",
        page.url()
    );
    ensure!(page.text().contains("You are signed out"));
    let page = browser.click("Sign in again").await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.stack.provider.url()),
        "the provider still knows her"
    );
    Ok(())
}

#[tokio::test]
async fn a_second_sign_out_does_no_harm() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    ensure!(fixture.post(&pass, "/sign-out", &[]).send().await?.status() == 200);
    ensure!(fixture.post(&pass, "/sign-out", &[]).send().await?.status() == 401);
    ensure!(fixture.events("signed_out").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn the_trail_names_the_program_and_nothing_else_of_its_header() -> Result<()> {
    let fixture = Fixture::new().await?;
    for (header, written) in [
        (
            "aws-cli/2.31.5 md/awscrt#0.27.6 ua/2.1 os/linux#6.1 secret@example.com",
            "aws-cli/2.31.5",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Chrome 131",
        ),
        ("=HYPERLINK(1)/1.0", "other"),
        (&"a".repeat(4_000), "other"),
    ] {
        let pass = fixture.pass("alice").await?;
        let sent = fixture
            .post(&pass, "/sign-out", &[])
            .header(USER_AGENT, header);
        ensure!(sent.send().await?.status() == 200);
        let ended = fixture.events("signed_out").await?;
        let ended = ended.last().context("no event")?;
        ensure!(ended["user_agent"] == written, "{header}: {ended}");
    }
    Ok(())
}
