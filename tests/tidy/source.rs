//! One text of the repository as the rules see it: path, lines, and Rust code without its comments.

/// What is wrong in a line, and what to do about it.
#[derive(Debug)]
pub struct Complaint {
    pub line: usize,
    pub advice: String,
}

pub struct Source {
    /// From the repository's root, with `/`.
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

    /// Lines with their numbers from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// The same, without the comments that take a whole line.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// A complaint about every code line for which `advise` has advice.
    pub fn complain(&self, advise: impl Fn(&str) -> Option<String>) -> Vec<Complaint> {
        self.code()
            .filter_map(|(line, text)| advise(text).map(|advice| Complaint { line, advice }))
            .collect()
    }
}

/// Whether a line names a path such as `redis::` or `std::fs`, as itself and not as the end of a longer name or path.
pub fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let goes_on =
            line[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        !line[..at].ends_with(is_part) && (path.ends_with(':') || !goes_on)
    })
}
