//! `rolecalld aws doctor --live` with moto as IAM, and the AWS CLI for the commands that correct findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::{BehaviorVersion, Region};
use rolecall_harness::{TestStack, TestStackSettings};
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python::Moto;
use rolecalld::aws::http_client;
use serde_json::Value;

use crate::cli::{Ran, program, rolecalld};

/// The account of moto's keys.
const ACCOUNT: &str = "123456789012";

const ACCESS: &str = r#"
[[account]]
id = "123456789012"
name = "moto"

[[permission_set]]
name = "Developer"
role = "rolecall/Developer"
session_duration = "4h"
source_identity = "{email|aws}"
inline_policy = '{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" } }'

[[permission_set]]
name = "ReadOnly"
role = "rolecall/ReadOnly"
inline_policy = '{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:List*", "Resource": "*" } }'

[[permission_set]]
name = "Retired"
role = "rolecall/Retired"

[[assignment]]
id = "all"
who = { everyone = true }
accounts = ["moto"]
permission_sets = ["Developer", "ReadOnly"]
"#;

/// The finding about the port of a gateway on loopback.
const LOOPBACK: [&str; 2] = ["--ignore", "issuer-url"];

/// The environment of a shell with moto's credentials.
fn with_moto<'c>(command: &'c mut Command, moto: &Moto) -> &'c mut Command {
    for variable in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"] {
        command.env_remove(variable);
    }
    command
        .env("AWS_ENDPOINT_URL", moto.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
}

/// Waits for a command without blocking the gateway.
async fn output(mut command: Command) -> Result<Ran> {
    let ran = tokio::task::spawn_blocking(move || {
        let output = command.output()?;
        Ok(Ran {
            code: output.status.code().context("terminated by a signal")?,
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    });
    ran.await?
}

/// Adds the authority of the gateway's certificate to the configuration.
fn trust_authority(stack: &TestStack) -> Result<()> {
    let authority = stack.authority().context("an authority")?;
    fs::write(stack.folder().join("ca.pem"), authority)?;
    let path = stack.folder().join("rolecall.toml");
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(
        path,
        format!("{text}\n[egress]\nca = [\"ca.pem\"]\n"),
    )?)
}

async fn doctor(stack: &TestStack, moto: &Moto, arguments: &[&str]) -> Result<(i32, Value)> {
    let mut command = program(stack.folder());
    let common = [
        "aws",
        "doctor",
        "--config",
        "rolecall.toml",
        "--access",
        "moto.toml",
        "--live",
        "--json",
    ];
    command.args(common).args(arguments);
    with_moto(&mut command, moto);
    let ran = output(command).await?;
    let report = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
    Ok((ran.code, report))
}

fn ids(report: &Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter_map(|one| one["id"].as_str()).collect()
}

/// Creates the resources of the template that the gateway generates.
async fn deploy(stack: &TestStack, iam: &Client) -> Result<()> {
    let arguments = [
        "aws",
        "cloudformation",
        "--config",
        "rolecall.toml",
        "--access",
        "moto.toml",
    ];
    let ran = rolecalld(stack.folder(), &arguments)?;
    ensure!(ran.code == 0, "{ran:?}");
    let template: Value = serde_json::from_str(&ran.out)?;
    for resource in template["Resources"]
        .as_object()
        .context("resources")?
        .values()
    {
        let properties = &resource["Properties"];
        let text = |name: &str| properties[name].as_str().with_context(|| name.to_owned());
        if resource["Type"] == "AWS::IAM::OIDCProvider" {
            let request = iam.create_open_id_connect_provider().url(text("Url")?);
            let client_id = properties["ClientIdList"][0]
                .as_str()
                .context("a client ID")?;
            request.client_id_list(client_id).send().await?;
            continue;
        }
        let seconds = properties["MaxSessionDuration"]
            .as_i64()
            .context("a duration")?;
        let trust = properties["AssumeRolePolicyDocument"].to_string();
        let request = iam
            .create_role()
            .path(text("Path")?)
            .role_name(text("RoleName")?);
        let request = request.assume_role_policy_document(trust);
        request
            .max_session_duration(i32::try_from(seconds)?)
            .send()
            .await?;
        let policy = &properties["Policies"][0];
        let request = iam.put_role_policy().role_name(text("RoleName")?);
        let request = request.policy_name(policy["PolicyName"].as_str().context("a name")?);
        request
            .policy_document(policy["PolicyDocument"].to_string())
            .send()
            .await?;
    }
    Ok(())
}

/// Changes the account. Returns the findings that this causes.
async fn drift(iam: &Client, provider: &str) -> Result<BTreeSet<&'static str>> {
    let role = iam.get_role().role_name("Developer").send().await?;
    let role = role.role().context("a role")?;
    let encoded = role.assume_role_policy_document().context("a policy")?;
    let encoded = format!("policy={}", encoded.replace('+', "%2B"));
    let (_, trust) = url::form_urlencoded::parse(encoded.as_bytes())
        .next()
        .context("a policy")?;
    let mut trust: Value = serde_json::from_str(&trust)?;
    // A role that nobody is assigned, with the trust policy and a policy.
    let request = iam.create_role().path("/rolecall/").role_name("Retired");
    request
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    for name in ["Retired", "ReadOnly"] {
        let request = iam.put_role_policy().role_name(name).policy_name("a b");
        request.policy_document(document).send().await?;
    }
    let conditions = trust["Statement"][0]["Condition"]["StringEquals"].as_object_mut();
    let conditions = conditions.context("conditions")?;
    conditions.retain(|key, _| !key.ends_with("rolecall:account"));
    let request = iam.update_assume_role_policy().role_name("Developer");
    request.policy_document(trust.to_string()).send().await?;
    iam.update_role()
        .role_name("Developer")
        .max_session_duration(3_600)
        .send()
        .await?;
    let request = iam.delete_role_policy().role_name("Developer");
    request.policy_name("permissions").send().await?;
    let request = iam.update_open_id_connect_provider_thumbprint();
    let request = request.open_id_connect_provider_arn(provider);
    request.thumbprint_list("0".repeat(40)).send().await?;
    Ok(BTreeSet::from([
        "role-not-assigned",
        "inline-policy-extra",
        "trust-account-tag-missing",
        "duration-short",
        "inline-policy-missing",
        "oidc-thumbprint",
    ]))
}

