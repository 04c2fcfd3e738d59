//! The portal in a real Chromium: at desktop and phone width, light and dark, with pictures kept for people to look at.
//!
//! Needs the browser and the Node.js peers that `cargo xtask test` installs; without them the tests are left out.

mod consent;
mod login;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::{CHROMIUM, NODE_PEERS};
use rolecall_testkit::node;
use rolecall_testkit::process::Process;
use serde_json::Value;

/// A loaded machine draws slowly.
const WALK_MAX: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_works_on_a_desk_in_light() -> Result<()> {
    walk("light", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_works_on_a_desk_in_dark() -> Result<()> {
    walk("dark", 1_280).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_works_on_a_phone_in_light() -> Result<()> {
    walk("light", 390).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portal_works_on_a_phone_in_dark() -> Result<()> {
    walk("dark", 390).await
}

fn has_browser() -> bool {
    NODE_PEERS.path().is_some() && CHROMIUM.path().is_some()
}

async fn walk(scheme: &'static str, width: u32) -> Result<()> {
    match walked("portal.mjs", scheme, width).await? {
        Some((stack, seen)) => judge(&seen, &stack).with_context(|| format!("{seen:#}")),
        None => Ok(()),
    }
}

/// What a script saw in a stack of its own; none where there is no browser.
async fn walked(
    script: &str,
    scheme: &'static str,
    width: u32,
) -> Result<Option<(TestStack, Value)>> {
    if !has_browser() {
        return Ok(None);
    }
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let mut script = node::script(script)?;
    script
        .arg(stack.url())
        .arg(pictures())
        .arg(scheme)
        .arg(width.to_string());
    let line = tokio::task::spawn_blocking(move || {
        Process::start(script)?.wait_for_line("seen ", WALK_MAX)
    })
    .await??;
    let seen = serde_json::from_str(line.trim_start_matches("seen "))?;
    Ok(Some((stack, seen)))
}

/// Where the pictures go: below the build folder, which CI keeps.
fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots")
}

/// Whether the walk got to its end, on this machine alone, with nothing to complain about on the way.
fn well_behaved(seen: &Value) -> Result<()> {
    ensure!(seen.get("failure").is_none(), "the walk ended early");
    ensure!(
        seen["violations"].as_array().is_some_and(Vec::is_empty),
        "axe-core complains"
    );
    ensure!(
        seen["complaints"].as_array().is_some_and(Vec::is_empty),
        "the browser's console complains"
    );
    let local = |host: &Value| {
        host.as_str()
            .is_some_and(|host| host.starts_with("127.0.0.1:"))
    };
    ensure!(
        seen["hosts"]
            .as_array()
            .is_some_and(|hosts| hosts.iter().all(local)),
        "a request left the machine"
    );
    Ok(())
}

fn judge(seen: &Value, stack: &TestStack) -> Result<()> {
    well_behaved(seen)?;
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
        "the console knows alice"
    );
    ensure!(
        text("console").contains("https://eu-west-1.console.aws.amazon.com/s3/home"),
        "the deep link's destination"
    );
    ensure!(
        seen["roles"] == 12 && seen["found"] == 2,
        "12 roles, two of them found"
    );
    let issued = stack.aws.issued();
    let last = issued.last().context("credentials were issued")?;
    ensure!(
        !text("hidden").contains(&last.session_token),
        "secrets are covered until asked for"
    );
    ensure!(
        text("shown").contains(&last.session_token),
        "and shown when asked for"
    );
    ensure!(
        text("copied").contains(&last.session_token) && text("copied").starts_with("export "),
        "and copied whole"
    );
    ensure!(
        text("config").contains("[profile sandbox-Developer]")
            && text("config").contains("endpoint_url = http://127.0.0.1:"),
        "the profiles are copied whole"
    );
    ensure!(
        text("noAccess").contains("carol") && text("noAccess").contains("platform@example.com"),
        "carol learns whom to ask"
    );
    Ok(())
}
