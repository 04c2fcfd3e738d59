//! Which files are read and written.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::change;
use super::{access, folder, import, sample, save};

#[test]
fn new_accounts_go_into_the_named_file() -> Result<()> {
    let folder = folder()?;
    let at = folder.path();
    fs::create_dir(at.join("access.d"))?;
    fs::rename(at.join("access.toml"), at.join("policy.toml"))?;
    symlink("policy.toml", at.join("access.toml"))?;
    change(
        &folder,
        "[\"access.toml\"]",
        "[\"access.toml\", \"access.d\"]",
    )?;
    let mut accounts = sample();
    accounts[1].2 = "Sandbox";
    accounts.push(("000000000001", "new", "", json!({})));
    save(at, &accounts)?;
    for (into, expected) in [
        (
            "elsewhere.toml",
            "elsewhere.toml is not an access file of the configuration",
        ),
        ("access.d/new.txt", "access.d/new.txt is not an access file"),
        (
            "organization/x.toml",
            "organization/x.toml is not an access file",
        ),
    ] {
        let ran = import(&folder, &["organization", "--into", into])?;
        ensure!(
            ran.code == 2 && ran.err.contains(expected) && ran.err.contains("\nhint: "),
            "{ran:?}"
        );
    }
    let ran = import(
        &folder,
        &[
            "organization",
            "--allow-gains",
            "--into",
            "access.d/new.toml",
        ],
    )?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        fs::read_to_string(at.join("access.d/new.toml"))?
            == "[[account]]\nid   = \"000000000001\"\nname = \"new\"\n"
    );
    // The file that the link names was replaced, and the link stays.
    ensure!(at.join("access.toml").is_symlink());
    ensure!(
        fs::read_to_string(at.join("policy.toml"))?
            .contains("name = \"payments-dev\"\nou = \"Sandbox\"\n")
    );
    let ran = import(&folder, &["organization"])?;
    ensure!(ran.code == 0, "nothing is added: {ran:?}");
    accounts.push(("000000000002", "newer", "", json!({})));
    save(at, &accounts)?;
    let ran = import(&folder, &["organization", "--allow-gains"])?;
    ensure!(
        ran.code == 2 && ran.err.contains("name it with --into"),
        "both files have accounts: {ran:?}"
    );
    accounts.pop();
    save(at, &accounts)?;
    let ran = import(
        &folder,
        &["organization", "--into", "access.d/../policy.toml"],
    )?;
    ensure!(
        ran.code == 0 && ran.out.contains("do not change"),
        "{ran:?}"
    );
    Ok(())
}

/// Rules that select by unit can be written before there are accounts.
#[test]
fn policy_without_accounts_can_be_filled() -> Result<()> {
    let folder = folder()?;
    let rules = "[[permission_set]]\nname = \"P\"\n[[assignment]]\nid = \"a\"\nwho = { groups = [\"g\"] }\naccounts = [\"ou:Sandbox\"]\npermission_sets = [\"P\"]\n";
    fs::write(folder.path().join("access.toml"), rules)?;
    save(folder.path(), &sample())?;
    let ran = import(&folder, &["organization"])?;
    ensure!(
        ran.code == 1
            && ran
                .out
                .contains("GAIN: assignment a now covers:\n  sandbox"),
        "{ran:?}"
    );
    ensure!(
        ran.err
            .contains("warning: the access files have errors now"),
        "{ran:?}"
    );
    let ran = import(&folder, &["organization", "--allow-gains"])?;
    ensure!(
        ran.code == 0 && access(&folder)?.starts_with(rules),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn wrong_files_are_explained() -> Result<()> {
    let folder = folder()?;
    save(folder.path(), &sample())?;
    let at = folder.path();
    fs::create_dir(at.join("empty"))?;
    fs::write(at.join("page.json"), "<html></html>")?;
    fs::write(at.join("utf16.json"), [0xff, 0xfe, b'{', 0])?;
    fs::write(at.join("cut.json"), "{\"Accounts\": [{")?;
    for (file, expected) in [
        (
            "page.json",
            "page.json: this is a page in HTML or XML, not JSON\n  hint: ",
        ),
        ("utf16.json", "utf16.json: cannot read"),
        (
            "cut.json",
            "cut.json: the file ends in the middle of a response",
        ),
        ("missing.json", "missing.json: cannot read"),
        ("empty", "empty: no *.json files"),
        ("rolecall.toml", "rolecall.toml: "),
        (
            "organization/list-parents-111122223333.json",
            "no file contains accounts",
        ),
    ] {
        let ran = import(&folder, &[file])?;
        ensure!(
            ran.code == 2 && ran.err.contains(expected) && ran.err.contains("hint: "),
            "{file}: {ran:?}"
        );
    }
    let ran = import(&folder, &[])?;
    ensure!(ran.code == 2, "{ran:?}");
    Ok(())
}