/// Runs the commands of all findings with the AWS CLI.
async fn correct(report: &Value, python: &Path, moto: &Moto) -> Result<()> {
    let programs = python.parent().context("the folder of the interpreter")?;
    let findings = report["findings"].as_array().context("findings")?;
    for command in findings
        .iter()
        .flat_map(|one| one["fix"]["commands"].as_array())
        .flatten()
    {
        let line = command.as_str().context("a command")?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).env("PATH", programs);
        with_moto(&mut shell, moto);
        let ran = output(shell).await?;
        ensure!(ran.code == 0, "{line}: {ran:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_findings_correct_the_account() -> Result<()> {
    let Some(python) = PYTHON_PEERS.path() else {
        return Ok(());
    };
    let settings = TestStackSettings {
        tls: true,
        ..TestStackSettings::default()
    };
    let (stack, moto) = (TestStack::start(settings).await?, Moto::start().await?);
    fs::write(stack.folder().join("moto.toml"), ACCESS)?;
    trust_authority(&stack)?;
    let iam = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http_client())
        .endpoint_url(moto.url());
    let iam = Client::from_conf(iam.build());
    deploy(&stack, &iam).await?;
    let (code, report) = doctor(&stack, &moto, &[]).await?;
    ensure!(
        code == 1 && ids(&report) == BTreeSet::from(["issuer-url"]),
        "{report:#}"
    );
    let (code, report) = doctor(&stack, &moto, &LOOPBACK).await?;
    ensure!(code == 0 && report["checked"]["roles"] == 2, "{report:#}");
    ensure!(
        !report["not_checked"]
            .to_string()
            .contains("MaxSessionDuration"),
        "{report:#}"
    );
    let host = stack.url().trim_start_matches("https://");
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}");
    let expected = drift(&iam, &provider).await?;
    let (code, report) = doctor(&stack, &moto, &LOOPBACK).await?;
    ensure!(code == 1 && ids(&report) == expected, "{report:#}");
    correct(&report, &python, &moto).await?;
    let (code, report) = doctor(&stack, &moto, &LOOPBACK).await?;
    ensure!(code == 0, "{report:#}");
    // Nothing was requested but reads.
    ensure!(stack.aws.issued().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shell_without_credentials_is_explained() -> Result<()> {
    let folder = super::configured()?;
    let mut command = program(folder.path());
    command
        .args([
            "aws",
            "doctor",
            "--config",
            "rolecall.toml",
            "--live",
            "--account",
            "payments-prod",
        ])
        .env_clear()
        .env("ROLECALL_TEST_SECRET", "x")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ran = output(command).await?;
    ensure!(ran.code == 1 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err.contains("cannot read the account") && ran.err.contains("AWS_PROFILE"),
        "{ran:?}"
    );
    Ok(())
}
