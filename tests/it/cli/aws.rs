//! `rolecalld aws`: generated files and their errors.

mod doctor;
mod doctor_live;
mod doctor_published;
mod doctor_saml;
mod lint;
mod stack;
mod terraform;
mod trusts;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, change, folder, rolecalld};

const PRINCIPAL: &str = "arn:aws:iam::999988887777:role/rolecall-gateway";

/// The folder of the golden files.
fn golden() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cli/aws"))
}

/// A configuration with the access policy of the golden files.
fn configured() -> Result<TempDir> {
    let folder = folder()?;
    fs::copy(
        golden().join("access.toml"),
        folder.path().join("access.toml"),
    )?;
    Ok(folder)
}

fn aws(folder: &TempDir, arguments: &[&str]) -> Result<Ran> {
    let all = [&["aws"], arguments, &["--config", "rolecall.toml"]].concat();
    rolecalld(folder.path(), &all)
}

/// The golden files, with the arguments that print them.
const GOLDEN: [(&str, &[&str]); 5] = [
    (
        "cloudformation.json",
        &["cloudformation", "--account", "payments-prod"],
    ),
    ("terraform.tf", &["terraform", "--account", "payments-prod"]),
    (
        "terraform.tf.json",
        &[
            "terraform",
            "--account",
            "payments-prod",
            "--format",
            "json",
        ],
    ),
    (
        "trust-policies.json",
        &["trust-policy", "--gateway-principal", PRINCIPAL],
    ),
    ("resource-control-policy.json", &["resource-control-policy"]),
];

#[test]
fn generated_files_have_the_same_bytes() -> Result<()> {
    let folder = configured()?;
    for (file, arguments) in GOLDEN {
        let ran = aws(&folder, arguments)?;
        ensure!(ran.code == 0 && ran.err.is_empty(), "{file}: {ran:?}");
        let expected = fs::read_to_string(golden().join(file)).context(file)?;
        if ran.out != expected {
            let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
            fs::write(&found, &ran.out)?;
            anyhow::bail!(
                "{file} differs: compare with {}, and copy it if the change is intended",
                found.display()
            );
        }
    }
    Ok(())
}

#[test]
fn no_secret_is_needed() -> Result<()> {
    let folder = configured()?;
    fs::remove_file(folder.path().join("seal.key"))?;
    change(
        &folder,
        "{ env = \"ROLECALL_TEST_SECRET\" }",
        "{ file = \"missing\" }",
    )?;
    change(
        &folder,
        "url = \"sqlite:audit.db\"",
        "url = \"postgres://rolecall@db/rolecall\"\npassword = { env = \"ROLECALL_TEST_UNSET\" }",
    )?;
    let access = folder.path().join("access.toml");
    let more = "[[account]]\nid = \"777788889999\"\nname = \"sandbox\"\ntrust = \"federation-token\"\n\
        credentials = { access_key_id = { file = \"missing\" }, secret_access_key = { file = \"missing\" } }\n";
    fs::write(&access, format!("{}{more}", fs::read_to_string(&access)?))?;
    for (file, arguments) in GOLDEN {
        let ran = aws(&folder, arguments)?;
        let expected = fs::read_to_string(golden().join(file)).context(file)?;
        ensure!(ran.code == 0 && ran.out == expected, "{file}: {ran:?}");
    }
    // References are checked nevertheless, and so are unknown keys.
    change(&folder, "{ file = \"missing\" }", "\"hunter2\"")?;
    change(&folder, "[database]", "[databases]")?;
    let ran = aws(&folder, &["resource-control-policy"])?;
    for error in [
        "secrets are not allowed in the configuration",
        "did you mean `database`?",
    ] {
        ensure!(ran.code == 2 && ran.err.contains(error), "{ran:?}");
    }
    ensure!(!ran.err.contains("hunter2"), "{ran:?}");
    Ok(())
}

