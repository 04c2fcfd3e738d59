//! Accounts that are set up with generated templates accept the sessions of the gateway.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_testkit::browser::Browser;
use serde_json::Value;

use crate::cli::rolecalld;
use crate::operate::{credentials, sign_in};

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

/// A gateway with the accounts of the sample data, in which nothing exists yet, and a browser of alice.
async fn empty() -> Result<(TestStack, Browser)> {
    let stack = TestStack::start(TestStackSettings {
        prepare_aws: Some(Box::new(|aws, _| {
            for (account, _) in ROLES {
                aws.account(account)?;
            }
            Ok(None)
        })),
        ..TestStackSettings::default()
    })
    .await?;
    let mut alice = Browser::new()?;
    sign_in(stack.url(), &mut alice, "alice").await?;
    for role in ROLES {
        let (status, refused) = credentials(&alice, role).await?;
        ensure!(status.is_client_error(), "{role:?}: {refused}");
    }
    Ok((stack, alice))
}

async fn every_role_is_accepted(alice: &Browser) -> Result<()> {
    for role in ROLES {
        let (status, issued) = credentials(alice, role).await?;
        ensure!(status.is_success(), "{role:?}: {issued}");
    }
    Ok(())
}

/// The templates that the command generates with these options: file name, account and text.
fn templates(stack: &TestStack, options: &[&str]) -> Result<Vec<(String, Option<String>, String)>> {
    let common = [
        "aws",
        "cloudformation",
        "--config",
        "rolecall.toml",
        "--out",
        "out",
        "--json",
    ];
    let ran = rolecalld(stack.folder(), &[&common[..], options].concat())?;
    ensure!(ran.code == 0, "{ran:?}");
    let written: Vec<Value> = serde_json::from_str(&ran.out)?;
    let read = written.iter().map(|one| {
        let file = one["file"].as_str().context("a file")?;
        let text = fs::read_to_string(stack.folder().join(file))?;
        Ok((
            file.to_owned(),
            one["account"].as_str().map(str::to_owned),
            text,
        ))
    });
    read.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_with_generated_templates_accept_the_gateway() -> Result<()> {
    let (stack, alice) = empty().await?;
    let mut roles = 0;
    for (file, account, template) in templates(&stack, &[])? {
        let account = stack.aws.account(&account.context(file)?)?;
        roles += account.deploy("rolecall", &template, &[])?.roles.len();
    }
    ensure!(roles == ROLES.len(), "{roles}");
    every_role_is_accepted(&alice).await?;
    ensure!(stack.aws.issued().len() == ROLES.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stack_sets_set_up_all_accounts_but_the_management_account() -> Result<()> {
    let (stack, alice) = empty().await?;
    let management = ROLES[0].0;
    stack.aws.organization().set_management_account(management);
    let options = [
        "--organizational-unit",
        "r-abcd",
        "--management-account",
        management,
    ];
    let files = templates(&stack, &options)?;
    let names: Vec<&str> = files.iter().map(|(file, ..)| file.as_str()).collect();
    ensure!(
        names == ["out/stack-sets.json", "out/111122223333.json"],
        "{names:?}"
    );
    let account = stack.aws.account(management)?;
    let deployed = account.deploy("rolecall-stack-sets", &files[0].2, &[])?;
    ensure!(deployed.roles.len() == 6, "{:?}", deployed.roles);
    ensure!(
        deployed.roles.iter().all(|role| !role.contains(management)),
        "{:?}",
        deployed.roles
    );
    let (status, refused) = credentials(&alice, ROLES[0]).await?;
    ensure!(status.is_client_error(), "{refused}");
    account.deploy("rolecall", &files[1].2, &[])?;
    every_role_is_accepted(&alice).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn existing_providers_are_not_created() -> Result<()> {
    let (stack, alice) = empty().await?;
    let account = stack.aws.account(ROLES[0].0)?;
    account.oidc_provider(stack.url(), &["sts.amazonaws.com", "another"])?;
    let all = templates(&stack, &[])?;
    let of_account = |files: &[(String, Option<String>, String)]| {
        let mut files = files.iter();
        let found = files.find(|(_, account, _)| account.as_deref() == Some(ROLES[0].0));
        found.map(|(.., text)| text.clone()).context("no template")
    };
    let error = account.deploy("rolecall", &of_account(&all)?, &[]).err();
    let error = error.context("the provider was created twice")?;
    ensure!(format!("{error:#}").contains("already exists"), "{error:#}");
    let without = templates(&stack, &["--existing-provider", "payments-prod"])?;
    ensure!(
        without
            .iter()
            .zip(&all)
            .all(|(one, other)| { one == other || one.1.as_deref() == Some(ROLES[0].0) }),
        "other accounts are not concerned"
    );
    account.deploy("rolecall", &of_account(&without)?, &[])?;
    let (status, issued) = credentials(&alice, ROLES[0]).await?;
    ensure!(status.is_success(), "{issued}");
    for (_, _, template) in templates(&stack, &["--existing-provider", "*"])? {
        ensure!(!template.contains("Provider\","), "{template}");
    }
    Ok(())
}
