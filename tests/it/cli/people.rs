//! `--people`: directories of claim files and JSONL files, correct and hostile ones.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Ran, folder, rolecalld};

/// Claims of a person with a second factor.
pub fn claims(name: &str, groups: &[&str]) -> Value {
    json!({ "sub": name, "email": format!("{name}@example.com"), "email_verified": true, "name": name, "groups": groups,
            "amr": ["pwd", "mfa"] })
}

/// Writes `people/`: alice in platform and payments-dev, bob in payments-dev, carol without groups.
pub fn write_people(folder: &TempDir) -> Result<()> {
    let people = folder.path().join("people");
    fs::create_dir_all(people.join("example"))?;
    let alice = claims("alice", &["platform", "payments-dev"]);
    fs::write(
        people.join("alice.json"),
        serde_json::to_string_pretty(&alice)?,
    )?;
    let bob = claims("bob", &["payments-dev"]);
    fs::write(people.join("example/bob.json"), bob.to_string())?;
    let carol = json!({ "provider": "example", "claims": claims("carol", &[]) });
    Ok(fs::write(people.join("carol.json"), carol.to_string())?)
}

pub fn who_can(folder: &TempDir, people: &str, more: &[&str]) -> Result<Ran> {
    let mut arguments = vec![
        "who-can",
        "--config",
        "rolecall.toml",
        "--account",
        "payments-prod",
        "--permission-set",
        "Developer",
        "--people",
        people,
    ];
    arguments.extend(more);
    rolecalld(folder.path(), &arguments)
}