#[test]
fn files_are_written_for_each_account() -> Result<()> {
    let folder = configured()?;
    for (arguments, names) in [
        (
            &["cloudformation"][..],
            [
                "out/111122223333.json",
                "out/444455556666.json",
                "out/999988887777.json",
            ],
        ),
        (
            &["terraform"],
            [
                "out/111122223333/rolecall.tf",
                "out/444455556666/rolecall.tf",
                "out/999988887777/rolecall.tf",
            ],
        ),
    ] {
        let ran = aws(
            &folder,
            &[
                arguments,
                &["--out", "out", "--json", "--gateway-principal", PRINCIPAL],
            ]
            .concat(),
        )?;
        ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
        let written: Vec<Value> = serde_json::from_str(&ran.out)?;
        let files: Vec<&Value> = written.iter().map(|one| &one["file"]).collect();
        // By name of the account: payments-dev is before payments-prod. That of the gateway is not in the access policy.
        let ordered = [names[1], names[0], names[2]];
        ensure!(files == ordered, "{files:?}");
        ensure!(written[2].get("name").is_none(), "{written:?}");
        ensure!(
            written[1]["roles"] == 3 && written[1]["name"] == "payments-prod",
            "{written:?}"
        );
        for (name, one) in ordered.iter().zip(&written) {
            let body = fs::read(folder.path().join(name))?;
            ensure!(one["bytes"] == body.len(), "{one}");
        }
        let ran = aws(
            &folder,
            &[arguments, &["--out", "out", "--account", "111122223333"]].concat(),
        )?;
        let prefix = format!("{}: payments-prod (111122223333), 3 roles, ", names[0]);
        ensure!(ran.code == 0 && ran.out.starts_with(&prefix), "{ran:?}");
    }
    Ok(())
}

#[test]
fn trust_policy_of_one_role_is_a_document() -> Result<()> {
    let folder = configured()?;
    let one = [
        "trust-policy",
        "--account",
        "payments-prod",
        "--permission-set",
    ];
    let ran = aws(&folder, &[&one[..], &["Developer@audit"]].concat())?;
    ensure!(ran.code == 0, "{ran:?}");
    let document: Value = serde_json::from_str(&ran.out)?;
    let equals = &document["Statement"][0]["Condition"]["StringEquals"];
    ensure!(
        equals["aws:RequestTag/rolecall:permission-set"] == "Developer@audit",
        "{document}"
    );
    let ran = aws(&folder, &[&one[..], &["Developer"]].concat())?;
    let listed: Vec<Value> = serde_json::from_str(&ran.out)?;
    let roles: Vec<&Value> = listed.iter().map(|one| &one["role"]).collect();
    ensure!(
        roles
            == [
                "arn:aws:iam::111122223333:role/rolecall/Audit",
                "arn:aws:iam::111122223333:role/rolecall/Developer"
            ],
        "{roles:?}"
    );
    let ran = aws(
        &folder,
        &[&one[..], &["Developer@audit", "--json"]].concat(),
    )?;
    ensure!(ran.out.starts_with("[\n"), "{ran:?}");
    Ok(())
}

