//! How files of this machine that hold the gateway's state are named in URLs.

use std::path::PathBuf;

/// Why what follows `sqlite:` names no file: the reason, and a hint.
pub(crate) type NoFile = (&'static str, &'static str);

/// The file in `sqlite:FILE`, with `//` before it or without.
pub(crate) fn parse_sqlite(rest: &str) -> Result<PathBuf, NoFile> {
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() || file.starts_with(':') {
        return Err((
            "`sqlite:` needs a file",
            "write sqlite:FILE; nothing else survives a restart",
        ));
    }
    if file.contains(['?', '\0']) {
        return Err((
            "`sqlite:FILE` takes no parameters",
            "write only the file's path",
        ));
    }
    Ok(PathBuf::from(file))
}
