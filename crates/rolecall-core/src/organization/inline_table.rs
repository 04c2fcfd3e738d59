//! Changes of the entries of an inline table, `{ env = "prod", team = "payments" }`, on one or several lines.

use std::collections::BTreeMap;
use std::ops::Range;

use super::edit::{Edit, line_start};
use super::toml_text;

/// An entry of the table.
pub(super) struct Entry<'t> {
    pub name: &'t str,
    pub key: Range<usize>,
    pub value: Range<usize>,
}

/// Removes entries that `wanted` does not contain, and adds `added`. `entries` are in the order of the text.
pub(super) fn change(
    text: &str,
    table: &Range<usize>,
    entries: &[Entry<'_>],
    is_kept: &dyn Fn(&str) -> bool,
    added: &BTreeMap<&str, &str>,
) -> Vec<Edit> {
    let last_kept = entries.iter().rposition(|entry| is_kept(entry.name));
    let Some(last_kept) = last_kept else {
        let all = added.iter().map(|(name, value)| (*name, *value));
        let is_change = !entries.is_empty() || !added.is_empty();
        let whole = || Edit::replace(table.clone(), toml_text::inline_table(all));
        return is_change.then(whole).into_iter().collect();
    };
    let mut edits = Vec::new();
    for (name, value) in added {
        let entry = toml_text::entry(name, value);
        edits.push(Edit::insert(
            entries[last_kept].value.end,
            format!(", {entry}"),
        ));
    }
    for (number, entry) in entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !is_kept(entry.name))
    {
        let comma = comma_after(text, entry.value.end);
        if number < last_kept {
            let end = comma.map_or(entry.value.end, |comma| comma + 1);
            edits.push(Edit::remove(entry.key.start..end + blanks(&text[end..])));
        } else {
            let before = &text[line_start(text, entry.key.start)..entry.key.start];
            let spaces = before.len() - before.trim_end_matches([' ', '\t']).len();
            edits.push(Edit::remove(entry.key.start - spaces..entry.value.end));
            edits.extend(comma.map(|comma| Edit::remove(comma..comma + 1)));
        }
    }
    // Without a comma at the end, the one after the last entry that stays goes.
    let ends_in_comma = |entry: &Entry<'_>| comma_after(text, entry.value.end).is_some();
    if last_kept + 1 < entries.len() && !entries.last().is_some_and(ends_in_comma) {
        let comma = comma_after(text, entries[last_kept].value.end);
        edits.extend(comma.map(|comma| Edit::remove(comma..comma + 1)));
    }
    edits
}

/// Position of the comma that follows a value.
fn comma_after(text: &str, value_end: usize) -> Option<usize> {
    let mut at = value_end;
    loop {
        let rest = &text[at..];
        match rest.bytes().next()? {
            b',' => return Some(at),
            b'#' => at += rest.find('\n')?,
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => return None,
        }
    }
}

/// Length of the spaces and tabs at the start.
fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}
