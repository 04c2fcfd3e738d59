//! Development tasks: `cargo xtask test | demo | bench | fuzz | radosgw | ci | deb | image`.
//!
//! Each task installs missing requirements (or reports them with exit code 2), prints its progress on stderr and runs. The xtask
//! has few dependencies, so that it builds in seconds.

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
mod radosgw;
mod say;
mod test;
mod tool;

use std::process::ExitCode;

use machine::Machine;
use say::{UserError, say};

const HELP: &str = "\
Rolecall's chores

Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  test  [CARGO TEST ARGUMENTS]   install the requirements of the tests and run all tests
  demo  [ROLECALL-DEMO ARGUMENTS]  build and run the demo: http://127.0.0.1:8400
  bench [BENCH ARGUMENTS]        run the benchmark of the release build
  fuzz  [SECONDS]                fuzz the SAML verifier; default: 60 seconds
  radosgw                        install Ceph and test tokens of the gateway with its radosgw
  ci    [STEP…]                  run the checks of continuous integration, or only these steps
  deb   [--test [RELEASE]]       build the Debian package; --test installs and starts it in a chroot (requires root)
  image [BUILD ARGUMENTS]        build the container image with docker, podman or buildah
  setup                          install the requirements of `test`

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
            ExitCode::from(if error.is::<UserError>() { 2 } else { 1 })
        }
    }
}

fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(UserError::new("no command\nhint: cargo xtask --help").into());
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
        "radosgw" => radosgw::run(&machine, rest),
        "ci" => ci::run(&machine, rest),
        "image" => image::run(&machine, rest),
        "deb" => deb::run(&machine, rest),
        "setup" => peers::install(&machine)
            .map(|_| say("all requirements of `cargo xtask test` are installed")),
        unknown => Err(UserError::new(format!(
            "unknown command `{unknown}`\nhint: cargo xtask --help"
        ))
        .into()),
    }
}
