//! Running cargo and other programs: in the repository, with nothing on stdin, and with an error that names the command.

use std::process::{Command, Stdio};

use anyhow::Context;

use crate::machine::Machine;

/// A cargo command in the repository.
pub(crate) fn cargo(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = Command::new(&machine.cargo);
    command
        .args(arguments)
        .current_dir(&machine.root)
        .stdin(Stdio::null());
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
