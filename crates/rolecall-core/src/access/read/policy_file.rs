//! A policy document: `{ file = "…" }`, or the document itself as a string.

use super::PolicyContext;
use crate::config_file::{Value, quoted};

/// The text of the document; `None` if it cannot be read, which has been reported. `key` is the name of the value.
pub(super) fn read_policy(
    value: &Value<'_>,
    key: &'static str,
    context: &PolicyContext<'_>,
) -> Option<String> {
    if let Some(text) = value.as_text() {
        return Some(text.to_owned());
    }
    let reader = value.table(key)?;
    let file = reader.required("file").and_then(|file| file.string());
    reader.done();
    let file = file?;
    let read = context.files.read(file.spot.path(), file.value);
    if let Err(reason) = &read {
        let message = format!("cannot read {}", quoted(file.value));
        file.spot.error(message, reason.as_str());
    }
    read.ok()
}
