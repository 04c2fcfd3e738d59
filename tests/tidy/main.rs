//! Rules that the compiler and clippy cannot check: file structure, layers, restricted crates, templates, texts.
//!
//! Every [`Rule`] has samples that violate it and samples that satisfy it, so that a rule that no longer detects
//! anything fails. A violation names the file, the line and the change to make.

mod core;
mod floors;
mod limits;
mod outside;
mod pages;
mod shape;
mod source;
mod texts;
mod web;

use std::fs;
use std::path::Path;

use source::{Complaint, Source};

/// A rule.
struct Rule {
    name: &'static str,
    check: fn(&Source) -> Vec<Complaint>,
    /// `(path, text)` that violates the rule. `@` hides violations from the rules in this file.
    breaks: &'static [(&'static str, &'static str)],
    /// `(path, text)` that satisfies the rule.
    keeps: &'static [(&'static str, &'static str)],
}

const RULES: [&[Rule]; 7] = [
    shape::RULES,
    core::RULES,
    floors::RULES,
    outside::RULES,
    pages::RULES,
    texts::RULES,
    web::RULES,
];

#[test]
fn sources_satisfy_all_rules() -> anyhow::Result<()> {
    let mut sources = Vec::new();
    read(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut sources)?;
    assert!(
        sources.iter().any(|source| source.path == "src/main.rs"),
        "no sources found"
    );
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            RULES
                .iter()
                .copied()
                .flatten()
                .map(move |rule| (source, rule))
        })
        .flat_map(|(source, rule)| {
            let name = rule.name;
            (rule.check)(source).into_iter().map(move |complaint| {
                format!(
                    "{}:{}: {} [{name}]",
                    source.path, complaint.line, complaint.advice
                )
            })
        })
        .collect();
    assert!(
        complaints.is_empty(),
        "{} violations:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    Ok(())
}

#[test]
fn rules_detect_their_samples() {
    for rule in RULES.iter().copied().flatten() {
        assert!(
            !rule.breaks.is_empty() && !rule.keeps.is_empty(),
            "{} has no samples",
            rule.name
        );
        for (path, text) in rule.breaks {
            let source = Source::new(*path, text.replace('@', ""));
            assert!(
                !(rule.check)(&source).is_empty(),
                "{} does not detect {path}:\n{text}",
                rule.name
            );
        }
        for (path, text) in rule.keeps {
            let complaints = (rule.check)(&Source::new(*path, text.replace('@', "")));
            assert!(
                complaints.is_empty(),
                "{} rejects {path}: {complaints:?}\n{text}",
                rule.name
            );
        }
    }
}

/// Build output, downloads, and the folder of git.
const NOT_OURS: &[&str] = &[".git", ".demo", "node_modules", "target"];

/// All texts of the repository, by path from the root.
fn read(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), sources)?;
        } else if entry.file_type()?.is_file() {
            // Images are not texts.
            if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                sources.push(Source::new(path, text));
            }
        }
    }
    Ok(())
}
