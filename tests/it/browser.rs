//! Tests of the portal in Chromium, at desktop and phone width, in light and dark mode. They store screenshots.
//!
//! They require Chromium and the Node.js peers, which `cargo xtask test` installs. Without them the tests are skipped.

mod consent;
mod decode;
mod login;
mod step_up;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::{CHROMIUM, NODE_PEERS};
use rolecall_testkit::node;
use rolecall_testkit::process::Process;
use serde_json::Value;

/// Generous, because rendering is slow on a loaded machine.
const WALK_MAX: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portal_works_on_desktop_in_light_mode() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portal_works_on_desktop_in_dark_mode() -> Result<()> {
    walk("dark", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portal_works_on_phone_in_light_mode() -> Result<()> {
    walk("light", 390).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn portal_works_on_phone_in_dark_mode() -> Result<()> {
    walk("dark", 390).await
}

fn has_browser() -> bool {
    NODE_PEERS.path().is_some() && CHROMIUM.path().is_some()
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    match run_script("portal.mjs", scheme, width).await? {
        Some((stack, seen)) => check(&seen, &stack).with_context(|| format!("{seen:#}")),
        None => Ok(()),
    }
}

/// The observations of a script in its own stack; none without a browser.
async fn run_script(
    script: &str,
    scheme: &'static str,
    width: u32,
) -> Result<Option<(TestStack, Value)>> {
    run_script_in(script, TestStackSettings::default(), scheme, width).await
}

/// As [`run_script`], in a stack with these settings.
async fn run_script_in(
    script: &str,
    settings: TestStackSettings,
    scheme: &'static str,
    width: u32,
) -> Result<Option<(TestStack, Value)>> {
    if !has_browser() {
        return Ok(None);
    }
    let stack = TestStack::start(settings).await?;
    let seen = observe(script, stack.url(), scheme, width, &[]).await?;
    Ok(Some((stack, seen)))
}

/// The observations of a script at this gateway. `more` are further arguments.
async fn observe(
    script: &str,
    gateway: &str,
    scheme: &str,
    width: u32,
    more: &[&str],
) -> Result<Value> {
    let mut script = node::script(script)?;
    script
        .arg(gateway)
        .arg(screenshots())
        .arg(scheme)
        .arg(width.to_string())
        .args(more);
    let line = tokio::task::spawn_blocking(move || {
        Process::start(script)?.wait_for_line("seen ", WALK_MAX)
    })
    .await??;
    Ok(serde_json::from_str(line.trim_start_matches("seen "))?)
}

/// The folder of screenshots, below the build folder, which CI keeps.
fn screenshots() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots")
}

/// Asserts that the script completed, without accessibility violations, console errors or requests to other hosts.
fn ensure_clean(seen: &Value) -> Result<()> {
    ensure!(seen.get("failure").is_none(), "{:?}", seen.get("failure"));
    ensure!(
        seen["violations"].as_array().is_some_and(Vec::is_empty),
        "axe-core: {:#}",
        seen["violations"]
    );
    ensure!(
        seen["complaints"].as_array().is_some_and(Vec::is_empty),
        "browser console: {:#}",
        seen["complaints"]
    );
    let local = |host: &Value| {
        host.as_str()
            .is_some_and(|host| host.starts_with("127.0.0.1:"))
    };
    ensure!(
        seen["hosts"]
            .as_array()
            .is_some_and(|hosts| hosts.iter().all(local)),
        "requests to other hosts: {}",
        seen["hosts"]
    );
    Ok(())
}

fn check(seen: &Value, stack: &TestStack) -> Result<()> {
    ensure_clean(seen)?;
    let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
    for name in [
        "console",
        "portal",
        "search",
        "credentials",
        "sessions",
        "terminal",
        "not-found",
        "signed-out",
        "no-access",
    ] {
        ensure!(
            seen["pages"][name]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{name} is empty"
        );
    }
    ensure!(
        text("console").contains("777788889999") && text("console").contains("alice@example.com"),
        "{}",
        text("console")
    );
    ensure!(
        text("console").contains("https://eu-west-1.console.aws.amazon.com/s3/home"),
        "{}",
        text("console")
    );
    ensure!(
        seen["roles"] == 12 && seen["found"] == 2,
        "{} roles, {} found",
        seen["roles"],
        seen["found"]
    );
    let issued = stack.aws.issued();
    let last = issued.last().context("credentials were issued")?;
    ensure!(
        !text("hidden").contains(&last.session_token),
        "the session token is visible: {}",
        text("hidden")
    );
    ensure!(
        text("shown").contains(&last.session_token),
        "the session token is not shown: {}",
        text("shown")
    );
    ensure!(
        text("copied").contains(&last.session_token) && text("copied").starts_with("export "),
        "{}",
        text("copied")
    );
    ensure!(
        text("config").contains("[profile sandbox-Developer]")
            && text("config").contains("endpoint_url = http://127.0.0.1:"),
        "{}",
        text("config")
    );
    ensure!(
        text("noAccess").contains("carol") && text("noAccess").contains("platform@example.com"),
        "{}",
        text("noAccess")
    );
    Ok(())
}
