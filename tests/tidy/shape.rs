//! Rules for Rust files: a header comment, a maximum length, and no suppression without a reason.

use crate::Rule;
use crate::source::{Complaint, Source};

const LINES_MAX: usize = 400;

pub const RULES: &[Rule] = &[
    Rule {
        name: "introduction",
        check: introduction,
        breaks: &[("src/a.rs", "use std::fs;\n"), ("src/a.rs", "")],
        keeps: &[
            ("src/a.rs", "//! What it owns.\n"),
            ("docs/a.md", "# Title\n"),
        ],
    },
    Rule {
        name: "length",
        check: length,
        breaks: &[("src/a.rs", LONG)],
        keeps: &[("src/a.rs", "//! Short.\n"), ("assets/app.css", LONG)],
    },
    Rule {
        name: "no skipped test",
        check: |source| {
            forbid(
                source,
                concat!("#[", "ignore"),
                "do not ignore tests: make the test run, or record that it is skipped if its requirements are missing",
            )
        },
        breaks: &[
            ("tests/it/a.rs", "#[@ignore]\nfn a() {}"),
            ("src/a.rs", "    #[@ignore = \"slow\"]"),
        ],
        keeps: &[("src/a.rs", "// #[@ignore] is forbidden\n#[test]\nfn a() {}")],
    },
    Rule {
        name: "left-out tests are recorded",
        check: unrecorded,
        breaks: &[
            ("tests/it/a.rs", "    std::env::var(\"ROLECALL_@CORPUS\")"),
            (
                "tests/it/a.rs",
                "    let python = env::var_os(\"ROLECALL_@PEERS_PYTHON\");",
            ),
            (
                "crates/rolecall-core/tests/a.rs",
                "    eprintln!(\"LEFT @OUT: no corpus\");",
            ),
        ],
        keeps: &[
            (
                "tests/it/a.rs",
                "    let Some(folder) = CORPUS.path() else {",
            ),
            (
                "tests/it/a.rs",
                "    command.env(\"ROLECALL_@PEERS_PYTHON\", python);",
            ),
            (
                "xtask/src/machine.rs",
                "    env::var_os(\"ROLECALL_@CORPUS\")",
            ),
        ],
    },
    Rule {
        name: "no switched-off code",
        check: |source| {
            forbid(
                source,
                concat!("if ", "false {"),
                "do not disable assertions: fix the cause, or remove the assertion",
            )
        },
        breaks: &[("tests/it/a.rs", "        if @false {\n")],
        keeps: &[("tests/it/a.rs", "if falsely {")],
    },
    Rule {
        name: "no expected panic",
        check: |source| {
            forbid(
                source,
                concat!("#[", "should_panic"),
                "do not expect panics: assert on the error instead",
            )
        },
        breaks: &[("src/a.rs", "#[@should_panic]\n")],
        keeps: &[("src/a.rs", "#[test]\n")],
    },
    Rule {
        name: "no silenced lint",
        check: no_allow,
        breaks: &[
            ("src/a.rs", "#[@allow(dead_code)]"),
            ("src/a.rs", "#![@allow(unused)]"),
        ],
        keeps: &[("src/a.rs", "#[expect(dead_code, reason = \"x\")]")],
    },
    Rule {
        name: "expectations have reasons",
        check: reasons,
        breaks: &[
            ("src/a.rs", "#[@expect(dead_code)]\n"),
            (
                "src/a.rs",
                "#![@expect(\n    dead_code,\n)]\nlet reason = 1;",
            ),
        ],
        keeps: &[
            ("src/a.rs", "#[expect(dead_code, reason = \"x\")]"),
            (
                "src/a.rs",
                "#![expect(\n    dead_code,\n    reason = \"x\"\n)]",
            ),
        ],
    },
];

/// 401 lines.
const LONG: &str = {
    const BYTES: [u8; LINES_MAX + 1] = [b'\n'; LINES_MAX + 1];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

fn introduction(source: &Source) -> Vec<Complaint> {
    if !source.is_rust() || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![Complaint {
        line: 1,
        advice: "begin the file with a `//!` comment that describes its contents".to_owned(),
    }]
}

fn length(source: &Source) -> Vec<Complaint> {
    let count = source.text.lines().count();
    if !source.is_rust() || count <= LINES_MAX {
        return Vec::new();
    }
    vec![Complaint {
        line: LINES_MAX + 1,
        advice: format!("{count} lines, maximum {LINES_MAX}: split the file"),
    }]
}

fn forbid(source: &Source, what: &str, advice: &str) -> Vec<Complaint> {
    if !source.is_rust() {
        return Vec::new();
    }
    source.complain(|line| line.contains(what).then(|| advice.to_owned()))
}

/// A test that skips itself without recording it counts as passed.
fn unrecorded(source: &Source) -> Vec<Complaint> {
    let is_test =
        source.is_rust() && (source.is_under(&["tests/"]) || source.path.contains("/tests/"));
    if !is_test {
        return Vec::new();
    }
    source.complain(|line| {
        let reads = line.contains("env::var")
            && [
                concat!("ROLECALL_", "CORPUS"),
                concat!("ROLECALL_", "PEERS_"),
            ]
            .iter()
            .any(|variable| line.contains(variable));
        let says = line.contains(concat!("LEFT ", "OUT:"));
        (reads || says)
            .then(|| "use `rolecall_test_requirements`, which records skipped tests".to_owned())
    })
}

fn no_allow(source: &Source) -> Vec<Complaint> {
    let advice = "use `#[expect(…, reason = \"…\")]`, which warns when it is no longer needed";
    [concat!("#[", "allow("), concat!("#![", "allow(")]
        .iter()
        .flat_map(|what| forbid(source, what, advice))
        .collect()
}

fn reasons(source: &Source) -> Vec<Complaint> {
    if !source.is_rust() {
        return Vec::new();
    }
    let opens = |line: &str| {
        [concat!("#[", "expect("), concat!("#![", "expect(")]
            .iter()
            .any(|what| line.trim_start().starts_with(what))
    };
    let lines: Vec<(usize, &str)> = source.code().collect();
    let has_reason = |from: usize| {
        let end = lines[from..]
            .iter()
            .position(|(_, line)| line.trim_end().ends_with(")]"))
            .unwrap_or(0);
        lines[from..=from + end]
            .iter()
            .any(|(_, line)| line.contains("reason = "))
    };
    let silent = lines
        .iter()
        .enumerate()
        .filter(|(index, (_, line))| opens(line) && !has_reason(*index));
    silent
        .map(|(_, (line, _))| Complaint {
            line: *line,
            advice: "add `reason = \"…\"`".to_owned(),
        })
        .collect()
}
