//! `rolecalld sessions end`: by e-mail address and by subject, while a gateway is running.

use anyhow::{Result, ensure};
use rolecall_harness::sample_data::access_policy_for_both_providers;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;

use super::{Ran, rolecalld};

const END: [&str; 4] = ["sessions", "end", "--config", "rolecall.toml"];

/// alice at both providers, and bob at one.
async fn stack() -> Result<(TestStack, Vec<Browser>)> {
    let stack = TestStack::start(TestStackSettings {
        store: "sqlite:store.db".to_owned(),
        saml: Some(SamlStackSettings::default()),
        access: access_policy_for_both_providers(),
        ..TestStackSettings::default()
    })
    .await?;
    let mut browsers = Vec::new();
    for (provider, username) in [
        ("example", "alice"),
        ("corporate", "alice"),
        ("example", "bob"),
    ] {
        let mut browser = Browser::new()?;
        browser
            .open(&stack.at(&format!("/sign-in/{provider}")))
            .await?;
        browser.sign_in_at_provider(username).await?;
        browsers.push(browser);
    }
    Ok((stack, browsers))
}

async fn are_signed_in(stack: &TestStack, browsers: &mut [Browser]) -> Result<Vec<bool>> {
    let mut signed_in = Vec::new();
    for browser in browsers {
        let page = browser.open(&stack.at("/sessions")).await?;
        signed_in.push(page.url().path() == "/sessions");
    }
    Ok(signed_in)
}

fn end(stack: &TestStack, who: &[&str]) -> Result<Ran> {
    rolecalld(stack.folder(), &[&END[..], who].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unique_address_ends_sessions() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "Bob@Example.com"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out
            .contains("All sessions of example 00u-bob are revoked"),
        "{ran:?}"
    );
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true, true, false]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ambiguous_address_lists_commands_and_ends_nothing() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "alice@example.com"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .contains("2 users have signed in with the e-mail address alice@example.com; no session was revoked"),
        "{ran:?}"
    );
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true; 3]);
    let command = "rolecalld sessions end --config rolecall.toml ";
    let mut lines: Vec<_> = ran
        .err
        .lines()
        .filter_map(|line| line.trim().strip_prefix(command))
        .filter_map(|line| line.split("     ").next())
        .collect();
    lines.sort_unstable();
    ensure!(
        lines.len() == 2 && lines[1].starts_with("example/"),
        "{ran:?}"
    );
    // One of the two commands, as printed.
    let ran = end(&stack, &[lines[1]])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(are_signed_in(&stack, &mut browsers).await? == [false, true, true]);
    // All users with the address.
    let ran = end(&stack, &["--user", "alice@example.com", "--yes"])?;
    ensure!(
        ran.code == 0 && ran.out.matches("are revoked.").count() == 2,
        "{ran:?}"
    );
    ensure!(are_signed_in(&stack, &mut browsers).await? == [false, false, true]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_user_is_reported() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "mallory@example.com"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .contains("no user with the e-mail address mallory@example.com has signed in")
            && ran.err.contains("hint: "),
        "{ran:?}"
    );
    for who in [
        &["example/00u-mallory"][..],
        &["--provider", "nowhere", "--subject", "00u-bob"],
    ] {
        let ran = end(&stack, who)?;
        ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
        ensure!(
            ran.err.contains("unknown user") && ran.err.contains("hint: "),
            "{ran:?}"
        );
    }
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true; 3]);
    let ran = end(&stack, &["--provider", "example", "--subject", "00u-bob"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true, true, false]);
    Ok(())
}
