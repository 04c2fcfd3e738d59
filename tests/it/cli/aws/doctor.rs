//! `rolecalld aws doctor` with the output of the AWS CLI for accounts that were set up with generated templates.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use rolecall_core::drift::FindingKind;
use rolecall_test_requirements::PYTHON_PEERS;
use rolecall_testkit::python;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, aws, configured};
use crate::cli::{change, rolecalld};
use crate::manual;

const ACCOUNT: &str = "111122223333";

/// `aws iam get-account-authorization-details` and `list-roles` after the deployment of a template.
struct Output {
    details: Value,
    roles: Value,
}

impl Output {
    /// The output for the account payments-prod of the golden files.
    fn of_generated(folder: &TempDir) -> Result<Self> {
        let ran = aws(folder, &["cloudformation", "--account", ACCOUNT])?;
        ensure!(ran.code == 0, "{ran:?}");
        let template: Value = serde_json::from_str(&ran.out)?;
        let resources = template["Resources"].as_object().context("resources")?;
        let (mut details, mut roles) = (Vec::new(), Vec::new());
        for resource in resources
            .values()
            .filter(|one| one["Type"] == "AWS::IAM::Role")
        {
            let role = &resource["Properties"];
            let (path, name) = (&role["Path"], &role["RoleName"]);
            let path_text = path.as_str().context("a path")?;
            let arn = format!(
                "arn:aws:iam::{ACCOUNT}:role{path_text}{}",
                name.as_str().context("a name")?
            );
            let managed = role["ManagedPolicyArns"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let attached = managed
                .into_iter()
                .map(|arn| json!({ "PolicyName": "x", "PolicyArn": arn }));
            let mut detail = json!({
                "Path": path, "RoleName": name, "RoleId": "AROAEXAMPLE", "Arn": arn,
                "CreateDate": "2026-01-01T00:00:00+00:00", "InstanceProfileList": [], "Tags": [],
                "AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"],
                "RolePolicyList": role["Policies"].as_array().cloned().unwrap_or_default(),
                "AttachedManagedPolicies": attached.collect::<Vec<_>>(),
            });
            if let Some(boundary) = role.get("PermissionsBoundary") {
                detail["PermissionsBoundary"] = json!({
                    "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary,
                });
            }
            details.push(detail);
            roles.push(json!({ "Arn": arn, "MaxSessionDuration": role["MaxSessionDuration"] }));
        }
        Ok(Self {
            details: json!({
                "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": details, "Policies": [],
                "IsTruncated": false,
            }),
            roles: json!({ "Roles": roles }),
        })
    }

    fn save(&self, folder: &TempDir) -> Result<()> {
        fs::write(folder.path().join("details.json"), self.details.to_string())?;
        Ok(fs::write(
            folder.path().join("roles.json"),
            self.roles.to_string(),
        )?)
    }

    fn role(&mut self, name: &str) -> Result<&mut Value> {
        let roles = self.details["RoleDetailList"]
            .as_array_mut()
            .context("roles")?;
        let mut roles = roles.iter_mut();
        roles
            .find(|role| role["RoleName"] == name)
            .context("the role")
    }
}

