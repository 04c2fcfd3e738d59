//! Reads files with people. Nothing is read without a limit, and nothing is left out silently.

use std::fs::{self, File};
use std::io::{BufRead, Read as _};
use std::path::{Path, PathBuf};

use rolecall_core::base::{limits, text};
use rolecall_core::identity::ProviderId;

use super::RawPerson;
use crate::cli::out::{self, Failure};

/// The people of a directory, by name: `*.json`, and `PROVIDER/*.json` of the providers.
pub fn folder(
    folder: &Path,
    providers: &[ProviderId],
) -> Result<impl Iterator<Item = Result<RawPerson, Failure>> + use<>, Failure> {
    let mut found: Vec<(PathBuf, Option<ProviderId>)> = Vec::new();
    let mut ignored = Vec::new();
    for path in entries(folder)? {
        if !is_folder(&path)? {
            sort_file(path, None, &mut found, &mut ignored);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let provider = providers.iter().find(|id| Some(id.as_str()) == name);
        let Some(provider) = provider else {
            let known: Vec<&str> = providers.iter().map(ProviderId::as_str).collect();
            return Err(Failure::configuration(format!(
                "{}: the name of this directory is not that of an identity provider",
                shown(&path)
            ))
            .hint(format!("known identity providers: {}", known.join(", "))));
        };
        for path in entries(&path)? {
            if is_folder(&path)? {
                return Err(Failure::configuration(format!(
                    "{}: a directory within that of a provider",
                    shown(&path)
                ))
                .hint("move its claim files into the directory of the provider"));
            }
            sort_file(path, Some(provider), &mut found, &mut ignored);
        }
    }
    if let Some(first) = ignored.first() {
        let files = out::count(ignored.len(), "file");
        out::note(format!(
            "warning: {files} without the ending .json {} ignored, such as {}",
            if ignored.len() == 1 { "is" } else { "are" },
            shown(first)
        ));
    }
    let people = found.into_iter();
    Ok(people.map(|(path, provider)| person(&path, provider)))
}

fn sort_file(
    path: PathBuf,
    provider: Option<&ProviderId>,
    found: &mut Vec<(PathBuf, Option<ProviderId>)>,
    ignored: &mut Vec<PathBuf>,
) {
    match path.extension().is_some_and(|end| end == "json") {
        true => found.push((path, provider.cloned())),
        false => ignored.push(path),
    }
}

/// The entries of a directory by name, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::configuration(format!("{}: cannot read: {error}", shown(folder)))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
        if paths.len() > limits::PEOPLE_MAX {
            return Err(too_many(&shown(folder)));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether it is a directory. What is neither a directory nor a regular file is an error: a link could lead anywhere, and
/// people behind it must not be left out silently.
fn is_folder(path: &Path) -> Result<bool, Failure> {
    let kind = fs::symlink_metadata(path)
        .map_err(|error| Failure::configuration(format!("{}: cannot read: {error}", shown(path))))?
        .file_type();
    if kind.is_dir() || kind.is_file() {
        return Ok(kind.is_dir());
    }
    let what = match kind.is_symlink() {
        true => "a symbolic link",
        false => "not a regular file",
    };
    Err(Failure::configuration(format!("{}: {what}", shown(path)))
        .hint("copy the file into the directory, or remove it"))
}

/// The person in a file.
pub fn person(path: &Path, provider: Option<ProviderId>) -> Result<RawPerson, Failure> {
    let bound = limits::RECORDED_PERSON_BYTES_MAX;
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(bound as u64 + 1).read_to_end(&mut text))
        .map_err(|error| {
            Failure::configuration(format!("{}: cannot read: {error}", shown(path)))
        })?;
    if text.len() > bound {
        return Err(too_long(&shown(path)));
    }
    Ok(RawPerson {
        place: shown(path),
        provider,
        text,
    })
}

/// The people of a JSONL file: one JSON object in each line. Empty lines are skipped.
pub fn lines<R: BufRead>(
    path: &Path,
    mut file: R,
) -> impl Iterator<Item = Result<RawPerson, Failure>> + use<R> {
    let path = shown(path);
    let (mut number, mut ended) = (0u64, false);
    std::iter::from_fn(move || {
        loop {
            if ended {
                return None;
            }
            number += 1;
            let place = format!("{path}:{number}");
            let line = line(&mut file, &place);
            ended = !matches!(line, Ok(Some(_)));
            let text = match line.transpose()? {
                Ok(text) => text,
                Err(error) => return Some(Err(error)),
            };
            if !text.iter().all(u8::is_ascii_whitespace) {
                return Some(Ok(RawPerson {
                    place,
                    provider: None,
                    text,
                }));
            }
        }
    })
}

/// The next line; `None` at the end.
fn line(file: &mut impl BufRead, place: &str) -> Result<Option<Vec<u8>>, Failure> {
    let bound = limits::RECORDED_PERSON_BYTES_MAX;
    let mut text = Vec::new();
    let read = file
        .by_ref()
        .take(bound as u64 + 1)
        .read_until(b'\n', &mut text)
        .map_err(|error| Failure::configuration(format!("{place}: cannot read: {error}")))?;
    if text.last() == Some(&b'\n') {
        text.pop();
    } else if text.len() > bound {
        return Err(too_long(place));
    }
    Ok((read > 0).then_some(text))
}

fn too_long(place: &str) -> Failure {
    let bound = limits::RECORDED_PERSON_BYTES_MAX;
    Failure::configuration(format!("{place}: longer than {bound} bytes")).hint(
        "the claims of one person have a few kilobytes; several people are one JSON object per line in a .jsonl file",
    )
}

/// There are more people than a command evaluates.
pub fn too_many(place: &str) -> Failure {
    Failure::configuration(format!("{place}: more than {} people", limits::PEOPLE_MAX))
        .hint("divide the people into several runs")
}

/// A path in a message: names of files can contain any character.
fn shown(path: &Path) -> String {
    const CHARS_MAX: usize = 300;
    text::one_line(&path.display().to_string(), CHARS_MAX)
}
