//! A text of the repository: path, lines, and Rust code without comments.

/// A violation in a line, with the change to make.
#[derive(Debug)]
pub struct Complaint {
    pub line: usize,
    pub advice: String,
}

pub struct Source {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: impl Into<String>, text: String) -> Self {
        Self {
            path: path.into(),
            text,
        }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_under(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Lines, numbered from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// Lines without those that consist of a comment.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Returns a violation for every code line for which `advise` returns advice.
    pub fn complain(&self, advise: impl Fn(&str) -> Option<String>) -> Vec<Complaint> {
        self.code()
            .filter_map(|(line, text)| advise(text).map(|advice| Complaint { line, advice }))
            .collect()
    }
}

/// Whether a line contains a path such as `redis::` or `std::fs`, not as the end of a longer one.
pub fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let goes_on =
            line[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        !line[..at].ends_with(is_part) && (path.ends_with(':') || !goes_on)
    })
}
