//! A unified diff of a text and its edits, as `diff -u` and `patch` know it.

use std::fmt::Write as _;
use std::ops::Range;

use super::edit::{self, Edit};

/// Lines before and after a change.
const CONTEXT: usize = 3;

/// A run of lines that edits change.
struct Change {
    /// Lines of the old text.
    lines: Range<usize>,
    new: String,
}

/// The diff; empty without edits. The edits are sorted and do not overlap.
pub(super) fn unified(path: &str, text: &str, edits: &[Edit]) -> String {
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let changes = changes(text, &old, edits);
    let mut diff = String::new();
    if changes.is_empty() {
        return diff;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(diff, "--- {path}\n+++ {path}");
    let mut hunk: Vec<&Change> = Vec::new();
    let mut moved = 0;
    for change in &changes {
        if let Some(last) = hunk.last()
            && change.lines.start > last.lines.end + 2 * CONTEXT
        {
            moved += write_hunk(&mut diff, &old, &hunk, moved);
            hunk.clear();
        }
        hunk.push(change);
    }
    write_hunk(&mut diff, &old, &hunk, moved);
    diff
}

/// Groups the edits by the lines that they change.
fn changes(text: &str, old: &[&str], edits: &[Edit]) -> Vec<Change> {
    let mut starts = vec![0];
    for line in old {
        starts.push(starts.last().copied().unwrap_or(0) + line.len());
    }
    let line_of = |at: usize| {
        starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1)
    };
    let mut groups: Vec<(Range<usize>, Vec<Edit>)> = Vec::new();
    for edit in edits {
        let first = line_of(edit.range.start);
        let is_line_start = |at: usize| starts.binary_search(&at).is_ok();
        let whole_lines = is_line_start(edit.range.start)
            && is_line_start(edit.range.end)
            && (edit.text.is_empty() || edit.text.ends_with('\n'));
        let end = match whole_lines {
            true => line_of(edit.range.end),
            false => (line_of(edit.range.end) + 1).min(old.len()),
        };
        let first = first.min(end);
        match groups.last_mut().filter(|(lines, _)| first <= lines.end) {
            Some((lines, together)) => {
                lines.end = lines.end.max(end);
                together.push(edit.clone());
            }
            None => groups.push((first..end, vec![edit.clone()])),
        }
    }
    let changed = groups.into_iter().filter_map(|(lines, mut edits)| {
        let (start, end) = (starts[lines.start], starts[lines.end]);
        for edit in &mut edits {
            edit.range = edit.range.start - start..edit.range.end - start;
        }
        let new = edit::apply(text.get(start..end)?, &edits)?;
        Some(trimmed(old, lines, new))
    });
    changed
        .filter(|change| !change.lines.is_empty() || !change.new.is_empty())
        .collect()
}

/// Leaves out lines at the start and at the end that are the same in both texts.
fn trimmed(old: &[&str], mut lines: Range<usize>, new: String) -> Change {
    let mut new: Vec<&str> = new.split_inclusive('\n').collect();
    while !lines.is_empty() && new.first() == Some(&old[lines.start]) {
        lines.start += 1;
        new.remove(0);
    }
    while !lines.is_empty() && new.last() == Some(&old[lines.end - 1]) {
        lines.end -= 1;
        new.pop();
    }
    let new = new.concat();
    Change { lines, new }
}

/// Writes a hunk after hunks that added `moved` lines, and returns how many it adds.
fn write_hunk(diff: &mut String, old: &[&str], changes: &[&Change], moved: isize) -> isize {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
        return 0;
    };
    let start = first.lines.start.saturating_sub(CONTEXT);
    let end = (last.lines.end + CONTEXT).min(old.len());
    let mut body = String::new();
    let (mut before, mut after) = (0, 0);
    let mut at = start;
    for change in changes {
        for line in &old[at..change.lines.start] {
            write_line(&mut body, ' ', line);
            (before, after) = (before + 1, after + 1);
        }
        for line in &old[change.lines.clone()] {
            write_line(&mut body, '-', line);
            before += 1;
        }
        for line in change.new.split_inclusive('\n') {
            write_line(&mut body, '+', line);
            after += 1;
        }
        at = change.lines.end;
    }
    for line in &old[at..end] {
        write_line(&mut body, ' ', line);
        (before, after) = (before + 1, after + 1);
    }
    let number = |start: usize, count: usize| if count == 0 { start } else { start + 1 };
    let new_start = start.saturating_add_signed(moved);
    let _ = writeln!(
        diff,
        "@@ -{},{before} +{},{after} @@",
        number(start, before),
        number(new_start, after)
    );
    diff.push_str(&body);
    after.cast_signed() - before.cast_signed()
}

fn write_line(diff: &mut String, sign: char, line: &str) {
    diff.push(sign);
    diff.push_str(line);
    if !line.ends_with('\n') {
        diff.push_str("\n\\ No newline at end of file\n");
    }
}
