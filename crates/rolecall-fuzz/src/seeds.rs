//! Seeds for fuzzing: genuine responses, steps of known attacks, and documents of the corpus, if available.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::DOCUMENT;
use crate::genuine::genuine;

/// A name and an input.
pub type Seed = (String, Vec<u8>);

/// Writes the seeds to the directory in the first argument, before libFuzzer reads it.
///
/// # Panics
/// If they cannot be created.
#[expect(clippy::panic, reason = "a fuzz target cannot return an error")]
pub fn write_seeds(seeds: fn(Option<&Path>) -> Result<Vec<Seed>>) {
    let corpus = std::env::var_os("ROLECALL_CORPUS").map(PathBuf::from);
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let written = match folder.filter(|folder| folder.is_dir()) {
        Some(folder) => seeds(corpus.as_deref()).and_then(|seeds| write(&folder, seeds)),
        None => Err(anyhow::anyhow!("the first argument is not a directory")),
    };
    if let Err(error) = written {
        panic!("the seeds cannot be created: {error:#}");
    }
}

fn write(folder: &Path, seeds: Vec<Seed>) -> Result<()> {
    for (name, input) in seeds {
        std::fs::write(folder.join(name), input)?;
    }
    Ok(())
}

/// Seeds of the guard: documents with their types.
///
/// # Errors
/// If the corpus cannot be read.
pub fn guard(corpus: Option<&Path>) -> Result<Vec<Seed>> {
    let genuine = genuine();
    let mut seeds = Vec::new();
    for (at, document) in genuine.documents.iter().enumerate() {
        seeds.push((format!("response-{at}"), tagged(0, document.as_bytes())));
        let metadata = &genuine.provider_of(at).metadata;
        seeds.push((format!("metadata-{at}"), tagged(2, metadata.as_bytes())));
    }
    let logout = "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_l\" Version=\"2.0\"/>";
    seeds.push(("logout".to_owned(), tagged(1, logout.as_bytes())));
    for (name, document) in documents(corpus)? {
        seeds.push((name, tagged(0, &document)));
    }
    Ok(seeds)
}

/// Seeds of the verification: each genuine response unchanged and after each kind of step, and documents.
///
/// # Errors
/// If the corpus cannot be read.
pub fn verify(corpus: Option<&Path>) -> Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    for base in 0..genuine().documents.len() {
        let base = u8::try_from(base)?;
        seeds.push((format!("genuine-{base}"), vec![base]));
        for kind in 0..16 {
            // The assertion and its signature are among the first elements of a response.
            for (one, other) in [(5, 1), (1, 5), (9, 6)] {
                let program = vec![base, kind, 0, one, 0, other, kind];
                seeds.push((format!("step-{base}-{kind}-{one}"), program));
            }
        }
    }
    for (name, document) in documents(corpus)? {
        seeds.push((name, tagged(DOCUMENT, &document)));
    }
    Ok(seeds)
}

fn tagged(first: u8, rest: &[u8]) -> Vec<u8> {
    [&[first], rest].concat()
}

/// The responses of the corpus, as XML.
fn documents(corpus: Option<&Path>) -> Result<Vec<Seed>> {
    let Some(corpus) = corpus else {
        return Ok(Vec::new());
    };
    let manifest = std::fs::read_to_string(corpus.join("MANIFEST.jsonl"))?;
    let mut found = Vec::new();
    for (at, line) in manifest.lines().enumerate() {
        let row: Value = serde_json::from_str(line)?;
        let file = row["file"].as_str().context("a row has no file")?;
        let path = corpus.join(file);
        if row["kind"] != "saml-response" || !path.exists() {
            continue;
        }
        let mut bytes = std::fs::read(path)?;
        if row["encoding"] == "base64" {
            bytes.retain(|byte| !byte.is_ascii_whitespace());
            bytes = STANDARD.decode(bytes)?;
        }
        found.push((format!("corpus-{at}"), bytes));
    }
    Ok(found)
}
