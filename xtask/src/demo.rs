//! `cargo xtask demo`: builds and runs the demo.

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::packages;
use crate::say::say;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    packages::install(machine, &[packages::BUILD])?;
    say("building the demo; the first build takes several minutes");
    finish(cargo(machine, &["run", "--package", "rolecall-demo", "--"]).args(arguments))
}
