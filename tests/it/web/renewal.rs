//! Renewal of the session secret: an open page, a second tab and the old cookie.

use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::StatusCode;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

struct SignedInUser {
    fixture: Fixture,
    browser: Browser,
}

/// The session of `alice`.
async fn alice() -> Result<SignedInUser> {
    let fixture = Fixture::new().await?;
    let browser = fixture.signed_in("alice").await?;
    Ok(SignedInUser { fixture, browser })
}

impl SignedInUser {
    fn secret(&self) -> Result<String> {
        Ok(self
            .browser
            .cookie("rc_s")
            .context("no session cookie")?
            .value
            .clone())
    }

    /// Whether the secret is accepted.
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
async fn session_secret_is_renewed_and_the_old_one_expires() -> Result<()> {
    let mut alice = alice().await?;
    let first = alice.secret()?;
    alice.fixture.clock.advance(14 * MINUTE);
    alice.browser.reload().await?;
    ensure!(alice.secret()? == first);
    alice.fixture.clock.advance(2 * MINUTE);
    alice.browser.reload().await?;
    let second = alice.secret()?;
    ensure!(second != first);
    ensure!(alice.opens(&first).await? && alice.opens(&second).await?);
    alice.fixture.clock.advance(Duration::from_secs(31));
    ensure!(!alice.opens(&first).await? && alice.opens(&second).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_parallel_requests_renews_the_secret() -> Result<()> {
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
        "{:?}",
        answers
            .iter()
            .map(|answer| answer.status())
            .collect::<Vec<_>>()
    );
    ensure!(
        answers
            .iter()
            .filter(|answer| answer.headers().contains_key(SET_COOKIE))
            .count()
            == 1
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_works_after_secret_renewal() -> Result<()> {
    let mut alice = alice().await?;
    let old_page = alice.browser.page()?.body().to_owned();
    let token = old_page
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .context("no token")?
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
async fn sign_out_revokes_both_secrets() -> Result<()> {
    let mut alice = alice().await?;
    let first = alice.secret()?;
    alice.fixture.clock.advance(16 * MINUTE);
    alice.browser.reload().await?;
    let second = alice.secret()?;
    alice.browser.submit("/sign-out", &[]).await?;
    ensure!(!alice.opens(&second).await?);
    ensure!(!alice.opens(&first).await?);
    Ok(())
}
