//! Test peers: programs by other people that the tests talk to, pinned in `tests/peers/`, kept in the cache folder.
//!
//! A folder is named after what was pinned when it was made, and holds `.complete` once it is whole, so a second run costs
//! nothing, a changed pin makes a new folder, and a run that was cut off starts over. Two runs at once wait for one another.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::aws_cli;
use crate::browser;
use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::packages;
use crate::say::say;

/// Where the peers are: handed to the tests as environment variables.
pub(crate) struct Peers {
    /// A folder with `node_modules/`, and the pinned Node.js at `bin/node`.
    node: PathBuf,
    /// The Python of the virtual environment with boto3 and moto.
    python: PathBuf,
    chromium: PathBuf,
    /// A folder with AWS CLIs of several ages; none on a machine that is not Debian's.
    aws_cli: Option<PathBuf>,
}

impl Peers {
    /// Tells a test run where the peers are.
    pub(crate) fn introduce(&self, command: &mut Command) {
        command
            .env("ROLECALL_PEERS_NODE", &self.node)
            .env("ROLECALL_PEERS_PYTHON", &self.python)
            .env("ROLECALL_PEERS_CHROMIUM", &self.chromium);
        if let Some(folder) = &self.aws_cli {
            command.env("ROLECALL_PEERS_AWS_CLI", folder);
        }
    }
}

/// Installs everything `cargo xtask test` needs and is not here yet.
pub(crate) fn install(machine: &Machine) -> anyhow::Result<Peers> {
    packages::install(machine, &[packages::BUILD, packages::TEST])?;
    let folder = machine.cache.join("peers");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join(".lock"))?;
    lock.lock()
        .context("cannot lock the folder of the test peers")?;
    let node = node(machine, &folder)?;
    Ok(Peers {
        python: python(machine, &folder)?,
        chromium: browser::find_or_fetch(machine, &folder, &node)?,
        aws_cli: aws_cli(machine, &folder)?,
        node,
    })
}

fn node(machine: &Machine, folder: &Path) -> anyhow::Result<PathBuf> {
    let pins = ["package.json", "package-lock.json"]
        .map(|name| machine.root.join("tests/peers/node").join(name));
    once(folder, "node", &pins, "bin/node", |home| {
        say("installing the test peers from npm");
        for pin in &pins {
            fs::copy(
                pin,
                home.join(pin.file_name().context("a pin without a name")?),
            )?;
        }
        finish_on_stderr(
            Command::new("npm")
                .args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .current_dir(home),
        )?;
        // The distribution's Node.js may be too old for the peers; npm brings the pinned one where there is a build of it.
        let pinned = fs::read_dir(home.join("node_modules"))?
            .flatten()
            .map(|package| package.path());
        let mut pinned = pinned
            .filter(|package| package.to_string_lossy().contains("/node-linux-"))
            .map(|package| package.join("bin/node"));
        let program = pinned
            .next()
            .or_else(|| machine.program("node"))
            .context("npm is here, but no node")?;
        fs::create_dir(home.join("bin"))?;
        Ok(std::os::unix::fs::symlink(program, home.join("bin/node"))?)
    })
}

fn python(machine: &Machine, folder: &Path) -> anyhow::Result<PathBuf> {
    let pins = [machine.root.join("tests/peers/python/requirements.txt")];
    let version = machine
        .answer("python3", &["--version"])
        .unwrap_or_default();
    let home = once(folder, "python", &pins, &version, |home| {
        say("installing the test peers from PyPI");
        finish_on_stderr(Command::new("python3").args(["-m", "venv"]).arg(home))?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ];
        finish_on_stderr(
            Command::new(home.join("bin/python"))
                .args(install)
                .args(&pins),
        )
    })?;
    Ok(home.join("bin/python"))
}

fn aws_cli(machine: &Machine, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !aws_cli::is_possible(machine) {
        say(
            "no AWS CLI v2 for the tests: it comes from Debian's packages, and apt or Debian's keyring is not here",
        );
        return Ok(None);
    }
    let version = machine
        .answer("python3", &["--version"])
        .unwrap_or_default();
    once(
        folder,
        "aws-cli",
        &aws_cli::pins(machine),
        &version,
        |home| aws_cli::make(machine, home),
    )
    .map(Some)
}

/// The folder for these pins and whatever else decides its contents, made by `make` unless a former run completed it.
fn once(
    folder: &Path,
    kind: &str,
    pins: &[PathBuf],
    besides: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    besides.hash(&mut hasher);
    for pin in pins {
        fs::read(pin)
            .with_context(|| format!("cannot read {}", pin.display()))?
            .hash(&mut hasher);
    }
    let home = folder.join(format!("{kind}-{:016x}", hasher.finish()));
    let complete = home.join(".complete");
    if !complete.exists() {
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        make(&home).with_context(|| format!("the {kind} test peers could not be installed"))?;
        fs::write(complete, "")?;
    }
    Ok(home)
}
