//! Reads the files with saved responses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rolecall_core::organization::{SavedError, SavedFile};

use crate::cli::out::{self, Failure};
use crate::config::read_text;

/// Maximum number of files: four for each of the accounts that a policy can have.
const FILES_MAX: usize = 400_000;
/// Maximum size of all files together, in bytes. They are read before any is parsed.
const BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Upper limit of the errors that are printed.
const ERRORS_PRINTED_MAX: usize = 20;

/// Reads files, and the `*.json` files of directories.
pub fn read(paths: &[PathBuf]) -> Result<Vec<SavedFile>, Failure> {
    read_up_to(paths, BYTES_MAX)
}

fn read_up_to(paths: &[PathBuf], bytes_max: usize) -> Result<Vec<SavedFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(in_folder(path)?);
        } else {
            files.push(path.clone());
        }
        if files.len() > FILES_MAX {
            return Err(Failure::configuration(format!(
                "more than {FILES_MAX} files"
            )));
        }
    }
    let (mut saved, mut bytes) = (Vec::new(), 0);
    for path in files {
        let text = read_text(&path).map_err(|error| {
            Failure::configuration(error.to_string())
                .hint("name files that contain the output of `aws organizations`")
        })?;
        bytes += text.len();
        if bytes > bytes_max {
            return Err(Failure::configuration(format!(
                "the files are larger than {bytes_max} bytes together"
            ))
            .hint("name only files that contain the output of `aws organizations`"));
        }
        saved.push(SavedFile { path, text });
    }
    Ok(saved)
}

fn in_folder(folder: &PathBuf) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::configuration(format!("{}: cannot read: {error}", folder.display()))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|end| end == "json") {
            found.push(path);
        }
    }
    found.sort();
    match found.is_empty() {
        false => Ok(found),
        true => Err(
            Failure::configuration(format!("{}: no *.json files", folder.display()))
                .hint("save the output of `aws organizations` there"),
        ),
    }
}

/// All errors, each with its hint.
pub fn failure(errors: &BTreeSet<SavedError>) -> Failure {
    let shown = errors.iter().take(ERRORS_PRINTED_MAX);
    let mut lines: Vec<String> = shown.map(ToString::to_string).collect();
    if errors.len() > ERRORS_PRINTED_MAX {
        lines.push(format!(
            "… {} more errors",
            errors.len() - ERRORS_PRINTED_MAX
        ));
    }
    lines.push(format!(
        "{}: nothing was written",
        out::count(errors.len(), "error")
    ));
    Failure::configuration(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_of_all_files_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.json", "b.json"] {
            std::fs::write(folder.path().join(name), "12345").unwrap();
        }
        let paths = [folder.path().to_owned()];
        assert_eq!(read_up_to(&paths, 10).unwrap().len(), 2);
        let failure = read_up_to(&paths, 9).unwrap_err();
        assert!(format!("{failure:?}").contains("larger than 9 bytes together"));
    }
}
