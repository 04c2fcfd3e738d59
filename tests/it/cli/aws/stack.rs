//! Accounts that are set up with generated templates accept the sessions of the gateway.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::TestStack;
use rolecall_testkit::aws::{Account, Role};
use rolecall_testkit::browser::Browser;
use serde_json::Value;

use crate::cli::rolecalld;
use crate::operate::{credentials, sign_in, stack_with};

/// Every role of alice, in accounts with an OIDC provider and with a SAML provider.
const ROLES: [(&str, &str); 9] = [
    ("111122223333", "Administrator"),
    ("111122223333", "Developer"),
    ("111122223333", "ReadOnly"),
    ("444455556666", "Administrator"),
    ("444455556666", "Developer"),
    ("444455556666", "ReadOnly"),
    ("777788889999", "Administrator"),
    ("777788889999", "Developer"),
    ("777788889999", "ReadOnly"),
];

/// Creates the resources of a template, as CloudFormation does. Returns the number of roles.
fn deploy(account: &Account, template: &Value) -> Result<usize> {
    let resources = template["Resources"].as_object().context("resources")?;
    let mut roles = 0;
    for (id, resource) in resources {
        let properties = &resource["Properties"];
        let text = |name: &str| {
            properties[name]
                .as_str()
                .with_context(|| format!("{id}.{name}"))
        };
        match resource["Type"].as_str().context("a type")? {
            "AWS::IAM::OIDCProvider" => {
                let client_id = properties["ClientIdList"][0].as_str().context("an ID")?;
                account.oidc_provider(text("Url")?, &[client_id])?;
            }
            "AWS::IAM::SAMLProvider" => {
                account.saml_provider(text("Name")?, text("SamlMetadataDocument")?)?;
            }
            "AWS::IAM::Role" => {
                let seconds = properties["MaxSessionDuration"]
                    .as_u64()
                    .context(id.clone())?;
                let role = Role::with_trust_policy(properties["AssumeRolePolicyDocument"].clone())
                    .with_max_session_duration(Duration::from_secs(seconds));
                let name = format!("{}{}", text("Path")?, text("RoleName")?);
                account.role(name.trim_start_matches('/'), role)?;
                roles += 1;
            }
            other => anyhow::bail!("{id}: {other}"),
        }
    }
    Ok(roles)
}

/// The templates of all accounts, each with its account ID.
fn templates(stack: &TestStack) -> Result<Vec<(String, Value)>> {
    let ran = rolecalld(
        stack.folder(),
        &[
            "aws",
            "cloudformation",
            "--config",
            "rolecall.toml",
            "--out",
            "templates",
            "--json",
        ],
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    let written: Vec<Value> = serde_json::from_str(&ran.out)?;
    let read = written.iter().map(|one| {
        let file = one["file"].as_str().context("a file")?;
        let text = fs::read_to_string(stack.folder().join(file))?;
        let account = one["account"].as_str().context("an account")?;
        Ok((account.to_owned(), serde_json::from_str(&text)?))
    });
    read.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_with_generated_templates_accept_the_gateway() -> Result<()> {
    let stack = stack_with("memory:").await?;
    // Nothing that the sample data created is left.
    let nobody = serde_json::json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "sts:*",
    } });
    for (account, set) in ROLES {
        let role = Role::with_trust_policy(nobody.clone());
        let account = stack.aws.account(account)?;
        account.role(&format!("rolecall/{set}"), role)?;
        account.delete_oidc_provider(stack.url());
        account.delete_saml_provider("arn:aws:iam::777788889999:saml-provider/rolecall");
    }
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    for role in ROLES {
        let (status, refused) = credentials(&alice, role).await?;
        ensure!(status.is_client_error(), "{role:?}: {refused}");
    }
    let mut roles = 0;
    for (account, template) in templates(&stack)? {
        roles += deploy(&stack.aws.account(&account)?, &template)?;
    }
    ensure!(roles == 9, "{roles}");
    for role in ROLES {
        let (status, issued) = credentials(&alice, role).await?;
        ensure!(status.is_success(), "{role:?}: {issued}");
    }
    ensure!(stack.aws.issued().len() == ROLES.len());
    Ok(())
}
