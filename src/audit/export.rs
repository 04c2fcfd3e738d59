//! Exports the trail, ordered by time, as JSON lines or CSV.
//!
//! Names that users chose may be opened in spreadsheets, so CSV fields with formulas or control characters are escaped (OWASP,
//! CSV injection). JSON lines contain the events that `verify` reads, byte for byte.

use std::fmt::Write as _;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::row::{NAMES, Row};
use crate::database::{Database, sortable};

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object for each line: `writer`, `sequence`, `hash`, and the `event` itself.
    Jsonl,
    /// RFC 4180, with a header line.
    Csv,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database failed.
    #[error("the audit database failed")]
    Database(#[from] sqlx::Error),
    /// The output failed.
    #[error("the export could not be written")]
    Output(#[from] io::Error),
}

/// Writes all events, or those since a time, row by row. Returns the number of events.
///
/// # Errors
/// [`ExportError`].
pub async fn export(
    trail: &Database,
    format: Format,
    since: Option<DateTime<Utc>>,
    mut output: impl Write,
) -> Result<u64, ExportError> {
    if format == Format::Csv {
        output.write_all(format!("{}\r\n", NAMES.replace(", ", ",")).as_bytes())?;
    }
    let query =
        format!("SELECT {NAMES} FROM audit_events WHERE at >= $1 ORDER BY at, writer, sequence");
    let from = since.map(sortable).unwrap_or_default();
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(from)
        .fetch(&trail.pool);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        let row = Row::read(&row)?;
        let line = match format {
            Format::Jsonl => json_line(&row)?,
            Format::Csv => csv_line(&row),
        };
        output.write_all(line.as_bytes())?;
        count += 1;
    }
    output.flush()?;
    Ok(count)
}

#[derive(Serialize)]
struct ExportedPosition<'a> {
    writer: &'a str,
    sequence: i64,
    hash: &'a str,
}

fn json_line(row: &Row) -> io::Result<String> {
    let position = serde_json::to_string(&ExportedPosition {
        writer: &row.writer,
        sequence: row.sequence,
        hash: &row.hash,
    })?;
    let intact = !row.canonical.contains(['\n', '\r'])
        && serde_json::from_str::<IgnoredAny>(&row.canonical).is_ok();
    // An event that was tampered with may not be JSON. It is exported as a string, so that it cannot forge other lines.
    let event = if intact {
        row.canonical.clone()
    } else {
        serde_json::to_string(&row.canonical)?
    };
    let position = position.strip_suffix('}').unwrap_or(&position);
    Ok(format!("{position},\"event\":{event}}}\n"))
}

fn csv_line(row: &Row) -> String {
    let columns = &row.columns;
    let optional = |column: &Option<String>| column.clone().unwrap_or_default();
    let fields = [
        row.writer.clone(),
        row.sequence.to_string(),
        columns.at.clone(),
        columns.event.clone(),
        columns.reference.clone(),
        optional(&columns.provider),
        optional(&columns.subject),
        optional(&columns.email),
        optional(&columns.account),
        row.canonical.clone(),
        row.hash.clone(),
    ];
    let fields: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
    fields.join(",") + "\r\n"
}

/// Always in quotes. A field that a spreadsheet would evaluate begins with an apostrophe. Control characters, and characters that
/// change the text direction, are escaped.
fn csv_field(text: &str) -> String {
    let mut field = String::with_capacity(text.len() + 2);
    field.push('"');
    if text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n'])
    {
        field.push('\'');
    }
    for c in text.chars() {
        if c == '"' {
            field.push_str("\"\"");
        } else if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            // Writing to a string cannot fail.
            let _ = write!(field, "\\u{{{:x}}}", u32::from(c));
        } else {
            field.push(c);
        }
    }
    field.push('"');
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_are_escaped() {
        for (text, field) in [
            ("alice", "\"alice\""),
            ("", "\"\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "\"'=1+1\""),
            ("  =1+1", "\"'  =1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("a\r\nb", "\"a\\u{d}\\u{a}b\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("\0", "\"\\u{0}\""),
        ] {
            assert_eq!(csv_field(text), field, "{text:?}");
        }
    }

    #[test]
    fn tampered_event_stays_on_its_line() {
        let columns = super::super::row::Columns {
            at: String::new(),
            event: String::new(),
            reference: String::new(),
            provider: None,
            subject: None,
            email: None,
            account: None,
        };
        for canonical in ["{}\n{\"writer\":\"forged\"}", "{}},{", "nonsense", ""] {
            let line = json_line(&Row {
                writer: "w".to_owned(),
                sequence: 1,
                columns: columns.clone(),
                canonical: canonical.to_owned(),
                hash: "h".to_owned(),
            })
            .unwrap();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed["event"], canonical);
        }
    }
}
