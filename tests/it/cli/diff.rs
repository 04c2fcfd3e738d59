//! `rolecalld diff`: who gains and who loses access.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::people::{claims, write_people};
use super::{Ran, folder, rolecalld};

/// Replaces a text in the access policy and writes the result as `new.toml`.
fn write_new(folder: &TempDir, from: &str, to: &str) -> Result<()> {
    let old = fs::read_to_string(folder.path().join("access.toml"))?;
    ensure!(from.is_empty() || old.contains(from), "{from}");
    let new = match from {
        "" => old + to,
        from => old.replacen(from, to, 1),
    };
    Ok(fs::write(folder.path().join("new.toml"), new)?)
}

fn diff(folder: &TempDir, more: &[&str]) -> Result<Ran> {
    let mut arguments = vec![
        "diff",
        "--config",
        "rolecall.toml",
        "access.toml",
        "new.toml",
    ];
    arguments.extend(more);
    rolecalld(folder.path(), &arguments)
}

#[test]
fn gain_is_exit_code_1_and_loss_is_0() -> Result<()> {
    let folder = folder()?;
    write_people(&folder)?;
    let platform = "groups = [\"platform\"]";
    write_new(
        &folder,
        platform,
        "groups = [\"platform\", \"payments-dev\"]",
    )?;
    let ran = diff(&folder, &["--people", "people"])?;
    ensure!(ran.code == 1 && ran.err.is_empty(), "{ran:?}");
    for line in [
        "Gains:\n",
        "  payments-dev/Administrator, payments-prod/Administrator, sandbox/Administrator: bob@example.com; gained, requires a second factor; through platform\n",
        "  assignment platform (new.toml:",
        "1 person gains access, nobody loses access (3 people compared).\n",
    ] {
        ensure!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    write_new(&folder, platform, "groups = [\"nobody\"]")?;
    let ran = diff(&folder, &["--people", "people"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.out.contains("Losses:\n")
            && ran
                .out
                .contains("alice@example.com; lost; no longer through platform\n"),
        "{}",
        ran.out
    );
    write_new(&folder, "", "\n# a comment\n")?;
    let ran = diff(&folder, &["--people", "people"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.out
            == "The rules are the same.\nNobody gains access, nobody loses access (3 people compared).\n",
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn two_configurations_are_compared() -> Result<()> {
    let folder = folder()?;
    let settings = fs::read_to_string(folder.path().join("rolecall.toml"))?;
    // The provider is trusted for one more domain, so the address of eve is.
    fs::write(
        folder.path().join("new.toml"),
        settings.replace(
            "domains = [\"example.com\"]",
            "domains = [\"example.com\", \"partner.example\"]",
        ),
    )?;
    let access = folder.path().join("access.toml");
    fs::write(
        &access,
        fs::read_to_string(&access)?
            + "\n[[assignment]]\nid = \"partners\"\nwho = { groups = [\"partners\"] }\naccounts = [\"sandbox\"]\npermission_sets = [\"Administrator\"]\n",
    )?;
    let eve = json!({ "sub": "eve", "email": "eve@partner.example", "email_verified": true, "groups": ["partners"] });
    fs::write(
        folder.path().join("people.jsonl"),
        format!("{eve}\n{}", claims("bob", &[])),
    )?;
    let compare = [
        "diff",
        "--config",
        "rolecall.toml",
        "--config",
        "new.toml",
        "--people",
        "people.jsonl",
    ];
    // Without a trusted address, the source identity of the role cannot be rendered.
    let ran = rolecalld(folder.path(), &compare)?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.out.contains("sandbox/Administrator: eve@partner.example; gained; its session tags and source identity can be rendered now; through partners\n"),
        "{}",
        ran.out
    );
    // Without the provider, nobody can sign in.
    fs::write(
        folder.path().join("new.toml"),
        settings.replace("id = \"example\"", "id = \"other\""),
    )?;
    fs::write(
        &access,
        "[[account]]\nid = \"111122223333\"\nname = \"a\"\n[[permission_set]]\nname = \"P\"\n[[assignment]]\nid = \"x\"\nwho = { everyone = true }\naccounts = [\"a\"]\npermission_sets = [\"P\"]\n",
    )?;
    let named = json!({ "provider": "example", "claims": claims("bob", &[]) });
    fs::write(folder.path().join("people.jsonl"), named.to_string())?;
    let ran = rolecalld(folder.path(), &compare)?;
    ensure!(
        ran.code == 0
            && ran
                .out
                .contains("a/P: bob@example.com; lost; no longer through x\n"),
        "{ran:?}"
    );
    Ok(())
}

#[test]
fn rules_are_compared_without_people() -> Result<()> {
    let folder = folder()?;
    // A tag of an account grants what is assigned by the tag.
    write_new(
        &folder,
        "tags = { env = \"sandbox\" }",
        "tags = { env = \"sandbox\", team = \"payments\" }",
    )?;
    let ran = diff(&folder, &[])?;
    ensure!(ran.code == 1, "{ran:?}");
    ensure!(
        ran.out.contains("changed, may give access: also sandbox\nSomebody may gain access. --people shows who.\n"),
        "{}",
        ran.out
    );
    write_new(
        &folder,
        "groups = [\"platform\"]",
        "groups = [\"platform\"], claims = { x = [\"1\"] }",
    )?;
    let ran = diff(&folder, &["--json"])?;
    ensure!(ran.code == 0, "{ran:?}");
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        output["gains"] == false && output["rules"][0]["effect"] == "loss",
        "{output}"
    );
    ensure!(output.get("people").is_none(), "{output}");
    Ok(())
}

#[test]
fn output_is_json_with_names() -> Result<()> {
    let folder = folder()?;
    write_people(&folder)?;
    write_new(
        &folder,
        "when = { mfa = true }\nsession_duration = \"1h\"",
        "session_duration = \"2h\"",
    )?;
    let ran = diff(&folder, &["--people", "people", "--json"])?;
    ensure!(ran.code == 1, "{ran:?}");
    let output: Value = serde_json::from_str(&ran.out)?;
    ensure!(
        output["gains"] == true && output["people"]["compared"] == 3,
        "{output}"
    );
    let role = &output["people"]["roles"][0];
    ensure!(
        role["kind"] == "changed" && role["effect"] == "gain",
        "{output}"
    );
    ensure!(
        role["roles"] == json!(["payments-prod/Developer"]),
        "{output}"
    );
    ensure!(
        role["people"] == 2 && role["names"][1]["subject"] == "bob",
        "{output}"
    );
    let what: Vec<&Value> = role["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|change| &change["what"])
        .collect();
    ensure!(what == ["conditions", "session_duration"], "{output}");
    ensure!(output["people"]["affected"][0]["loosened"] == 2, "{output}");
    Ok(())
}

#[test]
fn markdown_is_bounded_and_names_are_code() -> Result<()> {
    let folder = folder()?;
    let name = "`</td>|@org/team <img src=x> [x](http://x)\n## heading\u{202e}";
    let mut people = String::new();
    for n in 0..300 {
        let person = json!({ "sub": format!("s{n}"), "email": format!("p{n}@example.com"), "email_verified": true,
            "groups": [format!("g{n}")] });
        people.push_str(&format!("{person}\n"));
    }
    let eve = json!({ "sub": "eve`|@here", "name": name, "groups": ["all"] });
    fs::write(
        folder.path().join("people.jsonl"),
        format!("{people}{eve}\n"),
    )?;
    let mut rules = String::from(
        "\n[[permission_set]]\nname = \"Plain\"\n[[assignment]]\nid = \"all\"\nwho = { groups = [\"all\"] }\naccounts = [\"sandbox\"]\npermission_sets = [\"Plain\"]\n",
    );
    for n in 0..300 {
        rules.push_str(&format!("\n[[assignment]]\nid = \"{}-{n}\"\nwho = {{ groups = [\"g{n}\"] }}\naccounts = [\"*\"]\npermission_sets = [\"Administrator\"]\nsession_duration = \"{}m\"\n", "x".repeat(100), 15 + n % 45));
    }
    write_new(&folder, "", &rules)?;
    let ran = diff(&folder, &["--people", "people.jsonl", "--markdown"])?;
    ensure!(ran.code == 1, "{}", ran.err);
    ensure!(ran.out.len() <= 60_001, "{}", ran.out.len());
    ensure!(ran.out.starts_with("### Access changes\n\n**301 people gain access, nobody loses access (301 people compared).**\n"), "{}", ran.out);
    ensure!(
        ran.out.matches("<details>").count() == ran.out.matches("</details>").count(),
        "{}",
        ran.out
    );
    // Outside of code there is nothing of the names.
    let outside: String = ran.out.split('`').step_by(2).collect();
    let mut outside = outside.as_str();
    let mut text = String::new();
    while let Some((before, rest)) = outside.split_once("<code>") {
        text.push_str(before);
        outside = rest.split_once("</code>").map_or("", |(_, rest)| rest);
    }
    text.push_str(outside);
    ensure!(
        !text.contains('@') && !text.contains("img") && !text.contains("heading"),
        "{text}"
    );
    ensure!(
        !ran.out.contains("</td>") && !ran.out.contains('\u{202e}'),
        "{}",
        ran.out
    );
    ensure!(
        ran.out
            .contains("<code>&#96;&#60;&#47;td&#62;&#124;&#64;org&#47;team"),
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn wrong_input_is_exit_code_2() -> Result<()> {
    let folder = folder()?;
    write_new(&folder, "", "")?;
    fs::write(folder.path().join("broken.toml"), "[[account]]\n")?;
    for (arguments, message) in [
        (
            &["diff", "--config", "rolecall.toml"][..],
            "two versions are needed",
        ),
        (
            &[
                "diff",
                "--config",
                "rolecall.toml",
                "--config",
                "rolecall.toml",
                "access.toml",
                "new.toml",
            ],
            "two versions are needed",
        ),
        (
            &[
                "diff",
                "--config",
                "rolecall.toml",
                "access.toml",
                "broken.toml",
            ],
            "broken.toml:1:",
        ),
        (
            &[
                "diff",
                "--config",
                "rolecall.toml",
                "access.toml",
                "missing.toml",
            ],
            "missing.toml: cannot read file",
        ),
        (
            &[
                "diff",
                "--config",
                "rolecall.toml",
                "access.toml",
                "new.toml",
                "--people",
                "missing",
            ],
            "missing: cannot read",
        ),
        (
            &["diff", "--config", "rolecall.toml", "access.toml"],
            "2 values required",
        ),
        (
            &[
                "diff",
                "--config",
                "rolecall.toml",
                "access.toml",
                "new.toml",
                "--json",
                "--markdown",
            ],
            "cannot be used with",
        ),
    ] {
        let ran = rolecalld(folder.path(), arguments)?;
        ensure!(
            ran.code == 2 && ran.out.is_empty() && ran.err.contains(message),
            "{arguments:?}: {ran:?}"
        );
    }
    Ok(())
}