/// A configuration with keys, and the output for its account.
fn prepared() -> Result<(TempDir, Output)> {
    let folder = configured()?;
    let ran = rolecalld(
        folder.path(),
        &["keys", "generate", "--config", "rolecall.toml"],
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    let output = Output::of_generated(&folder)?;
    output.save(&folder)?;
    Ok((folder, output))
}

fn doctor(folder: &TempDir, arguments: &[&str]) -> Result<Ran> {
    let common = ["doctor", "--account", ACCOUNT];
    aws(folder, &[&common, arguments].concat())
}

const SAVED: [&str; 4] = [
    "--authorization-details",
    "details.json",
    "--roles",
    "roles.json",
];

/// The IDs of the findings of a report in JSON.
fn ids(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter_map(|one| one["id"].as_str()).collect()
}

#[test]
fn generated_accounts_have_no_findings() -> Result<()> {
    let (folder, _) = prepared()?;
    let ran = doctor(&folder, &SAVED)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out
            .ends_with("no findings; 1 account and 3 roles compared\n"),
        "{ran:?}"
    );
    for unseen in ["SCPs and RCPs", "OIDC provider of account 111122223333"] {
        ensure!(ran.out.contains(unseen), "{ran:?}");
    }
    let provider = json!({ "Url": "sso.example.com", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": [] });
    fs::write(folder.path().join("oidc.json"), provider.to_string())?;
    let named = ["--oidc-provider", "payments-prod=oidc.json", "--json"];
    let ran = doctor(&folder, &[&SAVED[..], &named].concat())?;
    let report: Value = serde_json::from_str(&ran.out)?;
    ensure!(ran.code == 0 && report["findings"] == json!([]), "{report}");
    ensure!(
        report["checked"] == json!({ "accounts": [ACCOUNT], "roles": 3 }),
        "{report}"
    );
    let unseen = report["not_checked"].to_string();
    ensure!(
        !unseen.contains("OIDC") && !unseen.contains("keys"),
        "{unseen}"
    );
    Ok(())
}

#[test]
fn provider_has_the_url_of_the_issuer() -> Result<()> {
    let (folder, _) = prepared()?;
    let keys = "keys = \"keys/\"\n";
    let elsewhere = format!("{keys}url = \"https://keys.example.com/rolecall\"\n");
    change(&folder, keys, &elsewhere)?;
    for (url, expected) in [
        ("keys.example.com/rolecall", &[][..]),
        ("sso.example.com", &["oidc-provider-url"]),
    ] {
        let provider = json!({ "Url": url, "ClientIDList": ["sts.amazonaws.com"] });
        fs::write(folder.path().join("oidc.json"), provider.to_string())?;
        let ran = doctor(&folder, &["--oidc-provider", "oidc.json", "--json"])?;
        let report: Value = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
        ensure!(ids(&report) == expected, "{url}: {report}");
    }
    Ok(())
}

#[test]
fn findings_have_stable_members_and_a_command() -> Result<()> {
    let (folder, mut output) = prepared()?;
    let statement = &mut output.role("Developer")?["AssumeRolePolicyDocument"]["Statement"][0];
    statement["Condition"]["StringEquals"]["sso.example.com:aud"] =
        json!(["sts.amazonaws.com", "x"]);
    output.save(&folder)?;
    let ran = doctor(&folder, &[&SAVED[..], &["--json"]].concat())?;
    let report: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        ran.code == 1 && ids(&report) == ["trust-audience-wider"],
        "{ran:?}"
    );
    let finding = report["findings"][0].as_object().context("an object")?;
    let members: Vec<&str> = finding.keys().map(String::as_str).collect();
    let expected = [
        "account",
        "account_name",
        "fix",
        "found",
        "id",
        "resource",
        "severity",
        "why",
    ];
    ensure!(members == expected, "{members:?}");
    ensure!(finding["resource"] == "arn:aws:iam::111122223333:role/rolecall/Developer");
    ensure!(finding["account_name"] == "payments-prod" && finding["severity"] == "high");
    let ran = doctor(&folder, &SAVED)?;
    for part in [
        "high: trust-audience-wider payments-prod (111122223333)\n",
        "  found: statement 1: sso.example.com:aud also accepts x\n",
        "  fix:   aws iam update-assume-role-policy --role-name Developer --policy-document '{",
        "\n1 finding: 1 high, 0 medium, 0 low; 1 account and 3 roles compared\n",
    ] {
        ensure!(ran.out.contains(part), "{part}: {ran:?}");
    }
    let ignoring = ["--ignore", "trust-audience-wider"];
    let ran = doctor(&folder, &[&SAVED[..], &ignoring].concat())?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}

#[test]
fn commands_repeat_the_options() -> Result<()> {
    let (folder, mut output) = prepared()?;
    let roles = output.details["RoleDetailList"].as_array_mut();
    roles
        .context("roles")?
        .retain(|role| role["RoleName"] != "Audit");
    output.save(&folder)?;
    let options = "--access access.toml --existing-provider payments-prod --json";
    let options: Vec<&str> = options.split(' ').collect();
    let ran = doctor(&folder, &[&SAVED[..], &options[..]].concat())?;
    let report: Value = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
    ensure!(ids(&report) == ["role-missing"], "{report}");
    let command = report["findings"][0]["fix"]["commands"][0].as_str();
    let command = command.context("a command")?;
    let expected = "--access access.toml --existing-provider payments-prod --account 111122223333";
    ensure!(command.contains(expected), "{command}");
    Ok(())
}

#[test]
fn wrong_input_is_explained() -> Result<()> {
    let (folder, output) = prepared()?;
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text);
    write("broken.json", b"{\"RoleDetailList\": [")?;
    write("other.json", b"{}")?;
    write("utf16.json", b"\xff\xfe{\0}\0")?;
    let mut truncated = output.details.clone();
    truncated["IsTruncated"] = true.into();
    write("truncated.json", truncated.to_string().as_bytes())?;
    write("oidc.json", b"{\"Url\": \"sso.example.com\"}")?;
    for (arguments, error, hint) in [
        (&[][..], "--authorization-details", ""),
        (
            &["--authorization-details", "missing.json"],
            "missing.json: cannot read",
            "",
        ),
        (
            &["--authorization-details", "broken.json"],
            "EOF while parsing",
            "--output json",
        ),
        (
            &["--authorization-details", "other.json"],
            "missing field",
            "--output json",
        ),
        (
            &["--authorization-details", "utf16.json"],
            "UTF-16",
            "UTF-8",
        ),
        (
            &["--authorization-details", "truncated.json"],
            "not complete",
            "--max-items",
        ),
        (
            &["--oidc-provider", "payment-prod=oidc.json"],
            "unknown account",
            "payments-prod",
        ),
        (
            &["--authorization-details", "details.json", "--ignore", "x"],
            "no such finding",
            "",
        ),
    ] {
        let ran = doctor(&folder, arguments)?;
        ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
        ensure!(ran.err.contains(error) && ran.err.contains(hint), "{ran:?}");
    }
    let ran = aws(
        &folder,
        &[
            "doctor",
            "--oidc-provider",
            "oidc.json",
            "--gateway-principal",
            super::PRINCIPAL,
        ],
    )?;
    ensure!(
        ran.code == 2 && ran.err.contains("write ACCOUNT=FILE"),
        "{ran:?}"
    );
    Ok(())
}

