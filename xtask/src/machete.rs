//! cargo-machete: unused dependencies.

use std::process::{Command, Stdio};

use crate::cargo::finish;
use crate::machine::Machine;
use crate::tool;

const VERSION: &str = "0.9.2";

/// Checks all crates of the workspace.
pub(crate) fn check(machine: &Machine) -> anyhow::Result<()> {
    let program = tool::install(machine, "cargo-machete", VERSION)?;
    finish(
        Command::new(program)
            .arg(&machine.root)
            .stdin(Stdio::null()),
    )
}