#[test]
fn errors_have_hints() -> Result<()> {
    let folder = configured()?;
    for (arguments, code, error, hint) in [
        (
            &["cloudformation"][..],
            2,
            "payments-dev has trust = \"caller\"",
            "--gateway-principal",
        ),
        (
            &["cloudformation", "--gateway-principal", PRINCIPAL],
            2,
            "3 files: only one can be printed",
            "--out",
        ),
        (
            &["terraform", "--account", "payment-prod"],
            2,
            "unknown account payment-prod",
            "payments-prod",
        ),
        (
            &["trust-policy", "--permission-set", "Develop"],
            2,
            "unknown permission set Develop",
            "Developer",
        ),
        (
            &[
                "trust-policy",
                "--account",
                "payments-prod",
                "--permission-set",
                "ReadOnly@x",
            ],
            1,
            "no such role is assigned",
            "an assignment must grant",
        ),
        (
            &["trust-policy", "--saml-metadata", "missing.xml"],
            2,
            "missing.xml: cannot read",
            "",
        ),
        (
            &["cloudformation", "--gateway-principal", "gateway"],
            2,
            "write the ARN of an IAM role or user",
            "",
        ),
        (&["cloudformation", "--json"], 2, "--out", ""),
        (
            &["cloudformation", "--region", "eu-west-1"],
            2,
            "--organizational-unit",
            "",
        ),
        (
            &["cloudformation", "--organizational-unit", "Workloads"],
            2,
            "write the ID of the root, r-abcd",
            "",
        ),
    ] {
        let ran = aws(&folder, arguments)?;
        ensure!(
            ran.code == code && ran.out.is_empty(),
            "{arguments:?} {ran:?}"
        );
        ensure!(
            ran.err.contains(error) && ran.err.contains(hint),
            "{arguments:?} {ran:?}"
        );
    }
    change(
        &folder,
        "sts_region = \"eu-west-1\"",
        "sts_region = \"eu-west-1\"\nrole_claim = false",
    )?;
    let ran = aws(&folder, &["resource-control-policy"])?;
    ensure!(ran.code == 2 && ran.err.contains("role_claim"), "{ran:?}");
    Ok(())
}

#[test]
fn notes_are_warnings() -> Result<()> {
    let folder = folder()?;
    let access = folder.path().join("access.toml");
    let text = fs::read_to_string(&access)?.replace("managed_policies", "# managed_policies");
    fs::write(&access, text)?;
    let ran = aws(&folder, &["cloudformation", "--account", "payments-prod"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.err.contains(
            "warning: the role rolecall/Developer has no permissions: set managed_policies"
        ),
        "{}",
        ran.err
    );
    ensure!(ran.out.starts_with("{\n"), "{}", ran.out);
    Ok(())
}

#[test]
fn stack_sets_have_a_template_and_the_management_account_its_own() -> Result<()> {
    let folder = configured()?;
    let access = folder.path().join("access.toml");
    let more = "[[account]]\nid = \"999900001111\"\nname = \"payments-management\"\n";
    fs::write(&access, format!("{}{more}", fs::read_to_string(&access)?))?;
    let arguments = [
        "cloudformation",
        "--organizational-unit",
        "r-abcd",
        "--organizational-unit",
        "ou-abcd-12345678",
        "--gateway-principal",
        PRINCIPAL,
    ];
    let ran = aws(
        &folder,
        &[
            &arguments[..],
            &[
                "--management-account",
                "payments-management",
                "--out",
                "out",
                "--json",
            ],
        ]
        .concat(),
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.err
            == "warning: payments-dev is left out: its trust has values of its own; generate its template with --account\n\
                warning: 999988887777 is left out: its trust has values of its own; generate its template with --account\n",
        "{}",
        ran.err
    );
    let written: Vec<Value> = serde_json::from_str(&ran.out)?;
    let files: Vec<&Value> = written.iter().map(|one| &one["file"]).collect();
    ensure!(
        files == ["out/stack-sets.json", "out/999900001111.json"],
        "{files:?}"
    );
    ensure!(written[0]["stack_sets"] == 4, "{written:?}");
    let template = fs::read_to_string(folder.path().join("out/stack-sets.json"))?;
    let template: Value = serde_json::from_str(&template)?;
    let resources = template["Resources"].as_object().context("resources")?;
    for resource in resources.values() {
        let instances = &resource["Properties"]["StackInstancesGroup"][0];
        ensure!(
            instances["DeploymentTargets"]["Accounts"] == serde_json::json!(["111122223333"]),
            "{instances}"
        );
        ensure!(instances["Regions"][0] == "eu-west-1", "{instances}");
    }
    // Without a management account there is one file, which can be printed.
    let ran = aws(&folder, &arguments)?;
    ensure!(ran.code == 0 && ran.out.starts_with("{\n"), "{ran:?}");
    Ok(())
}
