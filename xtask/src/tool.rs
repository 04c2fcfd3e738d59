//! Pinned programs from crates.io, built in the cache directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::say::say;

/// The path of the program, which is built first if this version is not installed.
pub(crate) fn install(machine: &Machine, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let home = machine
        .cache
        .join("tools")
        .join(format!("{name}-{version}"));
    let program = home.join("bin").join(name);
    if !program.is_file() {
        say(&format!(
            "building {name} {version}; this takes several minutes"
        ));
        fs::create_dir_all(&home)?;
        finish_on_stderr(
            Command::new(&machine.cargo)
                .args(["install", "--locked", name, "--version", version, "--root"])
                .arg(&home)
                .current_dir(&machine.cache),
        )?;
    }
    Ok(program)
}
