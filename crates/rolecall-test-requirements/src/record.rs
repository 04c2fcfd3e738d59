//! The record of left-out tests: one line each, with fields separated by tabs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Environment variable with the path of the record.
pub const RECORD_VARIABLE: &str = "ROLECALL_TESTS_LEFT_OUT";

/// How much of a test is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// The whole test.
    Test,
    /// A part of the test.
    Part,
}

/// A test that is left out, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Name of the missing requirement.
    pub requirement: String,
    /// Reason why it is missing.
    pub reason: String,
    /// How to provide it.
    pub remedy: String,
    /// How much of the test is left out.
    pub extent: Extent,
    /// Test program and path of the test, such as `it::web::peer::…`.
    pub test: String,
}

impl LeftOut {
    /// Parses a line of the record.
    pub fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [extent, test, requirement, reason, remedy] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            extent: match *extent {
                "test" => Extent::Test,
                "part" => Extent::Part,
                _ => return None,
            },
            test: (*test).to_owned(),
            requirement: (*requirement).to_owned(),
            reason: (*reason).to_owned(),
            remedy: (*remedy).to_owned(),
        })
    }

    /// The line of the record, with a line break.
    fn line(&self) -> String {
        let extent = match self.extent {
            Extent::Test => "test",
            Extent::Part => "part",
        };
        let fields = [&self.test, &self.requirement, &self.reason, &self.remedy];
        let fields = fields.map(|field| field.replace(['\t', '\n'], " "));
        format!("{extent}\t{}\n", fields.join("\t"))
    }

    /// The running test: libtest names the thread after it.
    pub(crate) fn running_test() -> String {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_stem);
        let program = program.map(|name| name.to_string_lossy().into_owned());
        let program = program.unwrap_or_default();
        // Cargo appends a hash to the name of a test program.
        let program = program.rsplit_once('-').map_or(&*program, |(name, _)| name);
        let thread = std::thread::current();
        format!("{program}::{}", thread.name().unwrap_or("a test"))
    }

    /// Appends the line to the record, or writes it to stderr without a record.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "`cargo xtask test` passes the record in the environment"
    )]
    pub(crate) fn append(&self) {
        let Some(path) = std::env::var_os(RECORD_VARIABLE) else {
            eprintln!(
                "LEFT OUT: {}: {}; {}",
                self.requirement, self.reason, self.remedy
            );
            return;
        };
        // A single write, so that lines of several programs are not mixed.
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(self.line().as_bytes()));
        if let Err(error) = written {
            eprintln!(
                "LEFT OUT: {}, and {} cannot be written: {error}",
                self.test,
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_reverses_serialization() {
        let left_out = LeftOut {
            requirement: "AWS CLI".to_owned(),
            reason: "it does not\tstart".to_owned(),
            remedy: "install\nPython 3.11".to_owned(),
            extent: Extent::Part,
            test: LeftOut::running_test(),
        };
        let line = left_out.line();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let read = LeftOut::parse(line.trim_end());
        assert_eq!(
            read,
            Some(LeftOut {
                reason: "it does not start".to_owned(),
                remedy: "install Python 3.11".to_owned(),
                ..left_out.clone()
            })
        );
        assert!(
            left_out
                .test
                .ends_with("::record::tests::parsing_reverses_serialization")
        );
        assert_eq!(LeftOut::parse("test\tit::a"), None);
        assert_eq!(LeftOut::parse("some\ta\tb\tc\td"), None);
    }
}
