//! `cargo xtask demo`: the README's first command. Builds the demo and serves it until it is interrupted.

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::packages;
use crate::say::say;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    packages::install(machine, &[packages::BUILD])?;
    say("building the demo; the first time takes some minutes");
    finish(cargo(machine, &["run", "--package", "rolecall-demo", "--"]).args(arguments))
}
