//! `--help`, `--version`, and usage errors.

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::rolecalld;

#[test]
fn every_command_has_help_with_examples() -> Result<()> {
    let folder = TempDir::new()?;
    for command in [
        &["--help"][..],
        &["serve", "--help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["who-can", "--help"],
        &["diff", "--help"],
        &["schema", "--help"],
        &["keys", "--help"],
        &["sessions", "--help"],
        &["audit", "--help"],
        &["aws", "--help"],
        &["aws", "cloudformation", "--help"],
        &["aws", "terraform", "--help"],
        &["aws", "trust-policy", "--help"],
        &["aws", "resource-control-policy", "--help"],
        &["aws", "doctor", "--help"],
    ] {
        let ran = rolecalld(folder.path(), command)?;
        ensure!(ran.code == 0 && ran.err.is_empty(), "{command:?} {ran:?}");
        ensure!(
            ran.out.contains("Examples:\n  rolecalld "),
            "{command:?} {}",
            ran.out
        );
    }
    Ok(())
}

#[test]
fn version_is_that_of_the_package() -> Result<()> {
    let ran = rolecalld(TempDir::new()?.path(), &["--version"])?;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(
        ran.out == format!("rolecalld {}\n", env!("CARGO_PKG_VERSION")),
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn usage_error_exits_with_2() -> Result<()> {
    let folder = TempDir::new()?;
    for command in [
        &[][..],
        &["frobnicate"],
        &["keys"],
        &["keys", "retire"],
        &["keys", "retire", "../../etc/passwd"],
        &["keys", "generate", "--algorithm", "HS256"],
        &["audit", "export", "--since", "yesterday"],
        &["sessions", "end"],
        &["sessions", "end", "--provider", "okta"],
        &["sessions", "end", "--user", "alice"],
        &["sessions", "end", "alice@example.com"],
        &[
            "sessions",
            "end",
            "okta/00u1",
            "--user",
            "alice@example.com",
        ],
        &["sessions", "end", "okta/00u1", "--yes"],
        &["explain"],
        &["check", "--offline"],
    ] {
        let ran = rolecalld(folder.path(), command)?;
        ensure!(ran.code == 2, "{command:?} {ran:?}");
        ensure!(
            ran.out.is_empty() && !ran.err.is_empty(),
            "{command:?} {ran:?}"
        );
    }
    Ok(())
}
