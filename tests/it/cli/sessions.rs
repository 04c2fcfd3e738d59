//! `rolecalld sessions end`: by address and by name, beside a gateway that serves.

use anyhow::{Result, ensure};
use rolecall_harness::sample_data::access_policy_for_both_providers;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;

use super::{Ran, rolecalld};

const END: [&str; 4] = ["sessions", "end", "--config", "rolecall.toml"];

/// Alice by both providers, and bob by one.
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
async fn an_address_is_enough_where_one_person_has_it() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "Bob@Example.com"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out.contains("example 00u-bob is signed out everywhere"),
        "{ran:?}"
    );
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true, true, false]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_two_people_ends_nothing_and_says_what_to_type() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "alice@example.com"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .contains("2 people have signed in as alice@example.com, so nothing has ended"),
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
    // The line of one of the two, as it is printed.
    let ran = end(&stack, &[lines[1]])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(are_signed_in(&stack, &mut browsers).await? == [false, true, true]);
    // And of all who have the address.
    let ran = end(&stack, &["--user", "alice@example.com", "--yes"])?;
    ensure!(
        ran.code == 0 && ran.out.matches("is signed out everywhere").count() == 2,
        "{ran:?}"
    );
    ensure!(are_signed_in(&stack, &mut browsers).await? == [false, false, true]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_from_somebody() -> Result<()> {
    let (stack, mut browsers) = stack().await?;
    let ran = end(&stack, &["--user", "mallory@example.com"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .contains("nobody has signed in as mallory@example.com")
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
            ran.err.contains("is unknown") && ran.err.contains("hint: "),
            "{ran:?}"
        );
    }
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true; 3]);
    let ran = end(&stack, &["--provider", "example", "--subject", "00u-bob"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(are_signed_in(&stack, &mut browsers).await? == [true, true, false]);
    Ok(())
}
