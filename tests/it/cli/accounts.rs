//! `rolecalld accounts import`: files, exit codes, gains.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, folder, rolecalld};

fn import(folder: &TempDir, more: &[&str]) -> Result<Ran> {
    let mut arguments = vec!["accounts", "import", "--config", "rolecall.toml"];
    arguments.extend(more);
    rolecalld(folder.path(), &arguments)
}

mod aws_cli;
mod files;
mod gains;
mod live;

/// An account with its name, path and tags.
type Account<'a> = (&'a str, &'a str, &'a str, Value);

/// The accounts of the sample policy, unchanged.
fn sample() -> Vec<Account<'static>> {
    vec![
        (
            "111122223333",
            "payments-prod",
            "Workloads/Prod",
            json!({"env": "prod", "team": "payments"}),
        ),
        (
            "444455556666",
            "payments-dev",
            "Workloads/Dev",
            json!({"env": "dev", "team": "payments"}),
        ),
        (
            "777788889999",
            "sandbox",
            "Sandbox",
            json!({"env": "sandbox"}),
        ),
    ]
}

/// Saves responses about these accounts, as the loop in docs/accounts.md does.
fn save(folder: &Path, accounts: &[Account<'_>]) -> Result<()> {
    let saved = folder.join("organization");
    if saved.exists() {
        fs::remove_dir_all(&saved)?;
    }
    fs::create_dir_all(&saved)?;
    let write = |name: String, value: Value| fs::write(saved.join(name), format!("{value:#}\n"));
    let mut units: Vec<String> = Vec::new();
    for (_, _, path, _) in accounts {
        let mut above = String::new();
        for step in path.split('/').filter(|step| !step.is_empty()) {
            above = format!("{above}/{step}");
            if !units.contains(&above) {
                units.push(above.clone());
            }
        }
    }
    let id = |path: &str| match units.iter().position(|unit| unit == path) {
        Some(index) => format!("ou-ab12-{index:08}"),
        None => "r-ab12".to_owned(),
    };
    for parent in units.iter().map(String::as_str).chain([""]) {
        let below = units.iter().filter_map(|unit| {
            let (above, name) = unit.rsplit_once('/')?;
            (above == parent).then(|| json!({"Id": id(unit), "Name": name}))
        });
        let below: Vec<Value> = below.collect();
        write(
            format!("list-organizational-units-for-parent-{}.json", id(parent)),
            json!({"OrganizationalUnits": below}),
        )?;
    }
    let mut all = Vec::new();
    for (account, name, path, tags) in accounts {
        all.push(json!({"Id": account, "Name": name, "Status": "ACTIVE", "State": "ACTIVE",
                        "Arn": format!("arn:aws:organizations::999900001111:account/o-a1b2c3d4e5/{account}")}));
        let tags: Vec<Value> = tags
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        write(
            format!("list-parents-{account}.json"),
            json!({"Parents": [{"Id": id(&path), "Type": "X"}]}),
        )?;
        write(
            format!("list-tags-for-resource-{account}.json"),
            json!({"Tags": tags}),
        )?;
    }
    write("list-accounts.json".to_owned(), json!({"Accounts": all}))?;
    Ok(())
}

fn access(folder: &TempDir) -> Result<String> {
    Ok(fs::read_to_string(folder.path().join("access.toml"))?)
}

#[test]
fn unchanged_organization_changes_nothing() -> Result<()> {
    let folder = folder()?;
    save(folder.path(), &sample())?;
    let before = access(&folder)?;
    let ran = import(&folder, &["organization"])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out == "0 accounts added, 0 changed\nthe access files do not change\n",
        "{ran:?}"
    );
    ensure!(access(&folder)? == before && !folder.path().join("access.toml.bak").exists());
    Ok(())
}

