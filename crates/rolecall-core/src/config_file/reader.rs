//! Reads a TOML file: every key is read or reported, and every error is collected with its line and column.
//!
//! A [`Document`] is parsed and [`Reader`]s read its tables. Errors can be reported at a [`Spot`] at any time, also
//! after reading. Messages do not contain values, which may be secrets in the wrong place.

use std::cell::RefCell;
use std::path::Path;

use chrono::TimeDelta;
use toml::Spanned;
use toml::de::DeTable;

use super::{Located, Value};
use crate::config_file::{ConfigError, suggest};

/// A TOML file, and the errors and warnings so far.
pub struct Document<'i> {
    path: &'i Path,
    text: &'i str,
    lines: Vec<usize>,
    root: Spanned<DeTable<'i>>,
    sound: bool,
    findings: RefCell<Findings>,
}

/// Errors and warnings of a file.
#[derive(Debug, Default)]
pub struct Findings {
    /// Errors: the file cannot be used.
    pub errors: Vec<ConfigError>,
    /// Warnings: the file can be used, but is probably not as intended.
    pub warnings: Vec<ConfigError>,
}

impl<'i> Document<'i> {
    /// Parses the text. Syntax errors are among the findings.
    pub fn parse(path: &'i Path, text: &'i str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let lines = std::iter::once(0)
            .chain(starts.map(|(n, _)| n + 1))
            .collect();
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let document = Self {
            path,
            text,
            lines,
            root,
            sound: syntax_errors.is_empty(),
            findings: RefCell::default(),
        };
        for error in syntax_errors {
            let offset = error.span().map_or(0, |span| span.start);
            document
                .spot(offset)
                .error(format!("not TOML: {}", error.message()), "");
        }
        document
    }

    /// Whether the text is valid TOML. An invalid document can be read, but keys may be missing.
    pub fn is_valid_toml(&self) -> bool {
        self.sound
    }

    /// The root table.
    pub fn root(&self) -> Reader<'_> {
        Reader::new(self, self.root.get_ref(), 0, "the file".to_owned())
    }

    /// The errors and warnings, in the order of the text.
    pub fn into_findings(self) -> Findings {
        let mut findings = self.findings.into_inner();
        findings.errors.sort();
        findings.warnings.sort();
        findings
    }

    pub(super) fn spot(&self, offset: usize) -> Spot<'_> {
        Spot {
            document: self,
            offset,
        }
    }
}

/// A position in a document.
#[derive(Clone, Copy)]
pub struct Spot<'d> {
    document: &'d Document<'d>,
    offset: usize,
}

impl<'d> Spot<'d> {
    /// Reports an error at this position. `hint` says what to do next; empty if the message does.
    pub fn error(self, message: impl Into<String>, hint: impl Into<String>) {
        let error = self.finding(message.into(), hint.into());
        self.document.findings.borrow_mut().errors.push(error);
    }

    /// Reports a warning at this position.
    pub fn warning(self, message: impl Into<String>, hint: impl Into<String>) {
        let warning = self.finding(message.into(), hint.into());
        self.document.findings.borrow_mut().warnings.push(warning);
    }

    /// Path of the file.
    pub fn path(self) -> &'d Path {
        self.document.path
    }

    /// Line, from 1.
    pub fn line(self) -> usize {
        self.document
            .lines
            .partition_point(|start| *start <= self.offset)
    }

    /// Bytes before it in the text.
    pub fn offset(self) -> usize {
        self.offset
    }

    fn finding(self, message: String, hint: String) -> ConfigError {
        let line = self.line();
        let start = self
            .document
            .lines
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self
            .document
            .text
            .get(start..self.offset)
            .unwrap_or_default();
        ConfigError {
            path: self.document.path.to_owned(),
            line,
            column: before.chars().count() + 1,
            message,
            hint: (!hint.is_empty()).then_some(hint),
        }
    }
}

