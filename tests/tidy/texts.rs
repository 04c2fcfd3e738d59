//! Rules for all texts of the repository: they must not depend on the machine they were written on.

use crate::Rule;
use crate::source::{Complaint, Source};

pub const RULES: &[Rule] = &[
    Rule {
        name: "no machine of ours",
        check: no_machine,
        breaks: &[
            ("README.md", "see /ro@ot/notes"),
            ("src/a.rs", "// in /wo@rk/main"),
            ("Dockerfile", "COPY /tmp/w@t/x"),
        ],
        keeps: &[(
            "README.md",
            "see /etc/rolecall, framework/main, https://example.com/work/",
        )],
    },
    Rule {
        name: "no registry's address",
        check: no_registry,
        breaks: &[
            (
                "tests/peers/node/package-lock.json",
                "\"resol@ved\": \"https://npm.example.com/a.tgz\"",
            ),
            ("docs/a.md", "https://registry.np@mjs.org/a"),
        ],
        keeps: &[
            (
                "tests/peers/node/package-lock.json",
                "\"integrity\": \"sha512-x\"",
            ),
            ("docs/a.md", "npm ci"),
        ],
    },
    Rule {
        name: "no trailing space",
        check: |source| {
            let wrong = source
                .lines()
                .filter(|(_, line)| !source.path.ends_with(".md") && line.ends_with([' ', '\t']));
            wrong
                .map(|(line, _)| Complaint {
                    line,
                    advice: "remove the trailing space".to_owned(),
                })
                .collect()
        },
        breaks: &[("src/a.rs", "let a = 1; \n")],
        keeps: &[
            ("src/a.rs", "let a = 1;\n"),
            ("docs/a.md", "a hard break  \n"),
        ],
    },
];

fn no_machine(source: &Source) -> Vec<Complaint> {
    const PATHS: &[&str] = &[
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/tmp/w", "t"),
    ];
    let starts = |line: &str, path: &str| {
        line.match_indices(path)
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.'))
    };
    let wrong = source
        .lines()
        .filter(|(_, line)| PATHS.iter().any(|path| starts(line, path)));
    wrong
        .map(|(line, _)| Complaint {
            line,
            advice: "path of a specific machine: write it relative to the repository".to_owned(),
        })
        .collect()
}

fn no_registry(source: &Source) -> Vec<Complaint> {
    let hosts = [
        concat!("registry.np", "mjs.org"),
        concat!("index.crates", ".io"),
        concat!("files.python", "hosted.org"),
        concat!("arti", "factory"),
    ];
    let resolved = concat!("\"resol", "ved\"");
    let wrong = source.lines().filter(|(_, line)| {
        hosts.iter().any(|host| line.contains(host))
            || (source.path.ends_with("package-lock.json") && line.contains(resolved))
    });
    wrong
        .map(|(line, _)| Complaint {
            line,
            advice: "do not name the host of a registry: its client knows it".to_owned(),
        })
        .collect()
}
