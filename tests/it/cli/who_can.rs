//! `rolecalld who-can`: who may use a role.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::people::{claims, who_can, write_people};
use super::{folder, rolecalld};

const ROLE: [&str; 7] = [
    "who-can",
    "--config",
    "rolecall.toml",
    "--account",
    "payments-prod",
    "--permission-set",
    "Developer",
];

const DENY: &str = r#"
[[deny]]
id = "no-contractors"
who = { claims = { employment = ["contractor"] } }
accounts = ["tag:env=prod"]
reason = "contractors do not work in production"
"#;

#[test]
fn rules_are_shown_without_people() -> Result<()> {
    let folder = folder()?;
    let access = folder.path().join("access.toml");
    let policy = fs::read_to_string(&access)? + DENY;
    fs::write(&access, policy)?;
    let ran = rolecalld(folder.path(), &ROLE)?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    for line in [
        "payments-prod/Developer  arn:aws:iam::111122223333:role/rolecall/Developer\n",
        "payments-prod/Developer@readonly  arn:aws:iam::111122223333:role/rolecall/Developer\n",
        "): provider example, groups \"payments-dev\"; requires a second factor\n",
        "): claim \"employment\" \"contractor\": contractors do not work in production\n",
    ] {
        ensure!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    let ran = rolecalld(folder.path(), &[&ROLE[..], &["--json"]].concat())?;
    let output: Value = serde_json::from_str(&ran.out)?;
    let assignment = &output["assignments"][0];
    ensure!(
        assignment["id"] == "payments-developers-in-production",
        "{output}"
    );
    ensure!(
        assignment["who"] == json!({"provider": "example", "groups": ["payments-dev"]}),
        "{output}"
    );
    ensure!(assignment["when"] == json!({"mfa": true}), "{output}");
    ensure!(output["denies"][0]["id"] == "no-contractors", "{output}");
    ensure!(output.get("people").is_none(), "{output}");
    Ok(())
}

#[test]
fn people_are_allowed_or_denied() -> Result<()> {
    let folder = folder()?;
    write_people(&folder)?;
    let access = folder.path().join("access.toml");
    fs::write(&access, fs::read_to_string(&access)? + DENY)?;
    let mut dave = claims("dave", &["payments-dev"]);
    dave["employment"] = json!("contractor");
    fs::write(folder.path().join("people/dave.json"), dave.to_string())?;
    let ran = who_can(&folder, "people", &[])?;
    ensure!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
    ensure!(
        ran.out.ends_with(
            "May use it (4 people were evaluated):\n  \
             alice@example.com: through payments-developers-in-production; requires a second factor\n  \
             bob@example.com: through payments-developers-in-production; requires a second factor\n\
             Denied:\n  dave@example.com: denied by no-contractors\n"
        ),
        "{}",
        ran.out
    );
    Ok(())
}

/// Of a person who was recorded at a sign-in, claims that no policy named then are not known.
#[test]
fn recorded_people_are_known_as_of_their_sign_in() -> Result<()> {
    let folder = folder()?;
    let record = |subject: &str, groups: Value, day: &str| {
        let record = json!({ "provider": "example", "subject": subject, "email": format!("{subject}@example.com"),
            "groups": groups, "mfa": true, "signed_in_at": format!("{day}T10:00:00Z") });
        format!("{record}\n")
    };
    let lines = record("alice", json!(["payments-dev"]), "2026-06-01")
        + &record("bob", json!([]), "2026-06-03");
    fs::write(folder.path().join("people.jsonl"), lines)?;
    let ran = who_can(&folder, "people.jsonl", &[])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.out.contains("May use it (2 people were evaluated, as of the sign-ins of 2026-06-01 to 2026-06-03):\n  alice@example.com: through payments-developers-in-production; requires a second factor; as of the sign-in of 2026-06-01\n"),
        "{}",
        ran.out
    );
    let access = folder.path().join("access.toml");
    let by_claim = "\n[[assignment]]\nid = \"by-claim\"\nwho = { claims = { department = [\"payments\"] } }\naccounts = [\"payments-prod\"]\npermission_sets = [\"Developer\"]\n";
    fs::write(&access, fs::read_to_string(&access)? + by_claim)?;
    let ran = who_can(&folder, "people.jsonl", &[])?;
    ensure!(
        ran.out.contains("Not known:\n  bob@example.com: depends on the claim \"department\", which was not recorded at the sign-in (by-claim); as of the sign-in of 2026-06-03\n"),
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn nobody_is_exit_code_1_and_unknown_names_are_2() -> Result<()> {
    let folder = folder()?;
    fs::write(
        folder.path().join("people.jsonl"),
        claims("carol", &[]).to_string(),
    )?;
    let ran = who_can(&folder, "people.jsonl", &[])?;
    ensure!(
        ran.code == 1
            && ran
                .out
                .contains("Nobody may use it (1 person was evaluated).\n"),
        "{ran:?}"
    );
    let with = |set: &str| {
        let mut arguments = ROLE;
        arguments[6] = set;
        rolecalld(folder.path(), &arguments)
    };
    let ran = with("Developer@readonly")?;
    ensure!(
        ran.code == 0 && !ran.out.contains("payments-prod/Developer  "),
        "{ran:?}"
    );
    for (set, message) in [
        (
            "Devloper",
            "unknown permission set Devloper\nhint: did you mean \"Developer\"?\n",
        ),
        (
            "Developer@readnly",
            "unknown variant readnly\nhint: did you mean \"readonly\"?\n",
        ),
    ] {
        let ran = with(set)?;
        ensure!(ran.code == 2 && ran.err == message, "{ran:?}");
    }
    Ok(())
}

/// The access files may contain formatting characters, which would reorder the line on a terminal.
#[test]
fn reason_of_deny_rule_is_printed_without_formatting_characters() -> Result<()> {
    let folder = folder()?;
    let path = folder.path().join("access.toml");
    let access = fs::read_to_string(&path)?;
    let deny = "\n[[deny]]\nid = \"leavers\"\nwho = { groups = [\"leavers\"] }\nreason = \"left\\u202e the company\"\n";
    fs::write(&path, access + deny)?;
    let ran = rolecalld(folder.path(), &ROLE)?;
    ensure!(
        ran.code == 0 && ran.out.contains(": left the company\n"),
        "{ran:?}"
    );
    Ok(())
}
