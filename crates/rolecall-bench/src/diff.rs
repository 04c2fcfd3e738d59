//! `rolecalld diff` of the release build: 1,000 accounts, 20 permission sets, 5,000 assignments and 10,000 people in 20 groups
//! each, as one process that also reads all files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;
use serde_json::json;

use crate::figures::{Figures, Unit, milliseconds};
use crate::policy::policy_text;
use crate::report::Row;
use crate::{Effort, gateway};

const PEOPLE: usize = 10_000;
const GROUPS: usize = 20;
const MILLISECONDS_MAX: f64 = 5_000.0;

const SETTINGS: &str = r#"public_url = "https://sso.example.com"
access = ["access.toml"]
[listen]
address = "127.0.0.1:0"
[store]
url = "memory:"
sealing_keys = [{ file = "seal.key" }]
[database]
url = "sqlite:audit.db"
[issuer]
keys = "keys/"
[aws]
sts_region = "eu-west-1"
[[provider]]
id = "okta"
domains = ["example.com"]
oidc = { issuer = "https://id.example.com", client_id = "rolecall", client_secret = { file = "client.secret" } }
"#;

/// Milliseconds of a change of a few rules, and of one that changes every role of everyone.
pub fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    gateway::build()?;
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    write("rolecall.toml", SETTINGS)?;
    for (name, text) in [
        ("seal.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("client.secret", "secret-of-the-benchmark"),
    ] {
        write(name, text)?;
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600))?;
    }
    let deny =
        "[[deny]]\nid = \"d\"\nwho = { groups = [\"team-7\"] }\naccounts = [\"tag:team=t1*\"]\n";
    let old = policy_text(1_000, 20, 5_000, deny);
    // The deny rule vanishes, and the people of one group in a hundred gain what those of another have.
    let few = policy_text(1_000, 20, 5_000, "").replace("00\"] }", "00\", \"team-1\"] }");
    let all = old.replace("session_duration = \"4h\"", "session_duration = \"8h\"");
    ensure!(few != old && all != old, "the policies are equal");
    write("access.toml", &old)?;
    write("few.toml", &few)?;
    write("all.toml", &all)?;
    write("people.jsonl", &people())?;
    Ok(vec![
        row(folder.path(), "few.toml", "a few rules", effort)?,
        row(folder.path(), "all.toml", "every role", effort)?,
    ])
}

fn people() -> String {
    let mut text = String::new();
    for n in 0..PEOPLE {
        let groups: Vec<String> = (0..GROUPS)
            .map(|k| format!("team-{}", (n * 7 + k * 53) % 1_000))
            .collect();
        let person = json!({ "provider": "okta", "claims": { "sub": format!("00u{n:06}"), "groups": groups,
            "email": format!("p{n}@example.com"), "email_verified": true } });
        // Writing to a string does not fail.
        let _ = writeln!(text, "{person}");
    }
    text
}

fn row(folder: &Path, new: &str, what: &str, effort: Effort) -> anyhow::Result<Row> {
    let program = std::env::current_exe()?.with_file_name("rolecalld");
    let mut times = Vec::new();
    for _ in 0..effort.rounds.min(5) {
        let started = Instant::now();
        let status = Command::new(&program)
            .args(["diff", "--config", "rolecall.toml", "access.toml", new])
            .args(["--people", "people.jsonl", "--json"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        times.push(milliseconds(started.elapsed()));
        ensure!(status.code() == Some(1), "diff: {status}");
    }
    Ok(Row::plain(
        format!("diff, 1000 accounts, 20 sets, {PEOPLE} people, {what}"),
        Figures::new(Unit::Milliseconds, times),
    )
    .at_most(MILLISECONDS_MAX))
}
