//! Reading the audit trail of a gateway.

use std::path::Path;

use rolecalld::audit::{Format, export};
use rolecalld::database::{Database, DatabaseUrl};
use serde_json::Value;

use crate::stack::TestStack;

/// The audit trail in an SQLite file as `rolecalld audit export` prints it: JSON Lines, oldest event first.
///
/// # Errors
/// If the file cannot be opened or read.
pub async fn export_audit_trail(file: &Path) -> anyhow::Result<String> {
    let url: DatabaseUrl = format!("sqlite:{}", file.display()).parse()?;
    let database = Database::open(&url).await?;
    let mut lines = Vec::new();
    export(&database, Format::Jsonl, None, &mut lines).await?;
    Ok(String::from_utf8(lines)?)
}

impl TestStack {
    /// The events of the audit trail, oldest first. Requires the default database.
    ///
    /// # Errors
    /// If the trail cannot be read.
    pub async fn audit_events(&self) -> anyhow::Result<Vec<Value>> {
        let text = export_audit_trail(&self.folder().join("audit.db")).await?;
        text.lines()
            .map(|line| Ok(serde_json::from_str::<Value>(line)?["event"].take()))
            .collect()
    }
}
