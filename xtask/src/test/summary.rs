//! Summary of all test programs of a run, parsed from libtest's output.

/// Maximum size of the output of failed tests, in bytes.
const OUTPUT_MAX: usize = 64 * 1024;

/// Summary of all test programs of a run.
#[derive(Default)]
pub(super) struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
    left_out: u64,
    failures: Vec<String>,
    failure_output: String,
    within_output: bool,
}

impl Summary {
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Counts this number of passed tests as left out.
    pub(super) fn leave_out(&mut self, tests: u64) {
        self.left_out += tests;
        self.passed = self.passed.saturating_sub(tests);
    }

    /// Paths of the failed tests.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Output of the failed tests, at most 64 KiB, to print again at the end.
    pub(super) fn failure_output(&self) -> &str {
        &self.failure_output
    }

    /// Parses a line of libtest's output: `test a::b ... FAILED`, or `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub(super) fn read(&mut self, line: &str) {
        self.read_output(line);
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

    /// libtest prints `---- a::b stdout ----`, the output of the test, and a second list of names after `failures:`.
    fn read_output(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.within_output = true;
        } else if line == "failures:" {
            self.within_output = false;
        }
        if self.within_output && self.failure_output.len() < OUTPUT_MAX {
            self.failure_output.push_str(line);
            self.failure_output.push('\n');
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} tests passed, {} left out, {} failed, {} ignored",
            self.passed, self.left_out, self.failed, self.ignored
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
    fn results_of_all_programs_are_added() {
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
        assert_eq!(summary.failures(), ["store::take_once"]);
        assert_eq!(summary.passed(), 16);
        summary.leave_out(4);
        assert_eq!(
            summary.to_string(),
            "12 tests passed, 4 left out, 1 failed, 2 ignored\n  failed: store::take_once"
        );
    }

    #[test]
    fn output_of_failed_tests_is_kept() {
        let mut summary = Summary::default();
        for line in [
            "test store::take_once ... FAILED",
            "",
            "failures:",
            "",
            "---- store::take_once stdout ----",
            "Error: the record was taken twice",
            "",
            "failures:",
            "    store::take_once",
        ] {
            summary.read(line);
        }
        assert_eq!(
            summary.failure_output(),
            "---- store::take_once stdout ----\nError: the record was taken twice\n\n"
        );
        for _ in 0..10_000 {
            summary.read("---- store::take_once stdout ----");
        }
        assert!(summary.failure_output().len() < OUTPUT_MAX + 100);
    }
}