#[test]
fn directory_and_lines_have_the_same_people() -> Result<()> {
    let folder = folder()?;
    write_people(&folder)?;
    let line = |person: Value| format!("{person}\n");
    let recorded = json!({ "provider": "example", "subject": "carol", "groups": [], "signed_in_at": "2026-06-01T10:00:00Z" });
    let lines = [
        line(
            json!({ "provider": "example", "claims": claims("alice", &["platform", "payments-dev"]) }),
        ),
        "\n".to_owned(),
        // The only provider need not be named.
        line(claims("bob", &["payments-dev"])),
        line(recorded).replace('\n', "\r\n"),
    ];
    fs::write(
        folder.path().join("people.jsonl"),
        lines.concat().trim_end(),
    )?;
    for people in ["people", "people/", "people.jsonl"] {
        let ran = who_can(&folder, people, &["--json"])?;
        ensure!(ran.code == 0 && ran.err.is_empty(), "{people}: {ran:?}");
        let output: Value = serde_json::from_str(&ran.out)?;
        ensure!(output["people"]["evaluated"] == 3, "{people}: {output}");
        let allowed = output["people"]["allowed"].as_array().map(Vec::len);
        ensure!(allowed == Some(2), "{people}: {output}");
        ensure!(
            output["people"]["allowed"][1]["subject"] == "bob",
            "{output}"
        );
    }
    let ran = who_can(&folder, "people/alice.json", &[])?;
    ensure!(
        ran.code == 0 && ran.out.contains("(1 person was evaluated)"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn invalid_people_are_rejected_with_place() -> Result<()> {
    let folder = folder()?;
    let write = |text: &str| fs::write(folder.path().join("people.jsonl"), text);
    let bob = claims("bob", &[]).to_string();
    for (text, message, hint) in [
        (
            format!("{bob}\n{{\"sub\": \n"),
            "people.jsonl:2: not a JSON object: ",
            "",
        ),
        (
            format!("{bob}\n\n[1]\n"),
            "people.jsonl:3: not a JSON object",
            "",
        ),
        (
            format!("{bob}\n{bob}\n"),
            "people.jsonl:2: the same person as in people.jsonl:1: provider example, subject \"bob\"",
            "",
        ),
        (
            r#"{"sub": "bob", "sub": "eve"}"#.to_owned(),
            "people.jsonl:1: not a JSON object: duplicate member",
            "",
        ),
        (
            r#"{"groups": ["a"]}"#.to_owned(),
            "people.jsonl:1: a sign-in with these claims is rejected (",
            "",
        ),
        (
            r#"{"provider": "okta", "claims": {"sub": "a"}}"#.to_owned(),
            "people.jsonl:1: the provider okta is not configured",
            "",
        ),
        (
            r#"{"provider": "example", "claims": {"sub": "a"}, "gruops": []}"#.to_owned(),
            "people.jsonl:1: unknown member \"gruops\"",
            "",
        ),
        (
            r#"{"subject": "a", "provider": "example"}"#.to_owned(),
            "people.jsonl:1: ",
            "signed_in_at",
        ),
        (
            "\n \n".to_owned(),
            "--people contains nobody",
            "one JSON object per line",
        ),
        (
            "x".repeat(3_000_000),
            "people.jsonl:1: longer than 1048576 bytes",
            "one JSON object per line",
        ),
        (
            format!("{bob}\n{}", "[".repeat(500_000)),
            "people.jsonl:2: not a JSON object",
            "",
        ),
    ] {
        write(&text)?;
        let ran = who_can(&folder, "people.jsonl", &[])?;
        ensure!(ran.code == 2 && ran.out.is_empty(), "{message}: {ran:?}");
        ensure!(
            ran.err.contains(message) && ran.err.contains(hint),
            "{message}: {}",
            ran.err
        );
    }
    // All errors of a run are reported, up to a limit.
    write(&"{}\n".repeat(200))?;
    let ran = who_can(&folder, "people.jsonl", &[])?;
    ensure!(
        ran.err.contains("people.jsonl:10: ") && !ran.err.contains("people.jsonl:11: "),
        "{}",
        ran.err
    );
    ensure!(ran.err.contains("… and more"), "{}", ran.err);
    let ran = who_can(&folder, "missing", &[])?;
    ensure!(
        ran.code == 2 && ran.err.contains("missing: cannot read: "),
        "{ran:?}"
    );
    Ok(())
}

/// A sparse file of 100 MB: it is refused without being read.
#[test]
fn huge_claim_file_is_refused() -> Result<()> {
    let folder = folder()?;
    fs::create_dir(folder.path().join("people"))?;
    let file = fs::File::create(folder.path().join("people/huge.json"))?;
    file.set_len(100 * 1024 * 1024)?;
    let ran = who_can(&folder, "people", &[])?;
    ensure!(ran.code == 2 && ran.out.is_empty(), "{ran:?}");
    ensure!(
        ran.err
            .starts_with("people/huge.json: longer than 1048576 bytes\nhint: "),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn other_entries_of_a_directory_are_reported() -> Result<()> {
    let folder = folder()?;
    write_people(&folder)?;
    let people = folder.path().join("people");
    fs::write(people.join(".hidden"), "x")?;
    fs::write(people.join("README.md"), "x")?;
    fs::write(people.join("example/dave.JSON"), "x")?;
    let ran = who_can(&folder, "people", &[])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.err
            == "warning: 2 files without the ending .json are ignored, such as people/README.md\n",
        "{}",
        ran.err
    );
    let refused = |make: &dyn Fn(&Path) -> Result<()>, message: &str| -> Result<()> {
        let path = people.join("zoe.json");
        make(&path)?;
        let ran = who_can(&folder, "people", &[])?;
        ensure!(
            ran.code == 2 && ran.out.is_empty() && ran.err.contains(message),
            "{message}: {ran:?}"
        );
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
        Ok(())
    };
    refused(
        &|path| Ok(symlink("/etc/hostname", path)?),
        "people/zoe.json: a symbolic link\nhint: copy the file",
    )?;
    refused(
        &|path| Ok(symlink(".", path)?),
        "people/zoe.json: a symbolic link",
    )?;
    refused(
        &|path| {
            let made = std::process::Command::new("mkfifo").arg(path).status()?;
            ensure!(made.success(), "mkfifo");
            Ok(())
        },
        "people/zoe.json: not a regular file",
    )?;
    refused(
        &|path| Ok(fs::create_dir(path)?),
        "people/zoe.json: the name of this directory is not that of an identity provider\nhint: known identity providers: example",
    )?;
    fs::create_dir(people.join("example/more"))?;
    let ran = who_can(&folder, "people", &[])?;
    ensure!(
        ran.code == 2 && ran.err.contains("a directory within that of a provider"),
        "{ran:?}"
    );
    Ok(())
}

/// Names and groups with control characters, bidirectional marks and escapes of terminals.
#[test]
fn hostile_names_are_harmless() -> Result<()> {
    let folder = folder()?;
    let name = "Eve\u{202e}\u{1b}[2J\u{1b}]0;x\u{7}\r\nAssignments:\u{9b}31m";
    let eve = json!({ "sub": "eve", "name": name, "groups": ["payments-dev", name] });
    fs::write(folder.path().join("people.jsonl"), eve.to_string())?;
    let hidden = |text: &str| {
        text.chars()
            .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
    };
    // Session tags of this role need an address, so eve has no session.
    let ran = who_can(&folder, "people.jsonl", &[])?;
    ensure!(ran.code == 1 && !hidden(&ran.out), "{ran:?}");
    ensure!(
        ran.out
            .contains("  Eve[2J]0;x Assignments:31m (example/eve): "),
        "{}",
        ran.out
    );
    let ran = who_can(&folder, "people.jsonl", &["--json"])?;
    ensure!(!hidden(&ran.out), "{}", ran.out);
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(output["people"]["unusable"][0]["name"] == name, "{output}");
    Ok(())
}
