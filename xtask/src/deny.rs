//! cargo-deny, pinned and built into the cache folder: licences, banned crates and sources as `deny.toml` has them.

use std::fs;
use std::process::{Command, Stdio};

use crate::cargo::{finish, finish_on_stderr};
use crate::machine::Machine;
use crate::say::say;

const VERSION: &str = "0.20.2";

/// Checks the dependencies. The advisory database is not asked: it lives on a host of its own, and a check that needs it would
/// fail on a day when nothing here changed.
pub(crate) fn check(machine: &Machine) -> anyhow::Result<()> {
    let home = machine
        .cache
        .join("tools")
        .join(format!("cargo-deny-{VERSION}"));
    let program = home.join("bin/cargo-deny");
    if !program.is_file() {
        say(&format!(
            "building cargo-deny {VERSION}; the first time takes some minutes"
        ));
        fs::create_dir_all(&home)?;
        let install = [
            "install",
            "--locked",
            "cargo-deny",
            "--version",
            VERSION,
            "--root",
        ];
        finish_on_stderr(
            Command::new(&machine.cargo)
                .args(install)
                .arg(&home)
                .current_dir(&machine.cache),
        )?;
    }
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
