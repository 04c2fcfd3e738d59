//! The configuration in `README.md` is valid: both variants parse without a warning, and AWS accepts tokens of a
//! gateway with its access policy under the trust policy of its CloudFormation template.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::aws::Role;
use rolecall_testkit::browser::Browser;
use rolecalld::config;
use tempfile::TempDir;

use crate::templates;

/// The TOML block that contains `mark`.
pub fn toml(mark: &str) -> Result<String> {
    let blocks = templates::blocks("README.md", "toml")?;
    let mut blocks = blocks.into_iter().map(|(_, block)| block);
    let block = blocks.find(|block| block.contains(mark));
    block.with_context(|| format!("the README has no TOML with {mark}"))
}

/// Roles and trust policies of the CloudFormation template, for the host and account of this issuer.
fn trust_policies(host: &str, account: &str) -> Result<Vec<(String, serde_json::Value)>> {
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    templates::template("README.md", "AssumeRoleWithWebIdentity")?.trust_policies(&[
        ("Issuer", host),
        ("Rolecall.Arn", &provider),
        ("AWS::AccountId", account),
    ])
}

#[test]
fn configuration_is_valid_with_either_provider() -> Result<()> {
    for provider in ["accounts.google.com", "okta.com"] {
        let folder = TempDir::new()?;
        for (secret, text) in [
            ("seal.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ("google.secret", "x"),
            ("okta.secret", "x"),
        ] {
            fs::write(folder.path().join(secret), text)?;
            fs::set_permissions(
                folder.path().join(secret),
                fs::Permissions::from_mode(0o640),
            )?;
        }
        let main = format!("{}\n{}", toml("[listen]")?, toml(provider)?);
        fs::write(folder.path().join("rolecall.toml"), main)?;
        fs::write(folder.path().join("access.toml"), toml("[[assignment]]")?)?;
        let loaded = config::load(&folder.path().join("rolecall.toml"))?;
        assert!(
            loaded.warnings.is_empty(),
            "{provider}: {:?}",
            loaded.warnings
        );
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
    let policies = trust_policies(&host, account.id())?;
    assert_eq!(policies.len(), 1, "{policies:?}");
    for (role, policy) in policies {
        let lasting =
            Role::with_trust_policy(policy).with_max_session_duration(Duration::from_secs(14_400));
        account.role(&role, lasting)?;
    }
    let mut browser = Browser::new()?;
    browser.open(stack.url()).await?;
    browser.sign_in_at_provider("alice").await?;
    let page = browser.press("Credentials", &[]).await?;
    assert!(page.text().contains("AWS_ACCESS_KEY_ID"), "{}", page.text());
    assert_eq!(stack.aws.issued().len(), 1);

    // A role of the same template for another account or permission set is refused: the conditions of the trust policy
    // are effective.
    for (role, mut policy) in trust_policies(&host, account.id())? {
        let conditions = &mut policy["Statement"][0]["Condition"];
        conditions["StringEquals"]["aws:RequestTag/rolecall:account"] = "444455556666".into();
        account.role(&role, Role::with_trust_policy(policy))?;
    }
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
