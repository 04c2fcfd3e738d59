//! `cargo xtask fuzz`: runs libFuzzer on the guard of SAML documents and on the verification, concurrently, for one minute.
//!
//! Findings are written to `fuzz/` in the target directory and cause an error. It uses stable Rust with coverage of LLVM.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::packages;
use crate::say::{UserError, say};

const TARGETS: [&str; 2] = ["fuzz-guard", "fuzz-verify"];
const SECONDS: u32 = 60;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let seconds = match arguments {
        [] => SECONDS,
        [seconds] => seconds
            .parse()
            .map_err(|_| UserError::new(format!("{seconds:?} is not a number of seconds")))?,
        _ => return Err(UserError::new("cargo xtask fuzz [SECONDS]").into()),
    };
    packages::install(machine, &[packages::BUILD, packages::FUZZ])?;
    say("building the fuzz targets");
    let mut build = instrumented(machine);
    build.arg("--no-run");
    finish(build.args(TARGETS.map(|target| format!("--test={target}"))))?;
    let mut running = Vec::new();
    for target in TARGETS {
        let folder = folder(machine, target)?;
        say(&format!("{target} runs for {seconds} seconds"));
        let child = instrumented(machine)
            .args(["--quiet", "--test", target, "--"])
            .arg(folder.join("seeds"))
            .arg(format!("-artifact_prefix={}/", folder.display()))
            .arg(format!("-max_total_time={seconds}"))
            // An input that takes ten seconds is a finding.
            .args([
                "-timeout=10",
                "-max_len=65536",
                "-verbosity=0",
                "-print_final_stats=1",
            ])
            .spawn()
            .with_context(|| format!("{target} cannot be started"))?;
        running.push((target, folder, child));
    }
    for (target, folder, mut child) in running {
        let status = child.wait()?;
        anyhow::ensure!(
            status.success(),
            "{target} has a finding, see {}",
            folder.display()
        );
    }
    Ok(())
}

/// The features of `cargo xtask test`, so that its build is used.
fn instrumented(machine: &Machine) -> Command {
    let arguments = ["test", "--locked", "--workspace", "--features"];
    let mut command = cargo(machine, &arguments);
    command.arg("rolecall-fuzz/libfuzzer").env(
        "RUSTC_WORKSPACE_WRAPPER",
        machine.root.join("crates/rolecall-fuzz/instrument.sh"),
    );
    command
}

/// The directory for the findings of a target. Its seeds are created again.
fn folder(machine: &Machine, target: &str) -> anyhow::Result<PathBuf> {
    let build = machine
        .target()
        .unwrap_or_else(|| machine.root.join("target"));
    let folder = build.join("fuzz").join(target);
    let seeds = folder.join("seeds");
    if seeds.exists() {
        std::fs::remove_dir_all(&seeds)?;
    }
    std::fs::create_dir_all(&seeds)
        .with_context(|| format!("cannot create {}", seeds.display()))?;
    Ok(folder)
}
