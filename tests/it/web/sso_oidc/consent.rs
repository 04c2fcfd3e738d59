//! What the page that asks says beside the question.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_new_sign_in_is_offered_when_little_of_the_session_is_left() -> Result<()> {
    let fixture = Fixture::new().await?;
    let client = fixture.register().await?;
    let mut browser = fixture.signed_in("alice").await?;
    let ask = fixture.authorize(&client, "s");
    let page = browser.open(&ask).await?;
    ensure!(!page.text().contains("Sign in again"), "{}", page.text());
    // In use all day.
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
