//! Notices of the consent page.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn session_that_ends_soon_offers_new_sign_in() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let ask = fixture.authorize(&client, "s");
    let page = browser.open(&ask).await?;
    ensure!(!page.text().contains("Sign in again"), "{}", page.text());
    // The session is used all day.
    for _ in 0..29 {
        fixture.clock.advance(Duration::from_secs(15 * 60));
        browser.open(&fixture.at("/")).await?;
    }
    let page = browser.open(&ask).await?;
    ensure!(
        page.text().contains("Your session ends soon"),
        "{}",
        page.text()
    );
    let page = browser.click("Sign in again").await?;
    let page = match crate::operate::is_at_provider(&page)? {
        true => browser.sign_in_at_provider("alice").await?,
        false => page,
    };
    ensure!(page.url().path() == "/authorize", "{}", page.url());
    ensure!(
        page.text().contains("Allow") && !page.text().contains("ends soon"),
        "{}",
        page.text()
    );
    Ok(())
}
