//! What an attacker or a bad day would find, told from outside.

use anyhow::{Context as _, Result, ensure};
use rolecall_demo::{House, HouseSettings};
use rolecall_testkit::browser::Browser;

/// A browser holds every redirect after a form against `form-action`: AWS's sign-in goes on to the console.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_may_end_at_the_console_and_not_elsewhere() -> Result<()> {
    let house = House::build(HouseSettings::default()).await?;
    let page = Browser::new()?.open(&house.at("/signed-out")).await?;
    let mut policies = page.headers("content-security-policy");
    let policy = policies.next().context("a policy")?;
    let form_action = policy
        .split("; ")
        .find_map(|directive| directive.strip_prefix("form-action "))
        .context("form-action")?;
    let mut sources: Vec<&str> = form_action.split(' ').collect();
    sources.retain(|source| *source != house.aws.url().trim_end_matches('/'));
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
