//! `rolecalld audit`: verification detects changes, export and search return the events.

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::TestStack;
use rolecall_testkit::browser::Browser;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use super::rolecalld;
use crate::operate::{PROD, credentials, sign_in, stack_with};

const VERIFY: [&str; 4] = ["audit", "verify", "--config", "rolecall.toml"];

/// A stack in which alice signed in and requested credentials.
async fn stack() -> Result<TestStack> {
    let stack = stack_with("memory:").await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    let (status, issued) = credentials(&alice, PROD).await?;
    ensure!(status.is_success(), "{issued}");
    Ok(stack)
}

async fn tamper(stack: &TestStack, statement: &'static str) -> Result<()> {
    let url = format!("sqlite:{}", stack.folder().join("audit.db").display());
    let mut connection = SqliteConnection::connect(&url).await?;
    let done = sqlx::query(statement).execute(&mut connection).await?;
    ensure!(done.rows_affected() == 1, "{statement}");
    Ok(())
}

#[tokio::test]
async fn unmodified_trail_is_intact() -> Result<()> {
    let stack = stack().await?;
    let ran = rolecalld(stack.folder(), &VERIFY)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("intact: ")),
        "{}",
        ran.out
    );
    let head = ran
        .out
        .lines()
        .find_map(|line| line.strip_prefix("head: "))
        .context("a head to keep")?;
    let ran = rolecalld(stack.folder(), &[&VERIFY[..], &["--json"]].concat())?;
    let report: Value = serde_json::from_str(&ran.out)?;
    let hash = report["heads"][0]["hash"].as_str().context("a hash")?;
    ensure!(
        head.ends_with(hash) && hash.len() == 64,
        "{head} against {report}"
    );
    ensure!(
        report["intact"] == true && report["findings_count"] == 0,
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn changed_and_missing_events_are_named() -> Result<()> {
    for (statement, expected) in [
        (
            "UPDATE audit_events SET canonical = replace(canonical, 'alice', 'mallory') WHERE event = 'signed_in'",
            "was changed or moved",
        ),
        (
            "DELETE FROM audit_events WHERE event = 'signed_in'",
            "are missing",
        ),
    ] {
        let stack = stack().await?;
        tamper(&stack, statement).await?;
        let ran = rolecalld(stack.folder(), &VERIFY)?;
        ensure!(ran.code == 1 && ran.err.is_empty(), "{ran:?}");
        let finding = ran.out.lines().find(|line| line.starts_with("tampered: "));
        let finding = finding.with_context(|| ran.out.clone())?;
        ensure!(
            finding.contains(expected) && finding.contains("event"),
            "{finding}"
        );
        ensure!(ran.out.contains("\nNOT intact: "), "{}", ran.out);
    }
    Ok(())
}

#[tokio::test]
async fn export_contains_events_since_a_time() -> Result<()> {
    let stack = stack().await?;
    let export = ["audit", "export", "--config", "rolecall.toml"];
    let ran = rolecalld(stack.folder(), &export)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    ensure!(lines.len() >= 4, "{}", ran.out);
    let issued = stack.aws.issued();
    let key = &issued.first().context("nothing issued")?.access_key_id;
    ensure!(ran.out.contains(key.as_str()), "{}", ran.out);
    let csv = rolecalld(
        stack.folder(),
        &[&export[..], &["--format", "csv", "--since", "2026-01-01"]].concat(),
    )?;
    ensure!(csv.out.lines().count() == lines.len() + 1, "{}", csv.out);
    let none = rolecalld(
        stack.folder(),
        &[&export[..], &["--since", "2999-01-01T00:00:00Z"]].concat(),
    )?;
    ensure!(none.code == 0 && none.out.is_empty(), "{none:?}");
    Ok(())
}

#[test]
fn missing_trail_is_not_created() -> Result<()> {
    let folder = super::folder()?;
    let ran = rolecalld(folder.path(), &VERIFY)?;
    ensure!(
        ran.code == 1
            && ran
                .err
                .contains("\nhint: start `rolecalld serve`, which creates it"),
        "{ran:?}"
    );
    ensure!(!folder.path().join("audit.db").exists());
    Ok(())
}

const SEARCH: [&str; 4] = ["audit", "search", "--config", "rolecall.toml"];

#[tokio::test]
async fn search_finds_recent_events() -> Result<()> {
    let stack = stack().await?;
    let search = |more: &[&str]| rolecalld(stack.folder(), &[&SEARCH[..], more].concat());
    let ran = search(&["--user", "alice@example.com", "--outcome", "success"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let first = ran.out.lines().next().unwrap_or_default();
    ensure!(
        first.contains(" issue_done success ")
            && first.contains(" alice@example.com 111122223333 "),
        "{}",
        ran.out
    );
    ensure!(
        ran.out
            .lines()
            .any(|line| line.contains(" signed_in success ")),
        "{}",
        ran.out
    );
    let ran = search(&["--json", "--limit", "1"])?;
    let page: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        page["events"][0]["event"]["event"] == "issue_done" && page["not_indexed"] == 0,
        "{page}"
    );
    let session = page["events"][0]["session"].as_str().context("a session")?;
    let next = page["next"].as_str().context("another page")?;
    let ran = search(&["--after", next])?;
    ensure!(ran.code == 0 && !ran.out.contains("issue_done"), "{ran:?}");
    let ran = search(&["--session", session])?;
    let story: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    ensure!(
        story == ["signed_in", "issue_intended", "issue_done"],
        "{ran:?}"
    );
    // No match, and invalid options.
    let ran = search(&["--account", "999999999999"])?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    for (wrong, expected) in [
        (&["--user", "alice"][..], "add --provider"),
        (&["--outcome", "maybe"], "success, refused or failed"),
        (&["--account", "12"], "--account"),
        (&["--address", "example.com"], "--address"),
        (&["--since", "yesterday"], "2026-03-01"),
        (&["--after", "x"], "TIME/WRITER/SEQUENCE"),
        (&["--limit", "0"], "1..="),
        (
            &["--session", "S", "--user", "alice@example.com"],
            "cannot be used with",
        ),
    ] {
        let ran = search(wrong)?;
        ensure!(
            ran.code == 2 && ran.out.is_empty() && ran.err.contains(expected),
            "{wrong:?}: {ran:?}"
        );
    }
    Ok(())
}
