//! Tests that were left out because of a missing requirement. libtest counts them as passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use rolecall_test_requirements::{Extent, LeftOut, RECORD_VARIABLE};

/// The file that records left-out tests of a run. It is deleted when the handle is dropped.
pub(super) struct Record(PathBuf);

impl Record {
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(format!("tests-left-out-{}", std::process::id()));
        std::fs::write(&path, "").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }

    /// Sets the environment variable of a test run.
    pub(super) fn set_environment(&self, command: &mut Command) {
        command.env(RECORD_VARIABLE, &self.0);
    }

    pub(super) fn read(&self) -> anyhow::Result<Report> {
        let text = std::fs::read_to_string(&self.0).context("cannot read the left-out tests")?;
        Ok(Report::new(text.lines().filter_map(LeftOut::parse)))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // A remaining file is small, and a process with the same ID overwrites it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The requirement, the reason and the remedy of left-out tests.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    requirement: String,
    reason: String,
    remedy: String,
}

/// The left-out tests of a run, by requirement.
#[derive(Default)]
pub(super) struct Report(BTreeMap<Group, BTreeSet<(Extent, String)>>);

impl Report {
    pub(super) fn new(entries: impl Iterator<Item = LeftOut>) -> Self {
        let mut groups = BTreeMap::<Group, BTreeSet<_>>::new();
        for entry in entries {
            let group = Group {
                requirement: entry.requirement,
                reason: entry.reason,
                remedy: entry.remedy,
            };
            let tests = groups.entry(group).or_default();
            tests.insert((entry.extent, entry.test));
        }
        Self(groups)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of tests that were left out completely. libtest counts them as passed.
    pub(super) fn tests(&self) -> u64 {
        let tests = self.0.values().flatten();
        let whole = tests.filter(|(extent, _)| *extent == Extent::Test);
        let names: BTreeSet<&String> = whole.map(|(_, test)| test).collect();
        names.len() as u64
    }
}

impl fmt::Display for Report {
    /// The groups, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (group, tests)) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let Group {
                requirement,
                reason,
                remedy,
            } = group;
            write!(
                f,
                "left out without {requirement}: {reason}\n  to run them: {remedy}"
            )?;
            for (extent, test) in tests {
                let part = match extent {
                    Extent::Test => "",
                    Extent::Part => " (in part)",
                };
                write!(f, "\n  {test}{part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "\
test\tit::web::corpora::redirects\tcorpus\tROLECALL_CORPUS is not set\tset ROLECALL_CORPUS
test\taccess::corpus::names\tcorpus\tROLECALL_CORPUS is not set\tset ROLECALL_CORPUS
test\taccess::corpus::names\tcorpus\tROLECALL_CORPUS is not set\tset ROLECALL_CORPUS
part\tit::audit::live::backup\tsqlite3\tit does not start\tinstall sqlite3
no line of a record
";

    #[test]
    fn left_out_tests_are_grouped() {
        let report = Report::new(LINES.lines().filter_map(LeftOut::parse));
        assert_eq!(report.tests(), 2);
        assert_eq!(
            report.to_string(),
            "left out without corpus: ROLECALL_CORPUS is not set\n  \
               to run them: set ROLECALL_CORPUS\n  \
               access::corpus::names\n  \
               it::web::corpora::redirects\n\
             left out without sqlite3: it does not start\n  \
               to run them: install sqlite3\n  \
               it::audit::live::backup (in part)"
        );
    }

    #[test]
    fn test_without_two_requirements_counts_once() {
        let lines = "test\tit::a\tnode\tx\ty\ntest\tit::a\tpython\tx\ty\n";
        assert_eq!(
            Report::new(lines.lines().filter_map(LeftOut::parse)).tests(),
            1
        );
    }

    #[test]
    fn record_is_deleted_when_dropped() -> anyhow::Result<()> {
        let record = Record::create(&std::env::temp_dir())?;
        assert!(record.read()?.is_empty());
        std::fs::write(&record.0, LINES)?;
        assert_eq!(record.read()?.tests(), 2);
        let path = record.0.clone();
        drop(record);
        assert!(!path.exists());
        Ok(())
    }
}
