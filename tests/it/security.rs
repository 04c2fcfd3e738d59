//! Security properties visible to an attacker or during a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::http::client;

use crate::operate::{get, until};

/// Browsers apply `form-action` to every redirect of a form: the AWS sign-in redirects to the console.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_action_allows_only_the_console() -> Result<()> {
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let page = Browser::new()?.open(&stack.at("/signed-out")).await?;
    let mut policies = page.headers("content-security-policy");
    let policy = policies.next().context("a policy")?;
    let form_action = policy
        .split("; ")
        .find_map(|directive| directive.strip_prefix("form-action "))
        .context("form-action")?;
    let mut sources: Vec<&str> = form_action.split(' ').collect();
    sources.retain(|source| *source != stack.aws.url().trim_end_matches('/'));
    ensure!(
        sources
            == [
                "'self'",
                "https://signin.aws.amazon.com",
                "https://*.signin.aws.amazon.com",
                "https://console.aws.amazon.com",
                "https://*.console.aws.amazon.com",
            ],
        "{form_action}"
    );
    Ok(())
}

/// A clock that panics represents any bug in a handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::panic, reason = "the panic is what is tested")]
async fn panicking_handler_returns_500() -> Result<()> {
    let broken = Arc::new(AtomicBool::new(false));
    let clock = {
        let (broken, time) = (broken.clone(), rolecall_testkit::clock::system());
        move || match broken.load(Ordering::SeqCst) {
            true => panic!("a bug"),
            false => time(),
        }
    };
    let stack = TestStack::start(TestStackSettings {
        clock: Arc::new(clock),
        ..TestStackSettings::default()
    })
    .await?;
    let begin = stack.at("/sign-in/example");
    // The clock is also read at startup, outside of handlers.
    let metrics = format!("http://{}/metrics", stack.gateway.management);
    until("startup to complete", async || {
        let (_, counted) = get(&metrics).await?;
        Ok(counted
            .contains("rolecall_policy_loads_total{outcome=\"accepted\"} 1")
            .then_some(()))
    })
    .await?;
    broken.store(true, Ordering::SeqCst);
    let page = client()?.get(&begin).send().await?;
    broken.store(false, Ordering::SeqCst);
    ensure!(page.status() == 500, "{}", page.status());
    for name in ["x-request-id", "content-security-policy", "cache-control"] {
        ensure!(page.headers().contains_key(name), "{name}");
    }
    let reference = page.headers()["x-request-id"].to_str()?.to_owned();
    let text = page.text().await?;
    ensure!(text.contains(&reference) && !text.contains("a bug"));
    ensure!(client()?.get(&begin).send().await?.status() == 303);
    Ok(())
}
