//! `cargo xtask test`: the README's test command. Installs what the tests need, runs all of them, and sums up.

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

/// At most so many failed tests run again: more than a few have one cause, which is not the machine's load.
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
    peers.introduce(&mut command);
    let record = Record::create(&machine.cache)?;
    record.introduce(&mut command);
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

/// Where all tests must run, a left-out one is a failure.
fn all_ran(must_run_all: bool, left_out: &Report) -> anyhow::Result<()> {
    anyhow::ensure!(
        !must_run_all || left_out.is_empty(),
        "tests were left out, and continuous integration must run all of them: see above what they lack"
    );
    Ok(())
}

/// Runs failed tests once more, alone. Only tests of `tests/it` are found here: they start browsers, AWS's clients and
/// databases, whose time limits a loaded machine can exceed. A failure of any other test stays one.
fn run_again(machine: &Machine, peers: &peers::Peers, failed: &[String]) -> anyhow::Result<()> {
    say("running the failed tests again, one at a time");
    // The whole workspace again: the features of one package alone are others, and cargo would build everything anew.
    let mut command = cargo(machine, &["test", "--workspace", "--test", "it"]);
    peers.introduce(&mut command);
    command
        .args(["--", "--exact", "--test-threads=1"])
        .args(failed);
    let (status, summary) = run_tests(&mut command)?;
    print(summary.failure_output())?;
    anyhow::ensure!(
        status.success() && summary.passed() == failed.len() as u64,
        "the tests failed, and failed again when run alone ({status})"
    );
    for name in failed {
        say(&format!(
            "  unstable: {name} failed, and passed when run alone"
        ));
    }
    Ok(())
}

/// Runs a test command, passes its output on, and reads it.
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
    fn a_left_out_test_fails_where_all_must_run() {
        let none = Report::default();
        let line = "part\tit::a\tsqlite3\tit does not start\tinstall sqlite3";
        let one = Report::new(rolecall_test_requirements::LeftOut::parse(line).into_iter());
        assert!(all_ran(true, &none).is_ok());
        assert!(all_ran(false, &one).is_ok());
        assert!(all_ran(true, &one).is_err());
    }
}
