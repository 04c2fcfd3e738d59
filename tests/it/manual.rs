//! The manual keeps up with the program: links lead somewhere, commands and their options exist, and every metric,
//! audit event and stable word is explained.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> Result<String> {
    fs::read_to_string(repository().join(path)).with_context(|| path.to_owned())
}

/// Every page, by its path from the root.
fn pages() -> Result<Vec<(PathBuf, String)>> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        for entry in fs::read_dir(repository().join(folder))? {
            let path = Path::new(folder).join(entry?.file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(repository().join(&path))?;
                let merged = !text.contains(concat!("<<<<", "<<< "));
                ensure!(merged, "{}: a conflict is left", path.display());
                pages.push((path, text));
            }
        }
    }
    ensure!(pages.len() > 15, "where have the pages gone?");
    Ok(pages)
}

/// A heading's anchor, as forges make them.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .replace(' ', "-")
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

fn has_anchor(page: &str, wanted: &str) -> bool {
    let headings = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    page.contains(&format!("<a id=\"{wanted}\">"))
        || headings.map(anchor).any(|heading| heading == wanted)
}

#[test]
fn links_lead_somewhere() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in pages()? {
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path.clone(),
                file => path.parent().unwrap_or(Path::new("")).join(file),
            };
            let found = repository().join(&file);
            let leads = found.exists()
                && (fragment.is_empty() || has_anchor(&fs::read_to_string(found)?, fragment));
            if !leads {
                wrong.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// The lines of shell blocks that call `program`.
fn calls(text: &str, program: &str) -> Vec<String> {
    let shell = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let after = format!("{program} ");
    shell
        .flat_map(str::lines)
        .filter_map(|line| line.split_once(&after))
        .filter(|(before, _)| !before.ends_with(|c: char| c.is_alphanumeric() || "-/=".contains(c)))
        .map(|(_, call)| call.split([';', '|', '&', '#']).next().unwrap_or_default())
        .map(str::to_owned)
        .collect()
}

#[test]
fn commands_and_their_options_exist() -> Result<()> {
    let mut seen = 0;
    for (path, text) in pages()? {
        for call in calls(&text, "rolecalld") {
            let words: Vec<&str> = call.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('>')) {
                continue;
            }
            let command: Vec<&str> = words
                .iter()
                .copied()
                .take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
                .take_while(|word| !word.starts_with('-'))
                .collect();
            let help = Command::new(env!("CARGO_BIN_EXE_rolecalld"))
                .args(&command)
                .arg("--help")
                .output()?;
            let help = String::from_utf8(help.stdout)?;
            let options = words.iter().filter(|word| word.starts_with("--"));
            for option in options {
                assert!(
                    help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                    "{}: `rolecalld {call}` has no {option}",
                    path.display()
                );
            }
            assert!(
                !command.is_empty() && help.contains("Usage: "),
                "{}: `rolecalld {call}`",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 10, "the search for commands has gone blind: {seen}");
    Ok(())
}

/// The texts `"…"` behind `=>` in the body of a function.
fn words(source: &str, function: &str) -> Result<BTreeSet<String>> {
    let (_, body) = read(source)?
        .split_once(&format!("fn {function}("))
        .map(|(before, body)| (before.to_owned(), body.to_owned()))
        .with_context(|| format!("{source}: {function}"))?;
    let body = body.split("\n    }\n").next().unwrap_or_default();
    let found: BTreeSet<String> = body
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    ensure!(!found.is_empty(), "{source}: {function} has no words");
    Ok(found)
}

#[test]
fn every_stable_word_is_explained() -> Result<()> {
    let manual = read("docs/protocols.md")?;
    for (source, function) in [
        ("crates/rolecall-core/src/sign_in.rs", "code"),
        ("crates/rolecall-core/src/aws/sts.rs", "code"),
        ("crates/rolecall-core/src/sign_in/begin.rs", "code"),
        ("crates/rolecall-core/src/sign_in/sign_out.rs", "code"),
        ("crates/rolecall-core/src/issue/error.rs", "code"),
    ] {
        for word in words(source, function)? {
            assert!(
                manual.contains(&format!("`{word}`")),
                "docs/protocols.md does not explain `{word}` of {source}"
            );
        }
    }
    Ok(())
}

#[test]
fn metrics_are_those_that_are_explained() -> Result<()> {
    let names = |text: &str, quote: char| -> BTreeSet<String> {
        text.split(quote)
            .filter_map(|piece| piece.split(['{', ' ']).next())
            .filter(|piece| piece.starts_with("rolecall_"))
            .filter(|piece| piece.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            .map(str::to_owned)
            .collect()
    };
    let counted = names(&read("src/web/metrics.rs")?, '"');
    assert!(!counted.is_empty());
    assert_eq!(counted, names(&read("docs/operations.md")?, '`'));
    Ok(())
}

#[test]
fn every_audit_event_is_explained() -> Result<()> {
    let source = read("crates/rolecall-core/src/audit.rs")?;
    let (_, events) = source
        .split_once("pub enum AuditEventKind {")
        .context("AuditEventKind")?;
    let events = events.split("\n}\n").next().unwrap_or_default();
    let manual = read("docs/operations.md")?;
    let variants = events
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"));
    let mut seen = 0;
    for variant in variants {
        let word = variant.chars().fold(String::new(), |word, c| {
            let gap = if c.is_ascii_uppercase() && !word.is_empty() {
                "_"
            } else {
                ""
            };
            format!("{word}{gap}{}", c.to_ascii_lowercase())
        });
        assert!(
            manual.contains(&format!("`{word}`")),
            "docs/operations.md does not explain `{word}`"
        );
        seen += 1;
    }
    assert!(seen > 5, "the search for events has gone blind");
    Ok(())
}

/// Where the version of a client that the suite runs is pinned. Terraform's is asked of Terraform itself.
const PINS: [(&str, &str, &str); 5] = [
    ("AWS CLI 2", "tests/peers/aws-cli/packages.txt", " VERSION-"),
    (
        "AWS CLI 1",
        "tests/peers/python/requirements.txt",
        "awscli==VERSION\n",
    ),
    (
        "boto3 ",
        "tests/peers/python/requirements.txt",
        "boto3==VERSION\n",
    ),
    (
        "JavaScript SDK",
        "tests/peers/node/package.json",
        "\"@aws-sdk/credential-providers\": \"VERSION.",
    ),
    (
        "Rust SDK",
        "Cargo.lock",
        "name = \"aws-config\"\nversion = \"VERSION.",
    ),
];

#[test]
fn the_table_of_clients_has_the_versions_that_the_suite_runs() -> Result<()> {
    let table = read("docs/clients.md")?;
    let rows = table.lines().filter(|line| line.ends_with("| suite |"));
    let mut seen = 0;
    for row in rows {
        let program = row.trim_start_matches("| ");
        let version = program
            .split(|c: char| c.is_whitespace() || "|,()".contains(c))
            .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
        let pin = PINS.iter().find(|(name, ..)| program.starts_with(name));
        let (Some(version), Some((_, file, pin))) = (version, pin) else {
            continue;
        };
        ensure!(
            read(file)?.contains(&pin.replace("VERSION", version)),
            "{file} does not pin what the suite is said to run: {row}"
        );
        seen += 1;
    }
    ensure!(seen >= 8, "the search for versions has gone blind: {seen}");
    Ok(())
}
