//! `rolecalld people` and `rolecalld access`, with a gateway that recorded sign-ins and policies.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use chrono::DateTime;
use rolecall_harness::sample_data::access_policy_for_both_providers;
use rolecall_harness::{SamlStackSettings, TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use rolecalld::database::Database;
use rolecalld::people::PeopleReader;
use serde_json::Value;

use super::{Ran, rolecalld};
use crate::operate::{get, until};

fn run(stack: &TestStack, arguments: &[&str]) -> Result<Ran> {
    let (verb, rest) = arguments.split_at(2);
    rolecalld(
        stack.folder(),
        &[verb, &["--config", "rolecall.toml"], rest].concat(),
    )
}

async fn sign_in(stack: &TestStack, provider: &str, username: &str) -> Result<()> {
    let mut browser = Browser::new()?;
    browser
        .open(&stack.at(&format!("/sign-in/{provider}")))
        .await?;
    browser.sign_in_at_provider(username).await?;
    let page = browser.open(&stack.at("/sessions")).await?;
    ensure!(page.url().path() == "/sessions", "{}", page.text());
    Ok(())
}

async fn stack(more: &str) -> Result<TestStack> {
    TestStack::start(TestStackSettings {
        store: "sqlite:store.db".to_owned(),
        saml: Some(SamlStackSettings::default()),
        access: access_policy_for_both_providers(),
        more: more.to_owned(),
        ..TestStackSettings::default()
    })
    .await
}

/// The recorded people, by provider and subject.
fn people(stack: &TestStack) -> Result<Vec<Value>> {
    let ran = run(stack, &["people", "list", "--json"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let lines = ran.out.lines();
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

async fn until_recorded(stack: &TestStack, number: usize) -> Result<Vec<Value>> {
    until("recorded", async || {
        let people = people(stack)?;
        Ok((people.len() == number).then_some(people))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_listed_as_of_their_last_sign_in() -> Result<()> {
    let stack = stack("").await?;
    for (provider, username) in [
        ("example", "alice"),
        ("corporate", "alice"),
        ("example", "bob"),
    ] {
        sign_in(&stack, provider, username).await?;
    }
    let listed = until_recorded(&stack, 3).await?;
    let first = listed[1].clone();
    ensure!(
        first["provider"] == "example" && first["subject"] == "00u-alice",
        "{listed:#?}"
    );
    ensure!(first["email"] == "alice@example.com" && first["mfa"] == true);
    ensure!(
        first["groups"]
            .as_array()
            .is_some_and(|groups| !groups.is_empty())
    );
    // Only claims that the policy names.
    ensure!(first["claims"].get("sub").is_none() && first["claims"].get("iss").is_none());
    let (_, metrics) = get(&format!("http://{}/metrics", stack.gateway.management)).await?;
    ensure!(metrics.contains("rolecall_people_total{outcome=\"recorded\"} 3"));

    let ran = run(&stack, &["people", "list"])?;
    ensure!(ran.code == 0 && ran.out.lines().count() == 3, "{ran:?}");
    ensure!(
        ran.out.contains("example 00u-alice alice@example.com mfa"),
        "{ran:?}"
    );
    ensure!(ran.err.trim() == "3 people", "{ran:?}");

    let role = [
        "--account",
        "payments-prod",
        "--permission-set",
        "Developer",
    ];
    let known = [
        &["--config", "rolecall.toml"],
        &role[..],
        &["--people", "known"],
    ]
    .concat();
    let ran = rolecalld(stack.folder(), &[&["who-can"], &known[..]].concat())?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    for part in [
        "(3 people were evaluated, as of the sign-in",
        "alice@example.com: through payments-developers-in-production",
    ] {
        ensure!(ran.out.contains(part), "{part}: {ran:?}");
    }

    // Records of a provider that is no longer configured are left out, and counted.
    let settings = fs::read_to_string(stack.folder().join("rolecall.toml"))?;
    let renamed = settings.replace("id = \"corporate\"", "id = \"company\"");
    ensure!(renamed != settings);
    fs::write(stack.folder().join("renamed.toml"), renamed)?;
    let of_renamed = [
        &["who-can", "--config", "renamed.toml"],
        &role[..],
        &["--people", "known", "--json"],
    ]
    .concat();
    let ran = rolecalld(stack.folder(), &of_renamed)?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.err.trim() == "1 recorded person is left out: the provider is not configured",
        "{ran:?}"
    );
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        output["people"]["skipped"] == 1 && output["people"]["evaluated"] == 2,
        "{output}"
    );
    // A provider of the old configuration is compared.
    let both = [
        "diff",
        "--config",
        "rolecall.toml",
        "--config",
        "renamed.toml",
        "--people",
        "known",
        "--json",
    ];
    let ran = rolecalld(stack.folder(), &both)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(output["people"]["compared"] == 3, "{output}");

    // Another sign-in replaces the record.
    sign_in(&stack, "example", "alice").await?;
    until("replaced", async || {
        let people = people(&stack)?;
        let is_later = people[1]["signed_in_at"].as_str() > first["signed_in_at"].as_str();
        Ok((is_later && people.len() == 3).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn person_is_forgotten_by_address_or_subject() -> Result<()> {
    let stack = stack("").await?;
    for (provider, username) in [
        ("example", "alice"),
        ("corporate", "alice"),
        ("example", "bob"),
    ] {
        sign_in(&stack, provider, username).await?;
    }
    until_recorded(&stack, 3).await?;
    let ran = run(&stack, &["people", "forget", "--user", "alice@example.com"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(ran.err.contains("2 people are recorded"), "{ran:?}");
    ensure!(people(&stack)?.len() == 3);
    let ran = run(
        &stack,
        &["people", "forget", "--user", "Alice@example.com", "--yes"],
    )?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(ran.out.contains("can still be recorded"), "{ran:?}");
    ensure!(people(&stack)?.len() == 1);
    let ran = run(&stack, &["people", "forget", "example/00u-bob"])?;
    ensure!(ran.code == 0, "{ran:?}");
    let ran = run(&stack, &["people", "forget", "example/00u-bob"])?;
    ensure!(ran.code == 1 && ran.err.contains("hint: "), "{ran:?}");
    ensure!(people(&stack)?.is_empty());
    Ok(())
}

/// The last records are written when the gateway stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_gateway_has_recorded_everybody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("kept.db").display());
    let stack = TestStack::start(TestStackSettings {
        database: url.clone(),
        ..TestStackSettings::default()
    })
    .await?;
    sign_in(&stack, "example", "alice").await?;
    stack.stop().await?;
    let database = Database::open(&url.parse()?).await?;
    let page = PeopleReader::new(database, DateTime::UNIX_EPOCH)
        .next_page()
        .await?;
    ensure!(page.is_some_and(|page| page.people.len() == 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_recorded_when_it_is_turned_off() -> Result<()> {
    let stack = stack("[audit]\npeople = \"0s\"\n").await?;
    sign_in(&stack, "example", "alice").await?;
    // A batch is written each second.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let (_, metrics) = get(&format!("http://{}/metrics", stack.gateway.management)).await?;
    ensure!(!metrics.contains("rolecall_people_total{"), "{metrics}");
    let ran = run(&stack, &["people", "list"])?;
    ensure!(ran.code == 2 && ran.err.contains("not recorded"), "{ran:?}");
    ensure!(ran.err.contains("hint: "));
    Ok(())
}

/// The digest of the policy in the latest event `configuration_loaded`.
async fn policy_in_trail(stack: &TestStack) -> Result<String> {
    let events = stack.audit_events().await?;
    let loaded = events
        .iter()
        .rfind(|event| event["event"] == "configuration_loaded")
        .context("no configuration was loaded")?;
    let policy = loaded["policy"].as_str();
    Ok(policy.context("no digest of the policy")?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_of_the_trail_are_kept() -> Result<()> {
    let stack = stack("").await?;
    // From then on, changes of files are noticed.
    sign_in(&stack, "example", "alice").await?;
    let access = stack.folder().join("access.toml");
    let before = fs::read_to_string(&access)?;
    let first = policy_in_trail(&stack).await?;
    let after = format!("{before}\n# A comment changes the digest.\n");
    let new = access.with_extension("new");
    fs::write(&new, &after)?;
    fs::rename(&new, &access)?;
    let second = until("the new policy is in the trail", async || {
        let digest = policy_in_trail(&stack).await?;
        Ok((digest != first).then_some(digest))
    })
    .await?;
    let history = until("both are kept", async || {
        let ran = run(&stack, &["access", "history", "--json"])?;
        ensure!(ran.code == 0, "{ran:?}");
        let history: Value = serde_json::from_str(&ran.out)?;
        let policies = history["policies"].as_array().cloned().unwrap_or_default();
        Ok((policies.len() == 2).then_some(policies))
    })
    .await?;
    ensure!(
        history[0]["digest"] == second && history[1]["digest"] == first,
        "{history:?}"
    );

    let ran = run(&stack, &["access", "show", &first[..8]])?;
    ensure!(
        ran.code == 0 && ran.out == format!("# access.toml\n{before}\n"),
        "{ran:?}"
    );
    let ran = run(&stack, &["access", "show", &second, "--json"])?;
    let shown: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        shown["digest"] == second && shown["files"][0]["text"] == after,
        "{shown}"
    );

    let ran = run(&stack, &["access", "show", &first, "--to", "before/"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(fs::read_to_string(stack.folder().join("before/access.toml"))? == before);
    let ran = run(&stack, &["access", "show", &first, "--to", "before/"])?;
    ensure!(ran.code == 1 && ran.err.contains("hint: "), "{ran:?}");

    let ran = run(&stack, &["access", "show", "00000000"])?;
    ensure!(ran.code == 1 && ran.err.contains("hint: "), "{ran:?}");
    for wrong in ["0", "xyzxyzxyz", "%%%%%%%%"] {
        let ran = run(&stack, &["access", "show", wrong])?;
        ensure!(ran.code == 2, "{ran:?}");
    }
    Ok(())
}
