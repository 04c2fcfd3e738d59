//! `cargo xtask radosgw`: installs Ceph and runs the test with its radosgw. It is not part of `test`, because Ceph is large.

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::packages;
use crate::peers;
use crate::say::say;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let peers = peers::install(machine)?;
    packages::install(machine, &[packages::RADOSGW])?;
    say("building and running the test");
    let mut command = cargo(machine, &["test", "--locked", "--test", "radosgw", "--"]);
    peers.set_environment(&mut command);
    finish(command.args(arguments))
}
