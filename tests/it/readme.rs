//! The configuration in `README.md` is valid: both variants parse without a warning, the commands generate what it shows, and AWS
//! accepts tokens of a gateway with its access policy under this trust policy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::aws::Role;
use rolecall_testkit::browser::Browser;
use rolecalld::config;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::rolecalld;
use crate::templates;

/// The TOML block that contains `mark`.
pub fn toml(mark: &str) -> Result<String> {
    let blocks = templates::blocks("README.md", "toml")?;
    let mut blocks = blocks.into_iter().map(|(_, block)| block);
    let block = blocks.find(|block| block.contains(mark));
    block.with_context(|| format!("the README has no TOML with {mark}"))
}

/// The trust policy that the document shows.
pub fn trust_policy() -> Result<Value> {
    let blocks = templates::blocks("README.md", "json")?;
    let mut blocks = blocks.into_iter().map(|(_, block)| block);
    let block = blocks.find(|block| block.contains("sts:AssumeRoleWithWebIdentity"));
    Ok(serde_json::from_str(&block.context("no trust policy")?)?)
}

/// A folder with the configuration of the document, its access files, and secrets if they are wanted.
fn configured(provider: &str, with_secrets: bool) -> Result<TempDir> {
    let folder = TempDir::new()?;
    for (secret, text) in [
        ("seal.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("google.secret", "x"),
        ("okta.secret", "x"),
    ] {
        if with_secrets {
            let path = folder.path().join(secret);
            fs::write(&path, text)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o640))?;
        }
    }
    let main = format!("{}\n{}", toml("[listen]")?, toml(provider)?);
    fs::write(folder.path().join("rolecall.toml"), main)?;
    fs::write(folder.path().join("access.toml"), toml("[[assignment]]")?)?;
    Ok(folder)
}

#[test]
fn configuration_is_valid_with_either_provider() -> Result<()> {
    for provider in ["accounts.google.com", "okta.com"] {
        let folder = configured(provider, true)?;
        let loaded = config::load(&folder.path().join("rolecall.toml"))?;
        assert!(
            loaded.warnings.is_empty(),
            "{provider}: {:?}",
            loaded.warnings
        );
    }
    Ok(())
}

#[test]
fn commands_generate_what_the_document_shows() -> Result<()> {
    let folder = configured("accounts.google.com", false)?;
    let aws = |arguments: &[&str]| {
        let all = [&["aws"], arguments, &["--config", "rolecall.toml"]].concat();
        rolecalld(folder.path(), &all)
    };
    let role = [
        "--account",
        "payments-prod",
        "--permission-set",
        "Developer",
    ];
    let ran = aws(&[&["trust-policy"], &role[..]].concat())?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    let shown = serde_json::to_string_pretty(&trust_policy()?)?;
    let printed: Value = serde_json::from_str(&ran.out)?;
    assert_eq!(shown, serde_json::to_string_pretty(&printed)?);
    // Also the order of its members.
    let document = crate::manual::read("README.md")?;
    ensure!(
        document.contains(&format!("```json\n{}```", ran.out)),
        "{}",
        ran.out
    );
    for arguments in [
        &["cloudformation", "--account", "payments-prod"][..],
        &["cloudformation", "--out", "templates"],
        &[
            "cloudformation",
            "--organizational-unit",
            "r-abcd",
            "--out",
            "templates",
        ],
        &["terraform", "--out", "modules"],
        &["cloudformation", "--existing-provider", "payments-prod"],
        &["resource-control-policy"],
    ] {
        let ran = aws(arguments)?;
        ensure!(ran.code == 0 && ran.err.is_empty(), "{arguments:?} {ran:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_accepts_tokens_under_the_documented_trust_policy() -> Result<()> {
    let settings = TestStackSettings {
        access: toml("[[assignment]]")?,
        ..TestStackSettings::default()
    };
    let stack = TestStack::start(settings).await?;
    let account = stack.aws.account("111122223333")?;
    let host = stack.url().trim_start_matches("http://").to_owned();
    let policy = trust_policy()?
        .to_string()
        .replace("sso.example.com", &host);
    let mut policy: Value = serde_json::from_str(&policy)?;
    let replace = |policy: &Value| {
        let lasting = Role::with_trust_policy(policy.clone())
            .with_max_session_duration(Duration::from_secs(14_400));
        account.role("rolecall/Developer", lasting)
    };
    replace(&policy)?;
    let mut browser = Browser::new()?;
    browser.open(stack.url()).await?;
    browser.sign_in_at_provider("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    assert!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
    assert_eq!(stack.aws.issued().len(), 1);

    // A role for another account is refused: the conditions of the trust policy are effective.
    let conditions = &mut policy["Statement"][0]["Condition"];
    conditions["StringEquals"]["aws:RequestTag/rolecall:account"] = "444455556666".into();
    replace(&policy)?;
    browser.open(stack.url()).await?;
    let page = browser.press("Credentials", &[]).await?;
    assert!(
        page.text().contains("AWS rejected the request"),
        "{}",
        page.text()
    );
    assert_eq!(stack.aws.issued().len(), 1);
    Ok(())
}