/// 200 accounts are added: a dry run and a refused run write nothing, the next one writes, and a second import changes nothing.
#[test]
fn large_organization_is_imported_once() -> Result<()> {
    let folder = folder()?;
    let names: Vec<(String, String)> = (1..=197)
        .map(|n| (format!("{n:012}"), format!("team-{n}")))
        .collect();
    let mut accounts = sample();
    for (n, (id, name)) in names.iter().enumerate() {
        let path = ["", "Workloads/Prod", "Workloads/Dev/Old", "Sandbox"][n % 4];
        accounts.push((
            id,
            name,
            path,
            json!({"env": "dev", "cost.center": n.to_string(), "owner": "O'Brien \"x\""}),
        ));
    }
    save(folder.path(), &accounts)?;
    let path = folder.path().join("access.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    let before = access(&folder)?;
    for refused in [&["organization"][..], &["organization", "--dry-run"]] {
        let ran = import(&folder, refused)?;
        ensure!(ran.code == 1 && access(&folder)? == before, "{ran:?}");
        ensure!(
            ran.out.contains("\n197 accounts added, 0 changed\n"),
            "{}",
            ran.out
        );
        ensure!(ran.out.contains("\nGAIN: assignment platform now covers:\n  team-1 (000000000001): Administrator, ReadOnly\n"), "{}", ran.out);
        ensure!(
            ran.err
                .contains("people can gain access to 197 accounts: nothing was written\nhint: "),
            "{ran:?}"
        );
    }
    let ran = import(&folder, &["organization", "--dry-run", "--allow-gains"])?;
    ensure!(ran.code == 0 && access(&folder)? == before, "{ran:?}");
    let ran = import(&folder, &["organization", "--allow-gains"])?;
    ensure!(ran.code == 0 && ran.out.contains("written: "), "{ran:?}");
    let after = access(&folder)?;
    ensure!(path.metadata()?.mode() & 0o777 == 0o640);
    ensure!(fs::read_to_string(folder.path().join("access.toml.bak"))? == before);
    for entry in fs::read_dir(folder.path())? {
        let name = entry?.file_name();
        ensure!(!name.to_string_lossy().ends_with(".new"), "{name:?}");
    }
    let ran = rolecalld(folder.path(), &["check", "--config", "rolecall.toml"])?;
    ensure!(ran.code == 0 && ran.out.contains("200 accounts"), "{ran:?}");
    let ran = import(&folder, &["organization"])?;
    ensure!(ran.code == 0 && access(&folder)? == after, "{ran:?}");
    Ok(())
}

#[test]
fn differences_from_the_organization_are_reported() -> Result<()> {
    let folder = folder()?;
    save(folder.path(), &sample()[..2])?;
    let list = folder.path().join("organization/list-accounts.json");
    let text = fs::read_to_string(&list)?;
    let mut response: Value = serde_json::from_str(&text)?;
    response["Accounts"][0]["Name"] = json!("Payments \u{1b}[31m");
    response["Accounts"][1]["State"] = json!("SUSPENDED");
    fs::write(&list, response.to_string())?;
    let before = access(&folder)?;
    let ran = import(&folder, &["organization"])?;
    ensure!(ran.code == 0 && access(&folder)? == before, "{ran:?}");
    for expected in [
        "Renamed in AWS; the files keep the name without --rename:\n  payments-prod (111122223333), in AWS \"Payments [31m\"\n",
        "Not active in AWS; the entries stay:\n  payments-dev (444455556666): SUSPENDED\n",
        "Not in the organization; the entries stay:\n  sandbox (777788889999): not in the organization\n",
    ] {
        ensure!(ran.out.contains(expected), "{ran:?}");
    }
    Ok(())
}

/// 1,000 accounts, and 1,000 assignments that select them.
#[test]
fn thousand_accounts_are_imported_for_a_thousand_assignments() -> Result<()> {
    let folder = folder()?;
    let mut policy = access(&folder)?;
    for n in 0..1_000 {
        policy.push_str(&format!("[[assignment]]\nid = \"a{n}\"\nwho = {{ groups = [\"g{n}\"] }}\naccounts = [\"*\"]\npermission_sets = [\"*\"]\n"));
    }
    fs::write(folder.path().join("access.toml"), policy)?;
    let names: Vec<(String, String)> = (1..=1_000)
        .map(|n| (format!("{n:012}"), format!("team-{n}")))
        .collect();
    let mut accounts = sample();
    accounts.extend(
        names
            .iter()
            .map(|(id, name)| (&**id, &**name, "Workloads/Prod", json!({"env": "dev"}))),
    );
    save(folder.path(), &accounts)?;
    let ran = import(&folder, &["organization", "--allow-gains"])?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}
