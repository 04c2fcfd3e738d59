//! Rules that the compiler and clippy cannot see: shape of files, floors and fences, templates, what no text may say.
//!
//! Every rule is a [`Rule`] with samples that break it and samples that keep it, so that a rule which has gone blind fails too.
//! A complaint names the file, the line and what to do.

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

/// One rule.
struct Rule {
    name: &'static str,
    check: fn(&Source) -> Vec<Complaint>,
    /// `(path, text)` that the rule must complain about. `@` stands for what would break a rule in this very file.
    breaks: &'static [(&'static str, &'static str)],
    /// `(path, text)` that it must not complain about.
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
fn the_sources_are_tidy() -> anyhow::Result<()> {
    let mut sources = Vec::new();
    read(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut sources)?;
    assert!(
        sources.iter().any(|source| source.path == "src/main.rs"),
        "the walk found no sources"
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
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    Ok(())
}

#[test]
fn every_rule_can_fail_and_can_pass() {
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
                "{} is blind to {path}:\n{text}",
                rule.name
            );
        }
        for (path, text) in rule.keeps {
            let complaints = (rule.check)(&Source::new(*path, text.replace('@', "")));
            assert!(
                complaints.is_empty(),
                "{} complains about {path}: {complaints:?}\n{text}",
                rule.name
            );
        }
    }
}

/// What is built, fetched or git's own.
const NOT_OURS: &[&str] = &[".git", ".demo", "node_modules", "target"];

/// Every text of the repository, by its path from the root.
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
            // Pictures are no texts.
            if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                sources.push(Source::new(path, text));
            }
        }
    }
    Ok(())
}
