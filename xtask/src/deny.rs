//! cargo-deny: licenses, banned crates and sources according to `deny.toml`.

use std::process::{Command, Stdio};

use crate::cargo::finish;
use crate::machine::Machine;
use crate::tool;

const VERSION: &str = "0.20.2";

/// Checks the dependencies. The advisory database is not used, because a new advisory would make the check fail without a
/// change in the repository.
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
