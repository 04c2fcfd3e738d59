//! `cargo xtask test`: installs the requirements of the tests, runs all tests and prints a summary.

mod left_out;
mod summary;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;

use self::left_out::{Record, Report};
use self::summary::Summary;
use crate::cargo::cargo;
use crate::machine::Machine;
use crate::peers;
use crate::say::{print, say};

/// Maximum number of failed tests that are run again. More failures are not caused by the load of the machine.
const RUN_AGAIN_MAX: usize = 3;

pub(crate) fn run(machine: &Machine, arguments: &[String]) -> anyhow::Result<()> {
    let peers = peers::install(machine)?;
    let mut command = cargo(machine, &["test", "--no-fail-fast"]);
    if !arguments
        .iter()
        .any(|one| one.starts_with("-p") || one.starts_with("--package"))
    {
        command.arg("--workspace");
    }
    peers.set_environment(&mut command);
    let record = Record::create(&machine.cache)?;
    record.set_environment(&mut command);
    say("building and running the tests");
    let (status, mut summary) = run_tests(command.args(arguments))?;
    let left_out = record.read()?;
    summary.leave_out(left_out.tests());
    if !left_out.is_empty() {
        say(&left_out.to_string());
    }
    say(&summary.to_string());
    if status.success() {
        return all_ran(machine.must_run_all_tests(), &left_out);
    }
    print(summary.failure_output())?;
    let failed = summary.failures();
    anyhow::ensure!(
        !failed.is_empty() && failed.len() <= RUN_AGAIN_MAX && arguments.is_empty(),
        "the tests failed ({status})"
    );
    run_again(machine, &peers, failed)?;
    all_ran(machine.must_run_all_tests(), &left_out)
}

/// Returns an error if tests were left out although all must run.
fn all_ran(must_run_all: bool, left_out: &Report) -> anyhow::Result<()> {
    anyhow::ensure!(
        !must_run_all || left_out.is_empty(),
        "tests were left out, but continuous integration must run all tests: see the missing requirements above"
    );
    Ok(())
}

/// Runs failed tests again, one at a time. This applies only to `tests/it`, whose browsers, AWS clients and databases can exceed
/// their time limits on a busy machine.
fn run_again(machine: &Machine, peers: &peers::Peers, failed: &[String]) -> anyhow::Result<()> {
    say("running the failed tests again, one at a time");
    // With `--workspace`, because the features of a single package differ and would cause a new build.
    let mut command = cargo(machine, &["test", "--workspace", "--test", "it"]);
    peers.set_environment(&mut command);
    command
        .args(["--", "--exact", "--test-threads=1"])
        .args(failed);
    let (status, summary) = run_tests(&mut command)?;
    print(summary.failure_output())?;
    anyhow::ensure!(
        status.success() && summary.passed() == failed.len() as u64,
        "the tests failed again when run one at a time ({status})"
    );
    for name in failed {
        say(&format!(
            "  unstable: {name} failed, but passed when run alone"
        ));
    }
    Ok(())
}

/// Runs a test command, prints its output and parses it.
fn run_tests(command: &mut Command) -> anyhow::Result<(ExitStatus, Summary)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `cargo test`")?;
    let mut summary = Summary::default();
    for line in BufReader::new(child.stdout.take().context("`cargo test` has no output")?).lines() {
        let line = line?;
        summary.read(&line);
        print(&format!("{line}\n"))?;
    }
    Ok((child.wait()?, summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out_test_is_error_if_all_must_run() {
        let none = Report::default();
        let line = "part\tit::a\tsqlite3\tit does not start\tinstall sqlite3";
        let one = Report::new(rolecall_test_requirements::LeftOut::parse(line).into_iter());
        assert!(all_ran(true, &none).is_ok());
        assert!(all_ran(false, &one).is_ok());
        assert!(all_ran(true, &one).is_err());
    }
}