/// Reads a table. Read each key that it may have, then call [`Reader::done`].
pub struct Reader<'d> {
    document: &'d Document<'d>,
    table: &'d DeTable<'d>,
    offset: usize,
    title: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(
        document: &'d Document<'d>,
        table: &'d DeTable<'d>,
        offset: usize,
        title: String,
    ) -> Self {
        Self {
            document,
            table,
            offset,
            title,
            known: RefCell::default(),
        }
    }

    /// Position of the table.
    pub fn spot(&self) -> Spot<'d> {
        self.document.spot(self.offset)
    }

    /// The value of the key, if present.
    pub fn value(&self, key: &'static str) -> Option<Value<'d>> {
        self.known.borrow_mut().push(key);
        let value = self.table.get(key)?;
        Some(Value::new(self.document, key.to_owned(), value))
    }

    /// The value of a required key. Reports an error if it is absent.
    pub fn required(&self, key: &'static str) -> Option<Value<'d>> {
        let value = self.value(key);
        // If the text is not valid TOML, the key may be in the part that could not be parsed.
        if value.is_none() && self.document.sound {
            self.spot().error(
                format!("{} has no `{key}`", self.title),
                format!("add `{key} = …`"),
            );
        }
        value
    }

    /// Whether the key is present.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value as a string.
    pub fn string(&self, key: &'static str) -> Option<Located<'d, &'d str>> {
        self.value(key)?.string()
    }

    /// The value as a boolean.
    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        self.value(key)?.boolean()
    }

    /// The value as a string that is parsed.
    pub fn parse<T>(&self, key: &'static str) -> Option<Located<'d, T>>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.value(key)?.parse()
    }

    /// The value as a duration, such as `"4h30m"`.
    pub fn duration(&self, key: &'static str) -> Option<Located<'d, TimeDelta>> {
        self.value(key)?.duration()
    }

    /// The value as an array of strings; empty if the key is absent.
    pub fn strings(&self, key: &'static str) -> Vec<Located<'d, &'d str>> {
        self.list(key).iter().filter_map(Value::string).collect()
    }

    /// The value as an array; empty if the key is absent.
    pub fn list(&self, key: &'static str) -> Vec<Value<'d>> {
        self.value(key)
            .and_then(|value| value.list())
            .unwrap_or_default()
    }

    /// The value as a table.
    pub fn table(&self, key: &'static str) -> Option<Reader<'d>> {
        self.value(key)?.table(&format!("[{key}]"))
    }

    /// The tables of an array of tables, `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Reader<'d>> {
        let title = format!("this [[{key}]]");
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        if value.is_table() {
            let message = format!("`{key}` must be an array of tables, not a table");
            value.spot().error(message, format!("write [[{key}]]"));
            return Vec::new();
        }
        let list = value.list().unwrap_or_default();
        list.iter()
            .filter_map(|value| value.table(&title))
            .collect()
    }

    /// The entries of a table with arbitrary keys: position, key and value.
    pub fn entries(&self) -> impl Iterator<Item = (Located<'d, &'d str>, Value<'d>)> {
        let document = self.document;
        self.table.iter().map(move |(key, value)| {
            let spot = document.spot(key.span().start);
            let value_of_key = Value::new(document, key.get_ref().to_string(), value);
            (
                Located {
                    value: key.get_ref().as_ref(),
                    spot,
                },
                value_of_key,
            )
        })
    }

    /// Reports every unknown key.
    pub fn done(self) {
        let known = self.known.into_inner();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let all = || format!("{} takes {}", self.title, known.join(", "));
                let near = suggest::nearest(name, known.iter().copied());
                self.document.spot(key.span().start).error(
                    format!("unknown key {}", quoted(name)),
                    near.map_or_else(all, |near| format!("did you mean `{near}`?")),
                );
            }
        }
    }
}

/// Quotes a word of the file for a message: escaped, and truncated if it is very long.
pub fn quoted(word: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    let cut: String = word.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < word.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}
