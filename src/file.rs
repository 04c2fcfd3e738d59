//! Files: `sqlite:FILE` URLs, which the store and the database share, and atomic replacement.

mod replacement;

use std::path::PathBuf;

pub(crate) use replacement::{keep_copy, remove_if_there, replace, replace_exclusively};

/// Why the text after `sqlite:` is not a file name: message and hint.
pub(crate) type InvalidSqliteFile = (&'static str, &'static str);

/// Parses the file name after `sqlite:`, with or without leading `//`.
pub(crate) fn parse_sqlite(rest: &str) -> Result<PathBuf, InvalidSqliteFile> {
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() || file.starts_with(':') {
        return Err((
            "`sqlite:` requires a file name",
            "write sqlite:FILE; in-memory databases are lost on restart",
        ));
    }
    if file.contains(['?', '\0']) {
        return Err((
            "`sqlite:FILE` does not accept parameters",
            "write only the path of the file",
        ));
    }
    Ok(PathBuf::from(file))
}
