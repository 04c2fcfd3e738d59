//! cargo-machete: dependencies that a `Cargo.toml` names and no code uses.

use std::process::{Command, Stdio};

use crate::cargo::finish;
use crate::machine::Machine;
use crate::tool;

const VERSION: &str = "0.9.2";

/// Checks every crate of the workspace.
pub(crate) fn check(machine: &Machine) -> anyhow::Result<()> {
    let program = tool::install(machine, "cargo-machete", VERSION)?;
    finish(
        Command::new(program)
            .arg(&machine.root)
            .stdin(Stdio::null()),
    )
}
