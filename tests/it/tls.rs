//! The gateway with its own certificate: browsers and AWS over https.

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;

async fn stack() -> Result<(TestStack, Browser)> {
    let stack = TestStack::start(TestStackSettings {
        tls: true,
        ..TestStackSettings::default()
    })
    .await?;
    let browser = stack.browser()?;
    Ok((stack, browser))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_are_host_only_and_secure() -> Result<()> {
    let (stack, mut browser) = stack().await?;
    browser.open(&stack.at("/")).await?;
    let portal = browser.sign_in_at_provider("alice").await?;
    ensure!(portal.status() == Some(StatusCode::OK), "{}", portal.text());
    for name in ["__Host-rc_s", "__Host-rc_t"] {
        let cookie = browser.cookie(name).with_context(|| format!("no {name}"))?;
        ensure!(cookie.secure && cookie.http_only, "{cookie:?}");
    }
    ensure!(
        browser.cookie("rc_s").is_none(),
        "the cookie must not have a second name"
    );
    let kept_safe = portal.header("strict-transport-security");
    ensure!(
        kept_safe == Some("max-age=63072000; includeSubDomains"),
        "{kept_safe:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_fetches_keys_over_https() -> Result<()> {
    let (stack, mut browser) = stack().await?;
    browser.open(&stack.at("/")).await?;
    browser.sign_in_at_provider("alice").await?;
    browser
        .open(&stack.at("/console?account=444455556666&permission_set=Administrator"))
        .await?;
    let console = browser.submit("/console", &[]).await?;
    ensure!(
        console.text().contains("You are signed in to the console"),
        "{}",
        console.text()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_is_not_served() -> Result<()> {
    let (stack, mut browser) = stack().await?;
    let plain = stack.at("/").replace("https://", "http://");
    ensure!(
        browser.open(&plain).await.is_err(),
        "the port must support TLS only"
    );
    Ok(())
}
