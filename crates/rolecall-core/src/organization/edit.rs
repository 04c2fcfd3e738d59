//! Changes of a text at byte positions. Everything else stays as it is.

use std::ops::Range;

/// Replaces a range of bytes; an empty range is an insertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

impl Edit {
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(at..at, text)
    }

    pub fn remove(range: Range<usize>) -> Self {
        Self::replace(range, "")
    }

    pub fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { range, text }
    }
}

/// Sorts the edits by position. Insertions at the same position keep their order.
pub(super) fn sort(edits: &mut [Edit]) {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
}

/// The text after the edits, which are sorted; `None` if they overlap.
pub(super) fn apply(text: &str, edits: &[Edit]) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for edit in edits {
        result.push_str(text.get(copied..edit.range.start)?);
        result.push_str(&edit.text);
        copied = edit.range.end;
    }
    result.push_str(text.get(copied..)?);
    Some(result)
}

/// Start of the line that contains this position.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// End of the line that contains this position, after its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |more| at + more + 1)
}

/// The line break of the text: that of its first line.
pub(super) fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}

/// Inserts a line after the line that contains this position.
pub(super) fn insert_line(text: &str, after: usize, line: &str) -> Edit {
    let (end, ends) = (line_end(text, after), line_break(text));
    match text[..end].ends_with('\n') {
        true => Edit::insert(end, format!("{line}{ends}")),
        false => Edit::insert(end, format!("{ends}{line}")),
    }
}

/// Removes a key and its value, which have lines of their own. A comment after the value stays.
pub(super) fn remove_line(text: &str, key: &Range<usize>, value: &Range<usize>) -> Edit {
    let (start, end) = (line_start(text, key.start), line_end(text, value.end));
    let after = &text[value.end..end];
    let indented = &text[start..key.start];
    let indent = indented.len() - indented.trim_start().len();
    match after.find('#') {
        Some(comment) => Edit::remove(start + indent..value.end + comment),
        None => Edit::remove(start..end),
    }
}
