//! Running cargo and other programs: in the repository, with nothing on stdin, and with an error that names the command.

use std::process::{Command, Stdio};

use anyhow::Context;

use crate::machine::Machine;

/// What cargo tells the program that it runs, this one. Build scripts of some crates depend on these variables: with them, cargo
/// would build these crates again after each plain `cargo build`, and the other way round.
const OF_THE_XTASK: [&str; 9] = [
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
    for variable in OF_THE_XTASK {
        command.env_remove(variable);
    }
    if let Some(target) = machine.target() {
        command.env("CARGO_TARGET_DIR", target);
    }
    command
}

/// Runs a command to its end; anything but success is an error with the command's own words.
pub(crate) fn finish(command: &mut Command) -> anyhow::Result<()> {
    let words = words(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{words}`"))?;
    anyhow::ensure!(status.success(), "`{words}` failed ({status})");
    Ok(())
}

/// The same for an installer, whose chatter is progress and belongs on stderr.
pub(crate) fn finish_on_stderr(command: &mut Command) -> anyhow::Result<()> {
    finish(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
