//! `cargo xtask ci`: all checks that a change must pass.
//!
//! Each step prints its name and duration. An error contains the command to run only that step.

use std::time::Instant;

use anyhow::Context;

use crate::cargo::{cargo, finish};
use crate::machine::Machine;
use crate::say::{UserError, say};
use crate::{deny, fuzz, machete, packages, test};

struct Step {
    name: &'static str,
    run: fn(&Machine) -> anyhow::Result<()>,
}

/// In order of duration.
const STEPS: &[Step] = &[
    Step {
        name: "readme",
        run: readme,
    },
    Step {
        name: "format",
        run: |machine| finish(&mut cargo(machine, &["fmt", "--all", "--check"])),
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "tidy",
        run: |machine| finish(&mut cargo(machine, &["test", "--locked", "--test", "tidy"])),
    },
    Step {
        name: "docs",
        run: |machine| {
            finish(
                cargo(machine, &["doc", "--workspace", "--no-deps", "--locked"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )
        },
    },
    Step {
        name: "deny",
        run: deny::check,
    },
    Step {
        name: "machete",
        run: machete::check,
    },
    // Before the tests, because it uses the same build.
    Step {
        name: "fuzz",
        run: |machine| fuzz::run(machine, &[]),
    },
    Step {
        name: "test",
        run: |machine| test::run(machine, &[]),
    },
];

pub(crate) fn run(machine: &Machine, names: &[String]) -> anyhow::Result<()> {
    if let Some(unknown) = names
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != name.as_str()))
    {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(UserError::new(format!(
            "unknown step `{unknown}`\nhint: the steps are {}",
            known.join(", ")
        ))
        .into());
    }
    packages::install(machine, &[packages::BUILD])?;
    for step in STEPS
        .iter()
        .filter(|step| names.is_empty() || names.iter().any(|name| name == step.name))
    {
        say(&format!("=== {} ===", step.name));
        let start = Instant::now();
        let outcome = (step.run)(machine);
        say(&format!(
            "=== {} {} after {:.1?} ===",
            step.name,
            if outcome.is_ok() { "passed" } else { "FAILED" },
            start.elapsed()
        ));
        outcome.with_context(|| {
            format!(
                "step `{0}` failed (to run only this step: cargo xtask ci {0})",
                step.name
            )
        })?;
    }
    Ok(())
}

/// Checks all targets. `radosgw` is not among "all targets", because `cargo test` does not run it.
fn clippy(machine: &Machine) -> anyhow::Result<()> {
    for targets in [
        &["--workspace", "--all-targets"][..],
        &["--test", "radosgw"],
    ] {
        let mut command = cargo(machine, &["clippy", "--locked"]);
        finish(command.args(targets).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Checks that README.md has the commands that are tested.
fn readme(machine: &Machine) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(machine.root.join("README.md")).context("cannot read README.md")?;
    for command in ["cargo xtask demo", "cargo xtask test"] {
        anyhow::ensure!(
            commands(&text).any(|line| line == command),
            "README.md does not show `{command}` in a code block"
        );
    }
    Ok(())
}

/// The lines of the fenced code blocks of a Markdown text, without prompts.
fn commands(markdown: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    markdown.lines().map(str::trim).filter(move |line| {
        if line.starts_with("```") {
            fenced = !fenced;
            return false;
        }
        fenced
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_code_blocks() {
        let text = "run `cargo xtask test`\ncargo xtask ci\n```sh\ncargo xtask demo\n```\ncargo xtask bench\n";
        assert_eq!(commands(text).collect::<Vec<_>>(), ["cargo xtask demo"]);
    }

    #[test]
    fn unknown_step_is_rejected() -> anyhow::Result<()> {
        let error = run(&Machine::here()?, &["clipy".to_owned()])
            .err()
            .context("accepted")?;
        assert!(error.is::<UserError>(), "{error}");
        Ok(())
    }
}
