//! The `[[account]]` entries of an access file: where their keys and values are in the text, and how they change.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::edit::{self, Edit, insert_line, line_end, line_start, remove_line};
use super::inline_table::{self, Entry};
use super::toml_text;

/// A string and where it is.
pub(super) struct Located<'t> {
    pub text: &'t str,
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// An `[[account]]` entry.
pub(super) struct Block<'t> {
    table: &'t DeTable<'t>,
    is_inline: bool,
}

/// The accounts of a file, in the order of the text.
pub(super) struct Blocks<'t> {
    pub blocks: Vec<Block<'t>>,
    /// End of the last entry and everything in it; `None` without entries.
    end: Option<usize>,
    /// Whether the entries are an array in brackets, which `[[account]]` cannot extend.
    pub is_array: bool,
}

/// An entry is written in a way that is not changed here.
pub(super) struct Unsupported(pub &'static str);

impl<'t> Blocks<'t> {
    /// Finds the entries. Tables that are not as expected are left out: the policy reports them.
    pub fn of(text: &str, root: &'t DeTable<'t>) -> Self {
        let list = root.get("account");
        let array = list.and_then(|list| list.get_ref().as_array());
        let tables = array.into_iter().flat_map(|array| array.iter());
        let mut end = None;
        let mut blocks = Vec::new();
        for table in tables {
            end = end.max(Some(end_of(table)));
            if let DeValue::Table(entries) = table.get_ref() {
                let is_inline = text[table.span()].starts_with('{');
                blocks.push(Block {
                    table: entries,
                    is_inline,
                });
            }
        }
        let is_array = list.is_some_and(|list| !text[list.span()].starts_with("[["));
        Self {
            blocks,
            end,
            is_array,
        }
    }

    /// Inserts entries after the last one, with its comments, or at the end of the text.
    pub fn append(&self, text: &str, entries: &[Vec<String>]) -> Option<Edit> {
        if entries.is_empty() {
            return None;
        }
        let ends = edit::line_break(text);
        let mut at = self.end.map_or(text.len(), |end| line_end(text, end));
        while self.end.is_some() && at < text.len() {
            let end = line_end(text, at);
            if !text[at..end].trim_start().starts_with('#') {
                break;
            }
            at = end;
        }
        let mut added = String::new();
        if !text[..at].is_empty() && !text[..at].ends_with('\n') {
            added.push_str(ends);
        }
        for (number, lines) in entries.iter().enumerate() {
            let is_first_line = text[..at].trim_start_matches('\u{feff}').is_empty() && number == 0;
            if !is_first_line {
                added.push_str(ends);
            }
            for line in lines {
                added.push_str(line);
                added.push_str(ends);
            }
        }
        Some(Edit::insert(at, added))
    }
}

fn end_of(value: &Spanned<DeValue<'_>>) -> usize {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| key.span().end.max(end_of(value)))
            .max(),
        DeValue::Array(items) => items.iter().map(end_of).max(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    };
    value.span().end.max(inner.unwrap_or(0))
}

/// The lines of a new entry.
pub(super) fn new_block(
    id: &str,
    name: &str,
    ou: Option<&str>,
    tags: &BTreeMap<&str, &str>,
) -> Vec<String> {
    let mut lines = vec![
        "[[account]]".to_owned(),
        format!("id   = {}", toml_text::string(id)),
        format!("name = {}", toml_text::string(name)),
    ];
    lines.extend(ou.map(|ou| format!("ou   = {}", toml_text::string(ou))));
    if !tags.is_empty() {
        let tags = toml_text::inline_table(tags.iter().map(|(key, value)| (*key, *value)));
        lines.push(format!("tags = {tags}"));
    }
    lines
}

impl<'t> Block<'t> {
    /// The value of a key that is a string.
    pub fn string(&self, name: &str) -> Option<Located<'t>> {
        let (key, value) = self.table.get_key_value(name)?;
        let text = value.get_ref().as_str()?;
        let (key, value) = (key.span(), value.span());
        Some(Located { text, key, value })
    }

    /// The tags; `None` if one of them is not a string.
    pub fn tags(&self) -> Option<BTreeMap<&'t str, &'t str>> {
        let Some(tags) = self.table.get("tags") else {
            return Some(BTreeMap::new());
        };
        let entries = tags.get_ref().as_table()?.iter();
        let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| -> Option<(&'t str, &'t str)> {
            let key: &'t std::borrow::Cow<'t, str> = key.get_ref();
            Some((key.as_ref(), value.get_ref().as_str()?))
        };
        entries.map(entry).collect()
    }

    /// Replaces the name.
    pub fn rename(&self, text: &str, name: &str) -> Option<Edit> {
        let at = self.string("name")?;
        let written = toml_text::string_like(name, &text[at.value.clone()]);
        Some(Edit::replace(at.value, written))
    }

    /// Sets or removes `ou`.
    pub fn set_ou(&self, text: &str, ou: Option<&str>) -> Result<Vec<Edit>, Unsupported> {
        let edit = match (self.string("ou"), ou) {
            (Some(at), Some(ou)) => {
                let written = toml_text::string_like(ou, &text[at.value.clone()]);
                Edit::replace(at.value, written)
            }
            (None, Some(ou)) => self.insert_after("name", text, "ou", &toml_text::string(ou))?,
            (Some(_), None) if self.is_inline => return self.remove_inline(text, "ou"),
            (Some(at), None) => remove_line(text, &at.key, &at.value),
            (None, None) => return Ok(Vec::new()),
        };
        Ok(vec![edit])
    }

    /// Changes the tags. `wanted` are all tags of the result.
    pub fn set_tags(
        &self,
        text: &str,
        wanted: &BTreeMap<&str, &str>,
    ) -> Result<Vec<Edit>, Unsupported> {
        let Some((tags_key, tags)) = self.table.get_key_value("tags") else {
            if wanted.is_empty() {
                return Ok(Vec::new());
            }
            let value = toml_text::inline_table(wanted.iter().map(|(key, value)| (*key, *value)));
            let after = if self.string("ou").is_some() {
                "ou"
            } else {
                "name"
            };
            return Ok(vec![self.insert_after(after, text, "tags", &value)?]);
        };
        let table = tags
            .get_ref()
            .as_table()
            .ok_or(Unsupported("`tags` is not a table"))?;
        let entries = entries_of(table)?;
        let mut edits = Vec::new();
        for entry in &entries {
            if let Some(value) = wanted.get(entry.name).filter(|value| **value != entry.text) {
                let written = toml_text::string_like(value, &text[entry.value.clone()]);
                edits.push(Edit::replace(entry.value.clone(), written));
            }
        }
        let is_there = |key: &str| entries.iter().any(|entry| entry.name == key);
        let added = wanted.iter().filter(|(key, _)| !is_there(key));
        let added: BTreeMap<&str, &str> = added.map(|(key, value)| (*key, *value)).collect();
        let is_kept = |key: &str| wanted.contains_key(key);
        let whole = tags.span();
        if text[whole.clone()].starts_with('{') {
            edits.extend(inline_table::change(
                text,
                &whole,
                &positions(&entries),
                &is_kept,
                &added,
            ));
            return Ok(edits);
        }
        if self.is_inline {
            return match edits.is_empty()
                || !added.is_empty()
                || entries.iter().any(|entry| !is_kept(entry.name))
            {
                true => Err(Unsupported("write its tags as tags = { … }")),
                false => Ok(edits),
            };
        }
        for entry in entries.iter().filter(|entry| !is_kept(entry.name)) {
            edits.push(remove_line(text, &entry.key, &entry.value));
        }
        // `[account.tags]`, or `tags.env = "prod"`: lines with the same beginning.
        let is_header = text[whole.clone()].starts_with('[');
        let (after, beginning) = match entries.last() {
            Some(last) => (
                last.value.end,
                &text[line_start(text, last.key.start)..last.key.start],
            ),
            None if is_header => (whole.end, ""),
            None => (tags_key.span().end, ""),
        };
        for (key, value) in added {
            let line = format!("{beginning}{}", toml_text::entry(key, value));
            edits.push(insert_line(text, after, &line));
        }
        Ok(edits)
    }

    /// Inserts a key after another one, aligned like it.
    fn insert_after(
        &self,
        other: &str,
        text: &str,
        key: &str,
        value: &str,
    ) -> Result<Edit, Unsupported> {
        let at = self.string(other).ok_or(Unsupported("it has no name"))?;
        if self.is_inline {
            return Ok(Edit::insert(at.value.end, format!(", {key} = {value}")));
        }
        let indent = &text[line_start(text, at.key.start)..at.key.start];
        let between = &text[at.key.end..at.value.start];
        let (before, after) = between.split_once('=').unwrap_or((" ", " "));
        let column = |at: &Located<'_>| {
            let between = &text[at.key.end..at.value.start];
            at.key.len() + between.find('=').unwrap_or(0)
        };
        let is_aligned = self
            .string("id")
            .is_some_and(|id| column(&id) == column(&at) && id.key.len() != at.key.len());
        let spaces = match is_aligned {
            true => " ".repeat(column(&at).saturating_sub(key.len())),
            false if before.is_empty() => String::new(),
            false => " ".to_owned(),
        };
        let line = format!("{indent}{key}{spaces}={after}{value}");
        Ok(insert_line(text, at.value.end, &line))
    }

    /// Removes a key of an entry in braces.
    fn remove_inline(&self, text: &str, name: &str) -> Result<Vec<Edit>, Unsupported> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for (key, value) in self.table {
            let (key_span, value_span) = (key.span(), value.span());
            if key_span == value_span {
                return Err(Unsupported("write its tags as tags = { … }"));
            }
            entries.push(Entry {
                name: key.get_ref(),
                key: key_span,
                value: value_span,
            });
        }
        entries.sort_by_key(|entry| entry.key.start);
        let is_kept = |key: &str| key != name;
        Ok(inline_table::change(
            text,
            &(0..0),
            &entries,
            &is_kept,
            &BTreeMap::new(),
        ))
    }
}

struct TagEntry<'t> {
    name: &'t str,
    text: &'t str,
    key: Range<usize>,
    value: Range<usize>,
}

/// The entries of a table of strings, in the order of the text.
fn entries_of<'t>(table: &'t DeTable<'t>) -> Result<Vec<TagEntry<'t>>, Unsupported> {
    let mut entries = Vec::new();
    for (key, value) in table {
        let text = value
            .get_ref()
            .as_str()
            .ok_or(Unsupported("a tag is not a string"))?;
        entries.push(TagEntry {
            name: key.get_ref(),
            text,
            key: key.span(),
            value: value.span(),
        });
    }
    entries.sort_by_key(|entry| entry.key.start);
    Ok(entries)
}

fn positions<'t>(entries: &[TagEntry<'t>]) -> Vec<Entry<'t>> {
    let position = |entry: &TagEntry<'t>| Entry {
        name: entry.name,
        key: entry.key.clone(),
        value: entry.value.clone(),
    };
    entries.iter().map(position).collect()
}
