//! Test peers: third-party programs that the tests use, pinned in `tests/peers/` and stored in the cache directory.
//!
//! The name of a directory is derived from the pins, and `.complete` marks a finished installation. A changed pin creates a new
//! directory, and an interrupted installation is repeated. A lock serializes concurrent runs.

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

/// Paths of the peers, which are passed to the tests as environment variables.
pub(crate) struct Peers {
    /// Directory with `node_modules/` and the pinned Node.js at `bin/node`.
    node: PathBuf,
    /// Python of the virtual environment with boto3 and moto.
    python: PathBuf,
    chromium: PathBuf,
    /// Directory with several releases of the AWS CLI; `None` without apt.
    aws_cli: Option<PathBuf>,
}

impl Peers {
    /// Sets the environment variables of a test run.
    pub(crate) fn set_environment(&self, command: &mut Command) {
        command
            .env("ROLECALL_PEERS_NODE", &self.node)
            .env("ROLECALL_PEERS_PYTHON", &self.python)
            .env("ROLECALL_PEERS_CHROMIUM", &self.chromium);
        if let Some(folder) = &self.aws_cli {
            command.env("ROLECALL_PEERS_AWS_CLI", folder);
        }
    }
}

/// Installs missing requirements of `cargo xtask test`.
pub(crate) fn install(machine: &Machine) -> anyhow::Result<Peers> {
    packages::install(machine, &[packages::BUILD, packages::TEST])?;
    let folder = machine.cache.join("peers");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join(".lock"))?;
    lock.lock()
        .context("cannot lock the directory of the test peers")?;
    let node = node(machine, &folder)?;
    Ok(Peers {
        python: python(machine, &folder)?,
        chromium: browser::find_or_download(machine, &folder, &node)?,
        aws_cli: aws_cli(machine, &folder)?,
        node,
    })
}

fn node(machine: &Machine, folder: &Path) -> anyhow::Result<PathBuf> {
    let pins = ["package.json", "package-lock.json"]
        .map(|name| machine.root.join("tests/peers/node").join(name));
    install_once(folder, "node", &pins, "bin/node", |home| {
        say("installing the test peers from npm");
        for pin in &pins {
            fs::copy(
                pin,
                home.join(pin.file_name().context("a pin has no file name")?),
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
        // The distribution's Node.js may be too old for the peers. npm installs the pinned version if there is a build for this platform.
        let pinned = fs::read_dir(home.join("node_modules"))?
            .flatten()
            .map(|package| package.path());
        let mut pinned = pinned
            .filter(|package| package.to_string_lossy().contains("/node-linux-"))
            .map(|package| package.join("bin/node"));
        let program = pinned
            .next()
            .or_else(|| machine.program("node"))
            .context("npm is installed, but node is not")?;
        fs::create_dir(home.join("bin"))?;
        Ok(std::os::unix::fs::symlink(program, home.join("bin/node"))?)
    })
}

fn python(machine: &Machine, folder: &Path) -> anyhow::Result<PathBuf> {
    let pins = [machine.root.join("tests/peers/python/requirements.txt")];
    let version = machine
        .first_line("python3", &["--version"])
        .unwrap_or_default();
    let home = install_once(folder, "python", &pins, &version, |home| {
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
        say("the tests of the AWS CLI are left out: they require apt and Debian's keyring");
        return Ok(None);
    }
    let version = machine
        .first_line("python3", &["--version"])
        .unwrap_or_default();
    install_once(
        folder,
        "aws-cli",
        &aws_cli::pins(machine),
        &version,
        |home| aws_cli::make(machine, home),
    )
    .map(Some)
}

/// The directory for these pins, which `make` creates unless it is complete. `more` is additional content of its hash.
fn install_once(
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
        make(&home).with_context(|| format!("cannot install the {kind} test peers"))?;
        fs::write(complete, "")?;
    }
    Ok(home)
}
