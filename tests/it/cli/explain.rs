//! `rolecalld explain`: roles and reasons for claims in a file.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, folder, rolecalld};

fn explain(folder: &TempDir, claims: &Value, more: &[&str]) -> Result<Ran> {
    fs::write(folder.path().join("claims.json"), claims.to_string())?;
    let mut arguments = vec![
        "explain",
        "--config",
        "rolecall.toml",
        "--claims",
        "claims.json",
    ];
    if !more.contains(&"--provider") {
        arguments.extend(["--provider", "example"]);
    }
    arguments.extend(more);
    rolecalld(folder.path(), &arguments)
}

fn alice() -> Value {
    json!({ "sub": "alice", "email": "alice@example.com", "email_verified": true,
            "groups": ["platform", "payments-dev"], "amr": ["pwd", "mfa"] })
}

fn bob() -> Value {
    json!({ "sub": "bob", "email": "bob@example.com", "email_verified": true, "groups": ["payments-dev"], "amr": ["pwd"] })
}

#[test]
fn size_of_the_claim_file_is_bounded() -> Result<()> {
    let folder = folder()?;
    let claims = json!({ "sub": "alice", "padding": "x".repeat(1024 * 1024) });
    let ran = explain(&folder, &claims, &[])?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err.contains("claims.json: longer than 1048576 bytes") && ran.err.contains("hint: "),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn explains_the_roles_of_the_demo_users() -> Result<()> {
    let folder = folder()?;
    let ran = explain(&folder, &alice(), &[])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out.contains(
            "  payments-prod/Administrator  arn:aws:iam::111122223333:role/rolecall/Administrator  "
        ),
        "{}",
        ran.out
    );
    let ran = explain(&folder, &bob(), &[])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(!ran.out.contains("Administrator  arn:"), "{}", ran.out);
    ensure!(
        ran.out
            .contains("Available under other conditions:\n  payments-prod/Developer  needs "),
        "{}",
        ran.out
    );
    let carol = json!({ "sub": "carol", "email": "carol@example.com", "email_verified": true });
    let ran = explain(&folder, &carol, &[])?;
    ensure!(ran.code == 1 && ran.err.is_empty(), "{ran:?}");
    ensure!(ran.out.starts_with("No roles.\n"), "{}", ran.out);
    Ok(())
}