/// 100 MB: a real account has less, and most of it are policies of AWS.
#[test]
fn large_output_is_read() -> Result<()> {
    let (folder, output) = prepared()?;
    let document = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": vec!["service:Action"; 300], "Resource": "*",
    }] });
    let version = json!({ "VersionId": "v1", "IsDefaultVersion": true, "Document": document });
    let policy = json!({ "PolicyName": "x", "Arn": "arn:aws:iam::aws:policy/x", "PolicyVersionList": [version] });
    let policy = policy.to_string();
    let file = fs::File::create(folder.path().join("details.json"))?;
    let mut file = std::io::BufWriter::new(file);
    let text = output.details.to_string();
    let (before, after) = text.split_once("\"Policies\":[").context("policies")?;
    write!(file, "{before}\"Policies\":[{policy}")?;
    for _ in 0..100 * 1024 * 1024 / policy.len() {
        write!(file, ",{policy}")?;
    }
    write!(file, "{after}")?;
    file.flush()?;
    ensure!(fs::metadata(folder.path().join("details.json"))?.len() > 100_000_000);
    let ran = doctor(&folder, &SAVED)?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}

#[test]
fn every_finding_is_documented() -> Result<()> {
    let page = manual::read("docs/doctor.md")?;
    for kind in FindingKind::all() {
        let id = kind.id();
        ensure!(
            page.contains(&format!("`{id}`")),
            "{id} is not in docs/doctor.md"
        );
    }
    Ok(())
}

/// What cloudsplaining reads: for each role its actions, and whether anybody can assume it.
fn cloudsplaining(output: &Value) -> Result<Value> {
    let mut command = python::script("authorization_details.py")?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("stdin")?;
    stdin.write_all(output.to_string().as_bytes())?;
    drop(stdin);
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "{}", done.status);
    let text = String::from_utf8(done.stdout)?;
    // It reports missing policies on stdout.
    let last = text.lines().last().context("output")?;
    Ok(serde_json::from_str(last)?)
}

#[test]
fn cloudsplaining_reads_the_same_roles() -> Result<()> {
    if PYTHON_PEERS.path().is_none() {
        return Ok(());
    }
    let (folder, mut output) = prepared()?;
    let clean = cloudsplaining(&output.details)?;
    let roles = clean.as_object().context("roles")?;
    ensure!(
        roles.keys().collect::<Vec<_>>() == ["Audit", "Developer", "ReadOnly"],
        "{clean}"
    );
    ensure!(
        clean["Developer"]["actions"] == json!(["s3:GetObject"]),
        "{clean}"
    );
    ensure!(
        roles.values().all(|role| role["anybody"] == json!([])),
        "{clean}"
    );
    let statement = &mut output.role("Developer")?["AssumeRolePolicyDocument"]["Statement"][0];
    statement["Principal"] = json!({ "AWS": "*" });
    statement["Action"] = "sts:AssumeRole".into();
    output.save(&folder)?;
    let drifted = cloudsplaining(&output.details)?;
    ensure!(drifted["Developer"]["anybody"] == json!(["*"]), "{drifted}");
    let ran = doctor(&folder, &[&SAVED[..], &["--json"]].concat())?;
    let report: Value = serde_json::from_str(&ran.out)?;
    ensure!(ids(&report).contains(&"trust-principal-wider"), "{report}");
    Ok(())
}
