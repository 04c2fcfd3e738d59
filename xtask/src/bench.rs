//! `cargo xtask bench`: measures the release build, each figure as a ratio to a floor of the same run.

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::peers;
use crate::say::say;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let peers = peers::install(machine)?;
    say("building the release; the first time takes some minutes");
    let mut command = cargo(
        machine,
        &["run", "--release", "--package", "rolecall-bench", "--"],
    );
    peers.introduce(&mut command);
    finish(command.args(arguments))
}