/// Whose AWS credentials the gateway has is known to the gateway only: the command says what each case means.
#[test]
fn durations_are_those_of_the_pages() -> Result<()> {
    let folder = folder()?;
    let access = folder.path().join("access.toml");
    let policy = fs::read_to_string(&access)?;
    let about = [
        "--account",
        "payments-prod",
        "--permission-set",
        "Administrator",
    ];
    let ran = explain(&folder, &alice(), &about)?;
    ensure!(
        ran.out.contains("Administrator  1 h, limited by "),
        "{ran:?}"
    );
    let named = "name = \"payments-prod\"";
    let policy = policy.replacen(named, &format!("{named}\ntrust = \"caller\""), 1);
    fs::write(&access, &policy)?;
    let about = ["--account", "payments-prod", "--permission-set", "ReadOnly"];
    let ran = explain(&folder, &alice(), &about)?;
    ensure!(
        ran.out.contains(
            "ReadOnly  1 h, limited by role chaining if the gateway's AWS credentials are those of a role, or 8 h, limited by permission set ReadOnly if they are the keys of an IAM user  ("
        ),
        "{ran:?}"
    );
    let json = [&about[..], &["--json"]].concat();
    let ran = explain(&folder, &alice(), &json)?;
    let output: Value = serde_json::from_str(&ran.out)?;
    let role = &output["roles"][0];
    ensure!(
        role["duration_seconds"] == 3_600 && role["limited_by"] == "role chaining",
        "{role}"
    );
    let expected = json!({"duration_seconds": 28_800, "limited_by": "permission set ReadOnly"});
    ensure!(role["with_user_keys"] == expected, "{role}");
    // With an intermediate role it is certain.
    let via = "trust = \"caller\"\nvia = \"arn:aws:iam::999988887777:role/hub\"";
    fs::write(&access, policy.replacen("trust = \"caller\"", via, 1))?;
    let ran = explain(&folder, &alice(), &about)?;
    ensure!(
        ran.out
            .contains("ReadOnly  1 h, limited by role chaining  ("),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn single_role_is_printed_as_json() -> Result<()> {
    let folder = folder()?;
    for account in ["payments-prod", "111122223333"] {
        let about = [
            "--account",
            account,
            "--permission-set",
            "Developer",
            "--json",
        ];
        let ran = explain(&folder, &alice(), &about)?;
        ensure!(ran.code == 0, "{ran:?}");
        let answer: Value = serde_json::from_str(&ran.out)?;
        ensure!(
            answer["roles"][0]["label"] == "payments-prod/Developer",
            "{answer}"
        );
        ensure!(answer["roles"][0]["duration_seconds"] == 3_600, "{answer}");
        let assignments = &answer["roles"][0]["assignments"];
        ensure!(
            *assignments == json!(["payments-developers-in-production"]),
            "{answer}"
        );
    }
    let about = [
        "--account",
        "payments-prod",
        "--permission-set",
        "Administrator",
        "--json",
    ];
    let ran = explain(&folder, &bob(), &about)?;
    ensure!(ran.code == 1, "{ran:?}");
    let answer: Value = serde_json::from_str(&ran.out)?;
    ensure!(answer["roles"] == json!([]), "{answer}");
    ensure!(answer["assignments"][0]["id"] == "platform", "{answer}");
    Ok(())
}

#[test]
fn unknown_names_have_suggestions() -> Result<()> {
    let folder = folder()?;
    for (more, expected) in [
        (
            &["--provider", "exmaple"][..],
            "unknown identity provider exmaple\nhint: known identity providers: example\n",
        ),
        (
            &["--account", "payments-prd"],
            "unknown account payments-prd\nhint: did you mean \"payments-prod\"?\n",
        ),
        (
            &["--permission-set", "Devloper"],
            "unknown permission set Devloper\nhint: did you mean \"Developer\"?\n",
        ),
    ] {
        let ran = explain(&folder, &alice(), more)?;
        ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
        ensure!(ran.err == expected, "{}", ran.err);
    }
    let ran = explain(&folder, &json!(["no object"]), &[])?;
    ensure!(
        ran.code == 2 && ran.err.contains("claims.json: not a JSON object: "),
        "{ran:?}"
    );
    ensure!(
        ran.err
            .contains("\nhint: write the claims as in an ID token"),
        "{ran:?}"
    );
    let ran = explain(&folder, &json!({ "groups": [] }), &[])?;
    ensure!(
        ran.code == 2 && ran.err.starts_with("claims.json: "),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn every_key_is_shown_with_the_compared_value() -> Result<()> {
    let folder = folder()?;
    let access = folder.path().join("access.toml");
    let rules = r#"
[[assignment]]
id = "keys"
who = { provider = "example", users = ["alice@example.com"], groups = ["a", "b\u001b[2J"], claims = { department = ["x"] }, claims_matching = { "/realm/level" = "^[0-9]$" } }
accounts = ["sandbox"]
permission_sets = ["ReadOnly"]
when = { mfa = true, signed_in_within = "1h", network = ["10.0.0.0/8"], not_before = 2026-01-01, not_after = 2999-12-31, device_flow = false }

[[deny]]
id = "contractors"
who = { claims = { employment = ["contractor"] } }
reason = "not here"
"#;
    fs::write(&access, fs::read_to_string(&access)? + rules)?;
    let about = [
        "--account",
        "sandbox",
        "--permission-set",
        "ReadOnly",
        "--address",
        "192.0.2.7",
    ];
    let ran = explain(&folder, &bob(), &about)?;
    for line in [
        "    who.provider: satisfied: requires \"example\"; found \"example\"\n",
        "    who.users: not satisfied: requires \"alice@example.com\"; found \"bob@example.com\"\n",
        "    who.groups: not satisfied: requires \"a\" or \"b\\u{1b}[2J\"; found \"payments-dev\"\n",
        "    who.claims.department: not satisfied: requires \"x\"; found none\n",
        "    who.claims_matching./realm/level: not satisfied: requires \"^[0-9]$\"; found none\n",
        "    when.mfa: not satisfied: requires \"true\"; found \"false",
        "    when.signed_in_within: not satisfied: requires \"1 h\"; found none\n",
        "    when.network: not satisfied: requires \"10.0.0.0/8\"; found \"192.0.2.7\"\n",
        "    when.not_before: satisfied: requires \"1 January 2026, 00:00 UTC\"; found \"",
        "    when.device_flow: satisfied: requires \"false\"; found \"false\"\n",
        "    needed: the e-mail address \"alice@example.com\", and membership in the group \"a\" or ",
        "    who.claims.employment: not satisfied: requires \"contractor\"; found none\n",
    ] {
        ensure!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    ensure!(!ran.out.contains('\u{1b}'), "{}", ran.out);
    let ran = explain(&folder, &bob(), &[&about[..], &["--json"]].concat())?;
    let output: Value = serde_json::from_str(&ran.out)?;
    let rule = output["assignments"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|rule| rule["id"] == "keys");
    let rule = rule.unwrap_or(&Value::Null);
    ensure!(rule["outcome"] == "other_people", "{rule}");
    ensure!(
        rule["checks"][2]
            == json!({"key": "who.groups", "holds": false, "wanted": ["a", "b\u{1b}[2J"], "has": ["payments-dev"]}),
        "{rule}"
    );
    ensure!(
        rule["needed"][5] == "a sign-in within the last 1 h",
        "{rule}"
    );
    Ok(())
}
