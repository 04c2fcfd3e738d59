//! Three releases of the AWS CLI for the tests: Debian packages, which are unpacked into the cache and not installed.
//!
//! apt uses its own state directory. Python dependencies are installed from PyPI in a virtual environment. Without apt, the tests
//! of the AWS CLI are left out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::say::say;

/// The default mirror of Debian.
const MIRROR: &str = "http://deb.debian.org/debian";
/// Configuration of apt's mirrors.
const SOURCES: [&str; 2] = ["/etc/apt/sources.list", "/etc/apt/sources.list.d"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The files that determine the content of the directory.
pub(crate) fn pins(machine: &Machine) -> [PathBuf; 2] {
    ["packages.txt", "requirements.txt"]
        .map(|name| machine.root.join("tests/peers/aws-cli").join(name))
}

/// Whether this machine has apt, dpkg and Debian's keyring.
pub(crate) fn is_possible(machine: &Machine) -> bool {
    ["apt-get", "dpkg"]
        .iter()
        .all(|program| machine.program(program).is_some())
        && Path::new(KEYRING).is_file()
}

/// Creates a program for each suite in `home`: `aws-bookworm`, `aws-trixie`, `aws-sid`.
pub(crate) fn make(machine: &Machine, home: &Path) -> anyhow::Result<()> {
    say("downloading three releases of the AWS CLI from Debian");
    let [packages, requirements] = pins(machine);
    let text = fs::read_to_string(packages)?;
    let wanted: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let apt = Apt::new(home, wanted.iter().map(|(suite, _)| *suite))?;
    apt.run(&["-qq", "update"])?;
    finish_on_stderr(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(home.join("venv")),
    )?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    finish_on_stderr(
        Command::new(home.join("venv/bin/python"))
            .args(install)
            .arg(requirements),
    )?;
    let mut left_out = 0;
    for (suite, version) in &wanted {
        apt.unpack(suite, version)?;
        let program = write_program(home, suite)?;
        // A release may not start: that of Debian 12 imports a module that Python 3.12 does not have.
        if let Err(reason) = starts(Command::new(&program).arg("--version")) {
            let python = machine.first_line("python3", &["--version"]);
            let python = python.unwrap_or_else(|| "python3".to_owned());
            say(&format!(
                "the AWS CLI {version} of {suite} does not start with {python}, so its tests are left out: {reason}"
            ));
            fs::remove_file(program)?;
            left_out += 1;
        }
    }
    anyhow::ensure!(
        left_out < wanted.len(),
        "no release of the AWS CLI starts with this machine's python3"
    );
    for folder in ["lists", "cache"] {
        fs::remove_dir_all(home.join(folder))?;
    }
    Ok(())
}

/// Checks that a program starts. The error is its last line of output, which is the exception of a Python traceback.
fn starts(command: &mut Command) -> Result<(), String> {
    let run = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if run.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&run.stderr);
    let last = output.lines().map(str::trim).rfind(|line| !line.is_empty());
    Err(last.map_or_else(|| run.status.to_string(), str::to_owned))
}

/// The mirror of Debian that this machine uses.
fn mirror() -> String {
    let in_folder = fs::read_dir(SOURCES[1]).into_iter().flatten().flatten();
    let files = in_folder
        .map(|entry| entry.path())
        .chain([PathBuf::from(SOURCES[0])]);
    let texts: String = files
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect();
    mirror_in(&texts).unwrap_or_else(|| MIRROR.to_owned())
}

/// The first URL in apt's sources that ends in `/debian`.
fn mirror_in(sources: &str) -> Option<String> {
    sources
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.starts_with("http") && word.ends_with("/debian"))
        .map(str::to_owned)
}

/// An apt with its own sources, lists and cache.
struct Apt<'a> {
    home: &'a Path,
    options: Vec<String>,
}

impl<'a> Apt<'a> {
    fn new(home: &'a Path, suites: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(home.join(folder))?;
        }
        let mirror = mirror();
        let sources: String = suites
            .map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))
            .collect();
        let list = home.join("sources.list");
        fs::write(&list, sources)?;
        let option = |(name, value): (&str, &Path)| format!("{name}={}", value.display());
        let mut options: Vec<String> = [
            ("Dir::Etc::sourcelist", list.as_path()),
            ("Dir::Etc::sourceparts", Path::new("/dev/null")),
            ("Dir::State::lists", &home.join("lists")),
            ("Dir::Cache", &home.join("cache")),
            ("Dir::State::status", Path::new("/dev/null")),
        ]
        .map(option)
        .to_vec();
        // apt's unprivileged user could not write to a home directory.
        options.push("APT::Sandbox::User=root".to_owned());
        // The lists of sid expire after a week. An outdated mirror is acceptable for a test, because its packages are signed.
        options.push("Acquire::Check-Valid-Until=false".to_owned());
        Ok(Self { home, options })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new("apt-get");
        for option in &self.options {
            command.args(["-o", option]);
        }
        finish_on_stderr(command.args(arguments).current_dir(self.home))
    }

    /// Unpacks the pinned version, or the current one of the suite if the pinned one is not available.
    fn unpack(&self, suite: &str, version: &str) -> anyhow::Result<()> {
        let pinned = format!("awscli={version}");
        if self.run(&["-qq", "download", &pinned]).is_err() {
            say(&format!(
                "awscli {version} is not available in {suite}; the tests use its current version"
            ));
            self.run(&["-qq", "download", &format!("awscli/{suite}")])?;
        }
        let package = fs::read_dir(self.home)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|end| end == "deb"))
            .context("apt-get did not download a package")?;
        finish_on_stderr(
            Command::new("dpkg")
                .arg("-x")
                .arg(&package)
                .arg(self.home.join(suite)),
        )?;
        Ok(fs::remove_file(package)?)
    }
}

fn write_program(home: &Path, suite: &str) -> anyhow::Result<PathBuf> {
    let unpacked = home.join(suite);
    let script = format!(
        "#!/bin/sh\nexport PYTHONPATH='{0}/usr/lib/python3/dist-packages'\nexec '{1}/venv/bin/python' '{0}/usr/bin/aws' \"$@\"\n",
        unpacked.display(),
        home.display()
    );
    let program = home.join(format!("aws-{suite}"));
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_error_is_last_line_of_output() {
        for (script, told) in [
            ("exit 0", Ok(())),
            (
                "printf 'Traceback (most recent call last):\\n  File \"aws\"\\nModuleNotFoundError: No module named imp\\n\\n' >&2; exit 1",
                Err("ModuleNotFoundError: No module named imp".to_owned()),
            ),
            ("exit 3", Err("exit status: 3".to_owned())),
        ] {
            assert_eq!(
                starts(Command::new("sh").args(["-c", script])),
                told,
                "{script}"
            );
        }
    }

    #[test]
    fn mirror_is_read_from_both_formats() {
        let old = "# deb http://old.example/debian x main\ndeb [arch=amd64] https://mirror.example/debian/ bookworm main\n";
        assert_eq!(
            mirror_in(old).as_deref(),
            Some("https://mirror.example/debian")
        );
        let new = "Types: deb\n# http://no.example/debian\nURIs: http://deb.debian.org/debian\n";
        assert_eq!(
            mirror_in(new).as_deref(),
            Some("http://deb.debian.org/debian")
        );
        assert_eq!(
            mirror_in("deb http://archive.ubuntu.com/ubuntu noble main"),
            None
        );
    }
}
