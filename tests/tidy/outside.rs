//! Rules for external input: it must be parsed by the function that enforces its limits.

use crate::Rule;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[Rule {
    name: "timestamps within bounds",
    check: timestamps,
    breaks: &[
        (
            "src/idp/oidc/a.rs",
            "let at = DateTime::from_@timestamp(seconds, 0);",
        ),
        (
            "crates/rolecall-core/src/a.rs",
            "DateTime::parse_from_@rfc3339(text)",
        ),
        (
            "src/a.rs",
            "#[cfg(test)]\nmod tests;\nfn a() { Utc.timestamp_@opt(seconds, 0) }",
        ),
    ],
    keeps: &[
        (
            "crates/rolecall-core/src/base/timestamp.rs",
            "DateTime::from_@timestamp(seconds, 0)",
        ),
        ("src/a.rs", "timestamp::from_unix(seconds, 0)"),
        (
            "src/a.rs",
            "#[cfg(test)]\nmod tests {\n    DateTime::from_@timestamp(1, 0)\n}",
        ),
        ("src/a/tests.rs", "DateTime::from_@timestamp(1, 0)"),
    ],
}];

/// Production code: without tests at the end of a file or in a file of their own.
fn shipped(source: &Source) -> Vec<(usize, &str)> {
    let ours = source.is_rust()
        && source.is_under(&["src/", "crates/rolecall-core/src/"])
        && !source.path.ends_with("/tests.rs")
        && !source.path.ends_with("/testing.rs");
    if !ours {
        return Vec::new();
    }
    let lines: Vec<(usize, &str)> = source.code().collect();
    let is_test_module = |pair: &[(usize, &str)]| {
        pair[0].1.trim() == concat!("#[cfg(", "test)]")
            && pair[1].1.contains("mod ")
            && pair[1].1.ends_with('{')
    };
    let end = lines.windows(2).position(is_test_module);
    lines[..end.unwrap_or(lines.len())].to_vec()
}

fn timestamps(source: &Source) -> Vec<Complaint> {
    const READERS: [&str; 4] = [
        concat!("from_", "timestamp"),
        concat!("parse_from_", "rfc3339"),
        concat!("timestamp_", "opt"),
        concat!("timestamp_millis_", "opt"),
    ];
    if source.path == "crates/rolecall-core/src/base/timestamp.rs" {
        return Vec::new();
    }
    let wrong = shipped(source)
        .into_iter()
        .filter(|(_, line)| READERS.iter().any(|reader| line.contains(reader)));
    wrong
        .map(|(line, _)| Complaint {
            line,
            advice: "use rolecall_core::base::timestamp, which rejects values that overflow"
                .to_owned(),
        })
        .collect()
}
