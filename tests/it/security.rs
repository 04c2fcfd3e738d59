//! What an attacker or a bad day would find, told from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecall_testkit::http::client;

use crate::operate::{get, until};

/// A browser holds every redirect after a form against `form-action`: AWS's sign-in goes on to the console.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_may_end_at_the_console_and_not_elsewhere() -> Result<()> {
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

/// A clock that panics stands for any mistake in any handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::panic, reason = "the panic is what is tested")]
async fn a_handler_that_panics_is_answered_and_harms_nobody() -> Result<()> {
    let broken = Arc::new(AtomicBool::new(false));
    let clock = {
        let (broken, time) = (broken.clone(), rolecall_testkit::clock::system());
        move || match broken.load(Ordering::SeqCst) {
            true => panic!("a mistake"),
            false => time(),
        }
    };
    let stack = TestStack::start(TestStackSettings {
        clock: Arc::new(clock),
        ..TestStackSettings::default()
    })
    .await?;
    let begin = stack.at("/sign-in/example");
    // Starting up asks for the time as well, and is no handler.
    let metrics = format!("http://{}/metrics", stack.gateway.management);
    until("the start is over", async || {
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
    ensure!(text.contains(&reference) && !text.contains("a mistake"));
    ensure!(client()?.get(&begin).send().await?.status() == 303);
    Ok(())
}
