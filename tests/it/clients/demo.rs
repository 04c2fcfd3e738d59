//! The shell commands printed by the demo: `aws sso login` and `aws sts get-caller-identity` work.

use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;

use super::aws_cli;
use super::laptop::{self, Laptop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn printed_block_makes_aws_sso_login_work() -> Result<()> {
    let Some(cli) = aws_cli("sid") else {
        return Ok(());
    };
    let stack = TestStack::start(TestStackSettings::default()).await?;
    let laptop = Laptop::new()?;
    let programs = laptop.path("bin");
    std::fs::create_dir(&programs)?;
    symlink(cli, programs.join("aws"))?;
    let block = stack.terminal_setup()?;
    let pasted = format!(
        "export PATH='{}':$PATH AWS_ACCESS_KEY_ID=of-another-day\n{block}\naws sso login && aws sts get-caller-identity && aws sts get-caller-identity --profile readonly",
        programs.display()
    );
    let mut shell = laptop.command("sh");
    shell.args(["-c", &pasted]);
    let mut running = laptop.start(shell)?;
    let address = running.opened().await?;
    let mut browser = Browser::new()?;
    browser.open(&address).await?;
    browser.sign_in_at_provider("alice").await?;
    laptop::allow(&mut browser).await?;
    let ran = running.finish().await?;
    for arn in [
        "arn:aws:sts::777788889999:assumed-role/Developer/alice@example.com",
        "arn:aws:sts::111122223333:assumed-role/ReadOnly/alice@example.com",
    ] {
        ensure!(ran.is_success() && ran.text.contains(arn), "{ran:?}");
    }
    Ok(())
}
