//! All limits are used: a constant of `base/limits.rs` without a use is not enforced.

use std::path::Path;

use crate::source::{Source, names};

const LIMITS: &str = "crates/rolecall-core/src/base/limits.rs";

#[test]
fn every_limit_is_used() -> anyhow::Result<()> {
    let mut sources = Vec::new();
    crate::read(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut sources)?;
    let (limits, others): (Vec<Source>, Vec<Source>) = sources
        .into_iter()
        .filter(Source::is_rust)
        .partition(|source| source.path == LIMITS);
    let constants: Vec<&str> = limits
        .iter()
        .flat_map(Source::code)
        .filter_map(|(_, line)| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    assert!(
        constants.len() > 20,
        "too few constants found: {constants:?}"
    );
    let used = |constant: &&&str| {
        let named = format!("limits::{constant}");
        others
            .iter()
            .filter(|source| source.is_under(&["src/", "crates/rolecall-core/src/"]))
            .flat_map(Source::code)
            .any(|(_, line)| line.contains(&named) || names(line, constant))
    };
    let dead: Vec<&&str> = constants
        .iter()
        .filter(|constant| !used(constant))
        .collect();
    assert!(
        dead.is_empty(),
        "remove or use these limits of {LIMITS}: {dead:?}"
    );
    Ok(())
}
