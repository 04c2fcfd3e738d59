//! cargo-deny: licences, banned crates and sources as `deny.toml` has them.

use std::process::{Command, Stdio};

use crate::cargo::finish;
use crate::machine::Machine;
use crate::tool;

const VERSION: &str = "0.20.2";

/// Checks the dependencies. The advisory database is not asked: it lives on a host of its own, and a check that needs it would
/// fail on a day when nothing here changed.
pub(crate) fn check(machine: &Machine) -> anyhow::Result<()> {
    let program = tool::install(machine, "cargo-deny", VERSION)?;
    let check = [
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ];
    finish(
        Command::new(program)
            .args(check)
            .current_dir(&machine.root)
            .stdin(Stdio::null()),
    )
}
