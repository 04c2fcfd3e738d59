//! Gains of access are shown and refused; losses are shown.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{access, folder, import, sample, save};

/// Each way in which an account gains: unit, tag, name, and a deny rule that no longer covers it.
#[test]
fn each_kind_of_gain_is_refused() -> Result<()> {
    const RULES: &str = r#"
[[assignment]]
id = "by-ou"
who = { groups = ["x"] }
accounts = ["ou:Workloads/**"]
permission_sets = ["Developer"]
[[assignment]]
id = "by-tag"
who = { groups = ["x"] }
accounts = ["tag:team=payments"]
permission_sets = ["Developer"]
[[assignment]]
id = "by-name"
who = { groups = ["x"] }
accounts = ["payments-*"]
permission_sets = ["Developer"]
[[deny]]
id = "never-in-prod"
who = { groups = ["contractors"] }
accounts = ["tag:env=prod", "tag:env=sandbox"]
"#;
    let folder = folder()?;
    let policy = access(&folder)? + RULES;
    for (options, index, changed, expected) in [
        (
            &[][..],
            2,
            (
                "777788889999",
                "sandbox",
                "Workloads/Labs",
                json!({"env": "sandbox"}),
            ),
            "GAIN: assignment by-ou now covers:\n  sandbox (777788889999): Developer, except for people to whom never-in-prod applies\n",
        ),
        (
            &[],
            2,
            (
                "777788889999",
                "sandbox",
                "Sandbox",
                json!({"env": "sandbox", "team": "payments"}),
            ),
            "GAIN: assignment by-tag now covers:\n  sandbox (777788889999): Developer, except",
        ),
        (
            &["--rename"],
            0,
            (
                "111122223333",
                "sandbox-2",
                "Workloads/Prod",
                json!({"env": "prod", "team": "payments"}),
            ),
            "",
        ),
        (
            &[],
            0,
            (
                "111122223333",
                "payments-prod",
                "Workloads/Prod",
                json!({"env": "production", "team": "payments"}),
            ),
            "GAIN: deny rule never-in-prod no longer covers:\n  payments-prod (111122223333): Administrator, Developer, ReadOnly\n",
        ),
    ] {
        fs::write(folder.path().join("access.toml"), &policy)?;
        let mut accounts = sample();
        accounts[index] = changed;
        save(folder.path(), &accounts)?;
        let ran = import(&folder, &[&["organization"], options].concat())?;
        ensure!(access(&folder)? == policy, "{ran:?}");
        if expected.is_empty() {
            // An assignment names the account, so the result is not valid.
            ensure!(
                ran.code == 2 && ran.err.contains("unknown account \"payments-prod\""),
                "{ran:?}"
            );
            ensure!(
                ran.err.contains("nothing was written")
                    && ran.out.contains("+name = \"sandbox-2\""),
                "{ran:?}"
            );
        } else {
            ensure!(ran.code == 1 && ran.out.contains(expected), "{ran:?}");
        }
    }
    let mut accounts = sample();
    accounts.push(("000000000001", "payments-new", "", json!({})));
    save(folder.path(), &accounts)?;
    let ran = import(&folder, &["organization", "--json"])?;
    ensure!(ran.code == 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out)?;
    let gains = report["coverage"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["gain"] == true);
    let rules: Vec<&str> = gains.filter_map(|one| one["rule"].as_str()).collect();
    ensure!(
        rules == ["by-name", "platform"] && report["written"] == json!([]),
        "{report:#}"
    );
    Ok(())
}

#[test]
fn losses_are_written_and_shown() -> Result<()> {
    let folder = folder()?;
    let mut accounts = sample();
    accounts[1].3 = json!({"env": "dev"});
    save(folder.path(), &accounts)?;
    let before = access(&folder)?;
    let ran = import(&folder, &["organization"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.out.contains(
            "Assignment payments-look no longer covers:\n  payments-dev (444455556666): ReadOnly\n"
        ),
        "{ran:?}"
    );
    ensure!(
        ran.out.contains(
            "-tags = { env = \"dev\", team = \"payments\" }\n+tags = { env = \"dev\" }\n"
        ),
        "{ran:?}"
    );
    let expected = before.replace(
        "{ env = \"dev\", team = \"payments\" }",
        "{ env = \"dev\" }",
    );
    ensure!(access(&folder)? == expected);
    Ok(())
}
