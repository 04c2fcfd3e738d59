//! The access files of the configuration, and the one to which new accounts are added.

use std::path::{Path, PathBuf};

use rolecall_core::access::PolicyFile;

use crate::cli::out::Failure;
use crate::config::{AccessFiles, read_text};

/// The access files.
pub struct Target {
    /// All files of the configuration. A file that does not exist yet is empty.
    pub files: Vec<PolicyFile>,
    /// Index of the file to which new accounts are added; `None` if it is not clear.
    pub index: Option<usize>,
    /// Index of the file that does not exist yet.
    new: Option<usize>,
}

impl Target {
    /// Reads the access files. `into` is the file for new accounts.
    pub fn find(access: &AccessFiles, into: Option<&Path>) -> Result<Self, Failure> {
        let mut paths = access.files()?;
        let into_index = match into {
            Some(into) => Some(index_of(into, access, &mut paths)?),
            None => None,
        };
        // A file that is to be created: --into, or the only file of the configuration.
        let created = into_index.or((paths.len() == 1).then_some(0));
        let new = created.filter(|index| !paths[*index].exists());
        let mut files = Vec::new();
        for (index, path) in paths.into_iter().enumerate() {
            let text = match new == Some(index) {
                true => String::new(),
                false => read_text(&path)?,
            };
            files.push(PolicyFile { path, text });
        }
        let index = into_index.or_else(|| with_accounts(&files));
        Ok(Self { files, index, new })
    }

    /// Whether the file with this index exists.
    pub fn exists(&self, index: usize) -> bool {
        self.new != Some(index)
    }
}

/// The index of the file `into` among the access files. A new file in one of their directories is added.
fn index_of(into: &Path, access: &AccessFiles, paths: &mut Vec<PathBuf>) -> Result<usize, Failure> {
    let wanted = resolved(into);
    if let Some(index) = paths.iter().position(|path| resolved(path) == wanted) {
        return Ok(index);
    }
    let folder = wanted.parent();
    let is_toml = wanted.extension().is_some_and(|end| end == "toml");
    let is_read = |directory: &PathBuf| directory.is_dir() && folder == Some(&resolved(directory));
    if is_toml && !wanted.exists() && access.paths().iter().any(is_read) {
        paths.push(into.to_owned());
        return Ok(paths.len() - 1);
    }
    Err(Failure::configuration(format!(
        "{} is not an access file of the configuration",
        into.display()
    ))
    .hint("add it to `access` of rolecall.toml, or name one of its files, or a new *.toml file in one of its directories"))
}

/// The path without symbolic links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    std::fs::canonicalize(path).unwrap_or_else(|_| {
        let parent = std::fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned());
        parent.join(path.file_name().unwrap_or_default())
    })
}

/// The only file, or the only one with accounts.
fn with_accounts(files: &[PolicyFile]) -> Option<usize> {
    let has_accounts = |file: &PolicyFile| {
        let mut lines = file.text.lines();
        lines.any(|line| line.trim_start().starts_with("[[account]]"))
    };
    if let [_] = files {
        return Some(0);
    }
    let mut found = (0..files.len()).filter(|index| has_accounts(&files[*index]));
    found.next().filter(|_| found.next().is_none())
}
