//! `cargo xtask deb`: builds the Debian package of the gateway for this machine's release of Debian.
//!
//! `--test` checks it with lintian, installs it in a chroot, performs the steps of its README.Debian and tests the gateway.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::packages;
use crate::say::{UserError, print, say};
use crate::{chroot, tool};

/// Version of cargo-deb.
const VERSION: &str = "3.8.0";

/// The script that runs in the chroot. Its argument is the phase.
const CHROOT_SCRIPT: &str = include_str!("deb_test.sh");

/// The release of Debian to test the package on.
enum Test {
    No,
    Here,
    On(String),
}

impl Test {
    fn parse(arguments: &[String]) -> Result<Self, UserError> {
        match arguments {
            [] => Ok(Self::No),
            [one] if one == "--test" => Ok(Self::Here),
            [one, release] if one == "--test" && chroot::is_release(release) => {
                Ok(Self::On(release.clone()))
            }
            [..] => Err(UserError::new(
                "invalid arguments\nhint: cargo xtask deb, cargo xtask deb --test, or cargo xtask deb --test trixie",
            )),
        }
    }
}

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let test = Test::parse(arguments)?;
    let needs: &[&[packages::Need]] = match test {
        Test::No => &[packages::BUILD, packages::DEB],
        Test::Here | Test::On(_) => &[packages::BUILD, packages::DEB, packages::DEB_TEST],
    };
    packages::install(machine, needs)?;
    let release = match test {
        Test::No => None,
        Test::Here => Some(chroot::release_here()?),
        Test::On(release) => Some(release),
    };
    let package = build(machine)?;
    if let Some(release) = release {
        self::test(machine, &package, &release)?;
    }
    print(&format!("{}\n", package.display()))
}

/// Builds the package and returns its path.
fn build(machine: &Machine) -> anyhow::Result<PathBuf> {
    let cargo_deb = tool::install(machine, "cargo-deb", VERSION)?;
    say("building the release; the first build takes up to fifteen minutes");
    finish(&mut cargo(
        machine,
        &["build", "--release", "--locked", "--package", "rolecalld"],
    ))?;
    let mut command = Command::new(cargo_deb);
    command
        .args(["--package", "rolecalld", "--no-build", "--locked"])
        .current_dir(&machine.root)
        .env("CARGO", &machine.cargo)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if let Some(target) = machine.target() {
        command.env("CARGO_TARGET_DIR", target);
    }
    let output = command.output().context("cannot start cargo-deb")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo-deb failed ({})",
        output.status
    );
    let text = String::from_utf8(output.stdout).context("the output of cargo-deb is not UTF-8")?;
    let path = text
        .lines()
        .map(str::trim)
        .find(|line| line.ends_with(".deb"))
        .context("cargo-deb did not print the path of the package")?;
    Ok(machine.root.join(path))
}

fn test(machine: &Machine, package: &Path, release: &str) -> anyhow::Result<()> {
    say("lintian");
    finish(
        Command::new("lintian")
            .args(["--allow-root", "--fail-on", "error,warning"])
            .arg(package)
            .stdin(Stdio::null()),
    )?;
    say(&format!("creating a chroot of Debian {release}"));
    let chroot = chroot::Chroot::create(machine, release, &["redis-server", "curl", "iproute2"])?;
    chroot.copy(package, "rolecalld.deb")?;
    chroot.write("deb_test.sh", CHROOT_SCRIPT)?;
    say("installing the package and its dependencies");
    chroot.run(&["sh", "/deb_test.sh", "install"], chroot::Network::Shared)?;
    say("performing the steps of README.Debian and starting the gateway with Redis");
    chroot.run(&["sh", "/deb_test.sh", "serve"], chroot::Network::Own)?;
    chroot.remove()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_release_is_rejected() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(matches!(Test::parse(&[]), Ok(Test::No)));
        assert!(matches!(Test::parse(&words("--test")), Ok(Test::Here)));
        assert!(matches!(
            Test::parse(&words("--test trixie")),
            Ok(Test::On(_))
        ));
        for wrong in ["--tset", "--test ../x", "--test trixie bookworm", "trixie"] {
            assert!(Test::parse(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
