//! Signing out of the gateway and of the provider.

use reqwest::header::USER_AGENT;

use super::*;

#[tokio::test]
async fn sign_out_ends_both_sessions() -> Result<()> {
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
    ensure!(
        ended.len() == 1 && ended[0]["reason"] == "sign_out",
        "{ended:?}"
    );

    let to = refresh(&page)?;
    ensure!(to.starts_with(&fixture.stack.provider.url()), "{to}");
    let page = browser.open(&to).await?;
    ensure!(
        page.url().path() == "/signed-out" && page.url().as_str().starts_with(fixture.stack.url()),
        "{}",
        page.url()
    );
    ensure!(
        page.text().contains("You are signed out"),
        "{}",
        page.text()
    );
    let page = browser.click("Sign in again").await?;
    ensure!(
        page.url()
            .as_str()
            .starts_with(&fixture.stack.provider.url()),
        "{}",
        page.url()
    );
    Ok(())
}

#[tokio::test]
async fn second_sign_out_is_harmless() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pass = fixture.pass("alice").await?;
    ensure!(fixture.post(&pass, "/sign-out", &[]).send().await?.status() == 200);
    ensure!(fixture.post(&pass, "/sign-out", &[]).send().await?.status() == 401);
    ensure!(fixture.events("signed_out").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn audit_log_contains_only_the_user_agent_product() -> Result<()> {
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
