//! `rolecalld diff` of two configurations with other settings of the identity provider.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::claims;
use super::{Ran, folder, rolecalld};

/// Compares the configuration of the folder with one in which a text is replaced.
fn diff(folder: &TempDir, (from, to): (&str, &str), more: &[&str]) -> Result<Ran> {
    let settings = fs::read_to_string(folder.path().join("rolecall.toml"))?;
    ensure!(settings.contains(from), "{from}");
    fs::write(folder.path().join("new.toml"), settings.replace(from, to))?;
    let mut arguments = vec!["diff", "--config", "rolecall.toml", "--config", "new.toml"];
    arguments.extend(more);
    rolecalld(folder.path(), &arguments)
}

const WIDER: (&str, &str) = (
    "domains = [\"example.com\"]",
    "domains = [\"example.com\", \"partner.example\"]",
);
const TITLE: (&str, &str) = ("id = \"example\"\n", "id = \"example\"\ntitle = \"Work\"\n");

#[test]
fn changed_provider_is_a_gain_without_people() -> Result<()> {
    let folder = folder()?;
    let ran = diff(&folder, WIDER, &[])?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.out
            == "Providers:\n  settings of provider example differ, may give access\nThe rules are the same.\nSomebody may gain access. --people shows who.\n",
        "{}",
        ran.out
    );
    let ran = diff(&folder, WIDER, &["--json"])?;
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        output["gains"] == true
            && output["providers"]
                == json!([{ "id": "example", "edit": "changed", "effect": "gain" }]),
        "{output}"
    );
    let ran = diff(&folder, WIDER, &["--markdown"])?;
    ensure!(
        ran.code == 1
            && ran
                .out
                .contains("| **gain** | `settings of provider example differ, may give access` |"),
        "{ran:?}"
    );
    // The title gives nobody another identity.
    let ran = diff(&folder, TITLE, &[])?;
    ensure!(
        ran.code == 0 && ran.out == "The rules are the same.\nNobody gains access.\n",
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn record_is_refused_if_its_provider_differs() -> Result<()> {
    let folder = folder()?;
    let recorded = json!({ "provider": "example", "subject": "eve", "groups": ["payments-dev"], "signed_in_at": "2026-06-01T10:00:00Z" });
    fs::write(folder.path().join("people.jsonl"), recorded.to_string())?;
    let people = ["--people", "people.jsonl"];
    let ran = diff(&folder, WIDER, &people)?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .contains("the settings of the provider example differ")
            && ran.err.contains("use a claim file for this person"),
        "{ran:?}"
    );
    let ran = diff(&folder, TITLE, &people)?;
    ensure!(ran.code == 0, "{ran:?}");
    // Claims are evaluated with either configuration.
    fs::write(
        folder.path().join("people.jsonl"),
        claims("bob", &["payments-dev"]).to_string(),
    )?;
    let ran = diff(&folder, WIDER, &people)?;
    ensure!(
        ran.code == 0
            && ran
                .out
                .contains("  settings of provider example differ, may give access\n"),
        "{ran:?}"
    );
    Ok(())
}

/// Names of files are chosen by the author of a change.
#[test]
fn names_of_files_are_escaped() -> Result<()> {
    let folder = folder()?;
    let access = fs::read_to_string(folder.path().join("access.toml"))?;
    let name = "new\u{1b}[31m\u{202e}.toml";
    fs::write(
        folder.path().join(name),
        access.replace("groups = [\"platform\"]", "groups = [\"other\"]"),
    )?;
    let arguments = ["diff", "--config", "rolecall.toml", "access.toml", name];
    let ran = rolecalld(folder.path(), &arguments)?;
    ensure!(
        ran.code == 1 && ran.out.contains("assignment platform (new[31m.toml:"),
        "{ran:?}"
    );
    ensure!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.out);
    Ok(())
}
