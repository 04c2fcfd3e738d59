//! `cargo xtask test`: the README's test command. Installs what the tests need, runs all of them, and sums up.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::Context;

use crate::cargo::cargo;
use crate::machine::Machine;
use crate::peers;
use crate::say::{print, say};

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
    say("building and running the tests");
    let mut child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `cargo test`")?;
    let mut summary = Summary::default();
    for line in BufReader::new(child.stdout.take().context("`cargo test` has no output")?).lines() {
        let line = line?;
        summary.read(&line);
        print(&format!("{line}\n"))?;
    }
    let status = child.wait()?;
    say(&summary.to_string());
    anyhow::ensure!(status.success(), "the tests failed ({status})");
    Ok(())
}

/// What all test programs of a run said together.
#[derive(Default)]
struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
}

impl Summary {
    /// Reads one line of libtest's output: `test a::b ... FAILED`, or `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn read(&mut self, line: &str) {
        if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            let Some((count, kind)) = part.split_once(' ') else {
                continue;
            };
            let count: u64 = count.parse().unwrap_or(0);
            match kind {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} tests passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )?;
        self.failures
            .iter()
            .try_for_each(|name| write!(f, "\n  failed: {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_programs_are_added_up() {
        let mut summary = Summary::default();
        for line in [
            "test access::deny_wins ... ok",
            "test store::take_once ... FAILED",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "a test result: ok. 100 passed; in the middle of a line",
        ] {
            summary.read(line);
        }
        assert_eq!(
            summary.to_string(),
            "16 tests passed, 1 failed, 2 ignored\n  failed: store::take_once"
        );
    }
}
