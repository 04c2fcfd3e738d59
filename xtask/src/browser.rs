//! The browser for the tests: the system's Chromium or Chrome, or, on Ubuntu, one that playwright downloads.
//!
//! Ubuntu's package is a snap, which cannot access `/tmp` and does not run in a container, so it is not used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::cargo::finish_on_stderr;
use crate::machine::Machine;
use crate::say::{UserError, say};

/// A browser on the path that is not a snap.
pub(crate) fn installed(machine: &Machine) -> Option<PathBuf> {
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ];
    let found = names.iter().filter_map(|name| machine.program(name));
    found
        .map(|program| fs::canonicalize(&program).unwrap_or(program))
        .find(|program| !is_snap(program))
}

/// Whether the program is a snap. Ubuntu's `chromium-browser` is a script that calls the snap, or a link to `snap`.
fn is_snap(program: &Path) -> bool {
    let script = fs::metadata(program).is_ok_and(|file| file.len() < 4096)
        && fs::read_to_string(program).is_ok_and(|text| text.contains("/snap/"));
    script || program.starts_with("/snap") || program.ends_with("bin/snap")
}

pub(crate) fn is_ubuntu() -> bool {
    fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}

/// The installed browser, or one that the pinned playwright of `node` downloads to `folder`.
pub(crate) fn find_or_download(
    machine: &Machine,
    folder: &Path,
    node: &Path,
) -> anyhow::Result<PathBuf> {
    if let Some(program) = installed(machine) {
        return Ok(program);
    }
    let browsers = folder.join("browsers");
    let ask =
        "import('playwright-core').then(({ chromium }) => console.log(chromium.executablePath()))";
    let output = Command::new(node.join("bin/node"))
        .args(["--eval", ask])
        .current_dir(node)
        .env("PLAYWRIGHT_BROWSERS_PATH", &browsers)
        .output()?;
    let program = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    anyhow::ensure!(
        program.starts_with(&browsers),
        "playwright does not report the path of its browser"
    );
    if !program.is_file() {
        say("downloading Chromium with playwright");
        let mut install = Command::new(node.join("bin/node"));
        install.arg("node_modules/playwright-core/cli.js").args([
            "install",
            "--with-deps",
            "--no-shell",
            "chromium",
        ]);
        finish_on_stderr(install.current_dir(node).env("PLAYWRIGHT_BROWSERS_PATH", &browsers))
            .context(UserError::new("there is no browser for the tests\nhint: install Google Chrome (not the snap), then run the command again"))?;
    }
    Ok(program)
}
