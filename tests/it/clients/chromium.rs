//! `aws sso login` with Chromium: it opens the page of the CLI, alice presses *Allow*, and the command completes.

use anyhow::{Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::{CHROMIUM, NODE_PEERS};
use rolecall_testkit::node;
use serde_json::Value;

use super::aws_cli;
use super::laptop::Laptop;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_confirms_and_the_command_completes() -> Result<()> {
    let (Some(cli), Some(_), Some(chromium)) = (aws_cli("sid"), NODE_PEERS.path(), CHROMIUM.path())
    else {
        return Ok(());
    };
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let mut laptop = Laptop::new()?;
    stack.terminal_setup()?;
    let config = stack.folder().join("aws-config");
    laptop.set("AWS_CONFIG_FILE", &config.display().to_string());
    let mut login = laptop.command(&cli);
    login.args(["sso", "login"]);
    let mut running = laptop.start(login)?;
    let address = running.opened().await?;

    let pictures = concat!(env!("CARGO_TARGET_TMPDIR"), "/screenshots");
    let mut script = node::script("confirm.mjs")?;
    script.args([&address, pictures]);
    script.env("ROLECALL_PEERS_CHROMIUM", chromium);
    // Not in the home folder of the laptop, because the driver writes files there.
    let confirmed = tokio::task::spawn_blocking(move || rolecall_testkit::process::run(script));
    let confirmed = String::from_utf8(confirmed.await??)?;
    let seen: Value = serde_json::from_str(confirmed.trim_start_matches("seen "))?;
    let text = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    ensure!(seen.get("failure").is_none(), "{seen:#}");
    for part in [
        "botocore-client-rolecall",
        "127.0.0.1",
        "It is not verified",
        "Alice",
    ] {
        ensure!(
            text(&seen["pages"]["aws-sso-login"]).contains(part),
            "{part}: {seen:#}"
        );
    }
    ensure!(!text(&seen["callback"]).is_empty(), "{seen:#}");

    let ran = running.finish().await?;
    ensure!(
        ran.is_success() && ran.text.contains("Successfully logged into Start URL"),
        "{ran:?}"
    );
    let mut caller = laptop.command(&cli);
    caller.args(["sts", "get-caller-identity"]);
    let ran = laptop.run(caller).await?;
    let arn = "arn:aws:sts::777788889999:assumed-role/Developer/alice@example.com";
    ensure!(ran.is_success() && ran.text.contains(arn), "{ran:?}");
    Ok(())
}
