//! `/decode` with a role whose account trusts ID tokens.

use super::*;

#[tokio::test]
async fn page_keeps_the_text_while_the_user_signs_in_again() -> Result<()> {
    let fixture = fixture().await?;
    let mut browser = fixture.signed_in("alice").await?;
    fixture.clock.advance(Duration::from_secs(600));
    browser.open(&fixture.at("/decode")).await?;
    let text = format!("Encoded authorization failure message: {}", "a".repeat(80));
    let role = format!("{ACCOUNT}/Direct");
    let fields = [("message", text.as_str()), ("role", role.as_str())];
    let page = browser.press("Explain", &fields).await?;
    ensure!(
        page.status() == Some(reqwest::StatusCode::FORBIDDEN)
            && page.text().contains("it is no longer recent enough"),
        "{}",
        page.text()
    );
    // Text and role are still there, for the window that stays open.
    ensure!(
        page.select("#message")? == [text.as_str()],
        "{}",
        page.body()
    );
    let selected = page.attributes("option[selected]", "value")?;
    ensure!(selected == [role.as_str()], "{selected:?}");
    let csrf = pass_of(&browser)?.csrf;
    let targets = page.attributes("a[target]", "rel")?;
    ensure!(targets == ["noopener"], "{targets:?}");
    ensure!(fixture.stack.aws.requests().is_empty());

    let page = browser.click("Sign in again in a new window").await?;
    ensure!(
        page.url().path() == "/decode",
        "{}: {}",
        page.url(),
        page.text()
    );
    ensure!(silent_requests(&browser) == [false, true]);
    let pass = Pass {
        csrf,
        ..pass_of(&browser)?
    };
    let answer = fixture.post(&pass, "/decode", &fields).send().await?;
    let (status, body) = (answer.status(), answer.text().await?);
    // The request reaches AWS, which does not permit this role to decode.
    ensure!(
        status == 403 && body.contains("AWS does not let the role"),
        "{status}: {body}"
    );
    Ok(())
}
