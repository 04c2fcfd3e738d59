//! A provider that does not send `auth_time`: users can sign in, and pages that require a recent sign-in name the setting.

use rolecall_testkit::oidc::{AuthTime, OidcSettings};

use reqwest::StatusCode;

use super::*;

const FRESH: &str = r#"
[[permission_set]]
name = "Fresh"
[[assignment]]
id = "fresh"
who = { everyone = true }
accounts = ["sandbox"]
permission_sets = ["Fresh"]
when = { signed_in_within = "1h" }
"#;

async fn fixture(says: AuthTime, more: &str) -> Result<Fixture> {
    Fixture::with(|settings| {
        settings.provider = OidcSettings {
            auth_time: says,
            ..OidcSettings::default()
        };
        settings.more = more.to_owned();
        settings.access.push_str(FRESH);
    })
    .await
}

#[tokio::test]
async fn missing_auth_time_names_the_setting() -> Result<()> {
    let fixture = fixture(AuthTime::Never, "").await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(
        page.text().contains("Needs a sign-in within the last 1 h"),
        "{}",
        page.text()
    );

    let page = browser
        .open(&fixture.at("/device?user_code=BCDF-GHJK"))
        .await?;
    ensure!(
        page.status() == Some(StatusCode::FORBIDDEN),
        "{}",
        page.text()
    );
    ensure!(
        page.text().contains("Sign in again to continue"),
        "{}",
        page.text()
    );
    // The provider supports prompt=login but still sends no auth_time, so another sign-in would not help.
    browser.click("Sign in again").await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.status() == Some(StatusCode::FORBIDDEN),
        "{}",
        page.text()
    );
    let text = page.text();
    ensure!(text.contains("Sign-in time unknown"), "{text}");
    ensure!(
        text.contains("auth_time = \"assume_now\" for the provider example"),
        "{text}"
    );

    let page = browser.open(&fixture.at("/")).await?;
    let text = page.text();
    ensure!(
        text.contains("your identity provider does not report when you signed in"),
        "{text}"
    );
    ensure!(text.contains("auth_time = \"assume_now\""), "{text}");
    Ok(())
}

#[tokio::test]
async fn assume_now_accepts_requested_reauthentication() -> Result<()> {
    let fixture = fixture(AuthTime::Never, "auth_time = \"assume_now\"\n").await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser
        .open(&fixture.at("/device?user_code=BCDF-GHJK"))
        .await?;
    ensure!(
        page.text().contains("Sign in again to continue"),
        "a normal sign-in is not assumed to be recent: {}",
        page.text()
    );
    browser.click("Sign in again").await?;
    let page = browser.sign_in_at_provider("alice").await?;
    ensure!(
        page.text().contains("This code is not valid"),
        "{}",
        page.text()
    );
    let page = browser.open(&fixture.at("/")).await?;
    ensure!(
        !page.text().contains("Needs a sign-in within the last 1 h"),
        "{}",
        page.text()
    );
    Ok(())
}

#[tokio::test]
async fn auth_time_claim_is_requested() -> Result<()> {
    let fixture = fixture(AuthTime::WhenRequested, "").await?;
    let mut browser = fixture.signed_in("alice").await?;
    let page = browser
        .open(&fixture.at("/device?user_code=BCDF-GHJK"))
        .await?;
    ensure!(
        page.text().contains("This code is not valid"),
        "{}",
        page.text()
    );
    Ok(())
}
