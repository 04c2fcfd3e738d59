//! A session's secret is replaced while the session goes on: what an open page, a second tab and an old cookie see.

use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::StatusCode;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct Visitor {
    fixture: Fixture,
    browser: Browser,
}

/// `alice`, signed in.
async fn alice() -> Result<Visitor> {
    let fixture = Fixture::new().await?;
    let browser = fixture.signed_in("alice").await?;
    Ok(Visitor { fixture, browser })
}

impl Visitor {
    fn secret(&self) -> Result<String> {
        Ok(self
            .browser
            .cookie("rc_s")
            .context("a session cookie")?
            .value
            .clone())
    }

    /// Whether the secret opens the portal.
    async fn opens(&self, secret: &str) -> Result<bool> {
        let answer = self
            .fixture
            .get("/")
            .header(COOKIE, format!("rc_s={secret}"))
            .send()
            .await?;
        Ok(answer.status() == StatusCode::OK)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_replaced_after_a_quarter_of_an_hour_and_soon_worthless() -> Result<()> {
    let mut alice = alice().await?;
    let first = alice.secret()?;
    alice.fixture.clock.advance(14 * MINUTE);
    alice.browser.reload().await?;
    ensure!(alice.secret()? == first, "not yet");
    alice.fixture.clock.advance(2 * MINUTE);
    alice.browser.reload().await?;
    let second = alice.secret()?;
    ensure!(second != first, "replaced");
    ensure!(
        alice.opens(&first).await? && alice.opens(&second).await?,
        "both work for other tabs' sake"
    );
    alice.fixture.clock.advance(Duration::from_secs(31));
    ensure!(
        !alice.opens(&first).await? && alice.opens(&second).await?,
        "the old one is worthless"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_requests_one_gets_the_new_secret() -> Result<()> {
    let alice = alice().await?;
    let first = alice.secret()?;
    alice.fixture.clock.advance(16 * MINUTE);
    let ask = || {
        alice
            .fixture
            .get("/")
            .header(COOKIE, format!("rc_s={first}"))
            .send()
    };
    let answers = try_join_all((0..20).map(|_| ask())).await?;
    ensure!(
        answers
            .iter()
            .all(|answer| answer.status() == StatusCode::OK),
        "nobody is turned away"
    );
    ensure!(
        answers
            .iter()
            .filter(|answer| answer.headers().contains_key(SET_COOKIE))
            .count()
            == 1,
        "one new secret"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_was_open_for_long_still_works() -> Result<()> {
    let mut alice = alice().await?;
    let old_page = alice.browser.page()?.body().to_owned();
    let token = old_page
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .context("a token")?
        .to_owned();
    alice.fixture.clock.advance(20 * MINUTE);
    alice.browser.reload().await?;
    alice.fixture.clock.advance(MINUTE);
    let form = [
        ("csrf", token.as_str()),
        ("account", "777788889999"),
        ("permission_set", "Developer"),
    ];
    let answer = alice
        .fixture
        .client
        .post(alice.fixture.at("/credentials"))
        .header(COOKIE, format!("rc_s={}", alice.secret()?))
        .form(&form)
        .send()
        .await?;
    ensure!(
        answer.status() == StatusCode::OK,
        "{}",
        answer.text().await?
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_both_secrets_at_once() -> Result<()> {
    let mut alice = alice().await?;
    let first = alice.secret()?;
    alice.fixture.clock.advance(16 * MINUTE);
    alice.browser.reload().await?;
    let second = alice.secret()?;
    alice.browser.submit("/sign-out", &[]).await?;
    ensure!(!alice.opens(&second).await?, "the new one");
    ensure!(
        !alice.opens(&first).await?,
        "the old one, although its grace is not over"
    );
    Ok(())
}
