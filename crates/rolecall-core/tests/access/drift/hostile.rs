//! Documents that nobody would write: large, deep, of other types, with control characters.

use serde_json::{Value, json};

use super::dump::{Dump, Fixture};
use super::ids;

/// Values of every type.
fn odd() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1.5e300),
        json!(""),
        json!("\u{1b}[2J\u{202e}"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({ "": { "": {} } }),
        json!("%7B%"),
        json!("x".repeat(100_000)),
        json!(vec!["*"; 10_000]),
    ]
}

#[test]
fn odd_values_in_policies_do_no_harm() {
    let fixture = Fixture::new();
    let clean = Dump::of(&fixture);
    let elements = [
        "Effect",
        "Principal",
        "Action",
        "Condition",
        "Sid",
        "NotPrincipal",
        "Resource",
        "x",
    ];
    for value in odd() {
        let mut changed: Vec<Dump> = Vec::new();
        for element in elements {
            let mut dump = clean.clone();
            dump.statement("prod", "Developer")[element] = value.clone();
            changed.push(dump);
        }
        for operator in ["StringEquals", "Bool", "x", "ForAllValues:x"] {
            let mut dump = clean.clone();
            dump.statement("prod", "Developer")["Condition"][operator] = value.clone();
            changed.push(dump);
            let mut dump = clean.clone();
            dump.statement("prod", "Developer")["Condition"][operator]["x:aud"] = value.clone();
            changed.push(dump);
        }
        let mut dump = clean.clone();
        dump.role("prod", "Developer")["AssumeRolePolicyDocument"] = value.clone();
        changed.push(dump);
        for dump in changed {
            for finding in fixture.compare(&dump).findings {
                assert!(!finding.found.chars().any(char::is_control), "{finding:?}");
                assert!(finding.found.chars().count() < 2_000, "{finding:?}");
            }
        }
    }
}

#[test]
fn control_characters_in_names_reach_no_command() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    let mut stray = dump.role("prod", "ReadOnly").clone();
    stray["RoleName"] = "\u{1b}[2J\nrm -rf".into();
    stray["Arn"] = "arn:aws:iam::111122223333:role/\u{1b}[2J\nrm -rf".into();
    dump.roles("prod").push(stray);
    let report = fixture.compare(&dump);
    assert_eq!(ids(&report), ["role-not-in-model".to_owned()].into());
    let finding = &report.findings[0];
    assert!(finding.fix.commands.is_empty() && finding.fix.note.is_some());
    let resource = finding.resource.as_deref().unwrap();
    assert!(!resource.chars().any(char::is_control), "{resource:?}");
}

#[test]
fn quotes_in_names_stay_text_in_commands() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    let mut stray = dump.role("prod", "ReadOnly").clone();
    stray["RoleName"] = "a'; reboot; '".into();
    stray["Arn"] = "arn:aws:iam::111122223333:role/a'; reboot; '".into();
    dump.roles("prod").push(stray);
    let report = fixture.compare(&dump);
    let commands = &report.findings[0].fix.commands;
    assert_eq!(
        commands.last().unwrap(),
        r"aws iam delete-role --role-name 'a'\''; reboot; '\'''"
    );
}

#[test]
fn policies_with_many_statements_take_little_time() {
    let fixture = Fixture::new();
    let mut dump = Dump::of(&fixture);
    let statement = dump.statement("prod", "Developer").clone();
    let statements = dump.statements("prod", "Developer");
    for number in 0..400 {
        let mut copy = statement.clone();
        let values: Vec<String> = (0..400)
            .map(|value| format!("*{number}*{value}*"))
            .collect();
        copy["Condition"]["StringLike"]["sts:SourceIdentity"] = values.into();
        statements.push(copy);
    }
    let begun = std::time::Instant::now();
    let report = fixture.compare(&dump);
    assert!(ids(&report).contains("trust-source-identity-wider"));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
