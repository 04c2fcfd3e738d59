//! `cargo xtask bench`: runs the benchmark of the release build.

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::peers;
use crate::say::say;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let peers = peers::install(machine)?;
    say("building the release; the first build takes several minutes");
    let mut command = cargo(
        machine,
        &["run", "--release", "--package", "rolecall-bench", "--"],
    );
    peers.set_environment(&mut command);
    finish(command.args(arguments))
}
