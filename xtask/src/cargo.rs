//! Running cargo and other programs in the repository, without stdin, and with errors that contain the command.

use std::process::{Command, Stdio};

use anyhow::Context;

use crate::machine::Machine;

/// Variables that cargo sets for this program. Build scripts of some crates depend on them, so cargo would build these crates
/// again after each plain `cargo build`, and vice versa.
const CARGO_VARIABLES: [&str; 9] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// A cargo command in the repository.
pub(crate) fn cargo(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = Command::new(&machine.cargo);
    command
        .args(arguments)
        .current_dir(&machine.root)
        .stdin(Stdio::null());
    for variable in CARGO_VARIABLES {
        command.env_remove(variable);
    }
    if let Some(target) = machine.target() {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

/// Runs a command. If it fails, the error contains the command.
pub(crate) fn finish(command: &mut Command) -> anyhow::Result<()> {
    let command_line = command_line(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{command_line}`"))?;
    anyhow::ensure!(status.success(), "`{command_line}` failed ({status})");
    Ok(())
}

/// As [`finish`], with stdout redirected to stderr, for the output of installers.
pub(crate) fn finish_on_stderr(command: &mut Command) -> anyhow::Result<()> {
    finish(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
